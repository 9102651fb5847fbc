/** The files that something may be moved to, as a list to choose from. */

export interface Target {
  readonly label: string;
  readonly description: string;
  readonly path: string;
}

/** By path in the workspace folder: those beside the own file first, then by folder and name. */
export function targets(own: string, paths: readonly string[]): Target[] {
  const home = folderOf(own);
  return paths
    .map((path) => ({ label: nameOf(path), description: folderOf(path), path }))
    .sort(
      (one, other) =>
        Number(other.description === home) - Number(one.description === home) ||
        one.description.localeCompare(other.description) ||
        one.label.localeCompare(other.label),
    );
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
