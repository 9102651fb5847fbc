/** The wheel of the server that is bundled with the extension. */
import { readdir } from "node:fs/promises";
import path from "node:path";

export interface Wheel {
  readonly file: string;
  readonly version: string;
}

/** The newest `sparrow_code` wheel of the folder, or undefined. */
export async function findWheel(folder: string): Promise<Wheel | undefined> {
  const names = await readdir(folder).catch((): string[] => []);
  return names
    .flatMap((name) => {
      const version = wheelVersion(name);
      return version === undefined ? [] : [{ file: path.join(folder, name), version }];
    })
    .sort((left, right) => compareVersions(left.version, right.version))
    .at(-1);
}

function wheelVersion(name: string): string | undefined {
  return /^sparrow_code-([^-]+)-.+\.whl$/.exec(name)?.[1];
}

/** By release numbers, a final release after its development, alpha, beta and candidate ones. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parse(left), parse(right)];
  for (let index = 0; index < Math.max(a.release.length, b.release.length); index++) {
    const difference = (a.release[index] ?? 0) - (b.release[index] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.stage - b.stage || a.rest.localeCompare(b.rest, "en", { numeric: true });
}

function parse(version: string): { release: number[]; stage: number; rest: string } {
  const match = /^(\d+(?:\.\d+)*)(.*)$/.exec(version);
  const rest = match?.[2] ?? version;
  const release = (match?.[1] ?? "").split(".").map(Number);
  const stages = [/^\.dev/, /^a/, /^b/, /^rc/, /^(\+|$)/, /^\.post/];
  return { release, stage: stages.findIndex((stage) => stage.test(rest)), rest };
}
