/**
 * The record of the environment that the extension made for the server, in its own storage folder.
 * Each installation gets a new folder, and the record turns to it only when it is complete: a
 * running server never loses its files, and a broken installation is never found.
 */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** The name of the record in the storage folder. */
export const RECORD = "environment.json";
const PREFIX = "server-";

export interface Environment {
  readonly directory: string;
  /** The version of the bundled wheel; empty when the package came from an index. */
  readonly version: string;
}

export async function readEnvironment(storage: string): Promise<Environment | undefined> {
  let record: unknown;
  try {
    record = JSON.parse(await readFile(path.join(storage, RECORD), "utf8"));
  } catch {
    return undefined;
  }
  if (
    typeof record !== "object" ||
    record === null ||
    !("folder" in record && typeof record.folder === "string") ||
    !("version" in record && typeof record.version === "string")
  ) {
    return undefined;
  }
  return {
    directory: path.join(storage, path.basename(record.folder)),
    version: record.version,
  };
}

export function createEnvironmentFolder(storage: string): Promise<string> {
  return mkdtemp(path.join(storage, PREFIX));
}

/** Makes it the environment that is found, and removes all but this one and the one before. */
export async function adoptEnvironment(storage: string, adopted: Environment): Promise<void> {
  const previous = await readEnvironment(storage);
  const folder = path.basename(adopted.directory);
  const draft = path.join(storage, `${RECORD}.${process.pid}`);
  await writeFile(draft, JSON.stringify({ folder, version: adopted.version }));
  await rename(draft, path.join(storage, RECORD));

  const kept = [folder, previous && path.basename(previous.directory)];
  for (const name of await readdir(storage)) {
    if (name.startsWith(PREFIX) && !kept.includes(name)) {
      await removeFolder(path.join(storage, name));
    }
  }
}

/** Best effort: on Windows a program that still runs keeps its files. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}
