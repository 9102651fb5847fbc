/** Where two texts differ, line by line. */
import { diffLines } from "diff";

/** Lines from 0, the ends not included, and what stood there before. */
export interface Hunk {
  readonly start: number;
  readonly end: number;
  readonly before: string;
}

/** What has to be put back, and where, for `after` to become `before`. */
export function hunksOf(before: string, after: string): Hunk[] {
  const hunks: Hunk[] = [];
  let line = 0;
  let open: { start: number; before: string } | undefined;
  const close = (): void => {
    if (open !== undefined) {
      hunks.push({ ...open, end: line });
      open = undefined;
    }
  };
  for (const part of diffLines(before, after)) {
    if (!part.added && !part.removed) {
      close();
      line += part.count;
      continue;
    }
    open ??= { start: line, before: "" };
    if (part.removed) {
      open.before += part.value;
    } else {
      line += part.count;
    }
  }
  close();
  return hunks;
}

/** The hunk at a line, or the next one behind it, or else the last. */
export function hunkAt(hunks: readonly Hunk[], line: number): Hunk | undefined {
  return hunks.find(({ start, end }) => line < Math.max(end, start + 1)) ?? hunks.at(-1);
}
