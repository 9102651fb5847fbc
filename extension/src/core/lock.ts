/**
 * One window at a time. Who holds the lock has made the newest of a folder's files, which are named by
 * numbers. A file that is there cannot be made again: of all that find the newest free or forsaken, one
 * makes the next and the others find it there. Nothing that may be held is ever removed, for between the
 * look at a lock and its removal it may be another's.
 */
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 500;
/** So often the holder touches its file. */
const BEAT_MS = 5_000;
/**
 * A file that was the same at so many looks is a crash's, even if its process number lives again. Looks
 * are counted, for a machine that slept has not waited.
 */
const FORSAKEN_LOOKS = 240;
/** Of so many holders the files are kept: nobody's view of the folder is that old. */
const KEPT = 20;
const FREE = "free";
const SELF = `${process.pid}@${hostname()}`;

/** Waits until no living process holds the lock, then runs the action. Rejects with an AbortError. */
export async function withLock<T>(
  folder: string,
  signal: AbortSignal,
  action: () => Promise<T>,
  pollMs = POLL_MS,
): Promise<T> {
  const own = await take(folder, signal, pollMs);
  const beat = setInterval(() => {
    const now = new Date();
    void utimes(own, now, now).catch(() => undefined); // without it others wait no longer for this one
  }, BEAT_MS);
  try {
    return await action();
  } finally {
    clearInterval(beat);
    await writeFile(own, FREE);
  }
}

/** The file that holds the lock, once it is made. */
async function take(folder: string, signal: AbortSignal, pollMs: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  let last: Look = { number: 0, holder: FREE, touchedMs: 0 };
  let looks = 0;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look(folder);
    const isSame = seen.number === last.number && seen.touchedMs === last.touchedMs;
    looks = isSame ? looks + 1 : 0;
    last = seen;
    if (seen.holder === FREE || hasEnded(seen.holder) || looks >= FORSAKEN_LOOKS) {
      const file = path.join(folder, String(seen.number + 1));
      if (await make(file)) {
        await rm(path.join(folder, String(seen.number + 1 - KEPT)), { force: true });
        return file;
      }
    }
    await delay(pollMs, undefined, { signal });
  }
}

interface Look {
  /** Of the newest file; 0 where there is none. */
  readonly number: number;
  readonly holder: string;
  readonly touchedMs: number;
}

async function look(folder: string): Promise<Look> {
  const number = Math.max(0, ...(await readdir(folder)).map(Number).filter(Number.isInteger));
  if (number === 0) {
    return { number, holder: FREE, touchedMs: 0 };
  }
  const file = path.join(folder, String(number));
  const { mtimeMs } = await stat(file);
  return { number, holder: await readFile(file, "utf8"), touchedMs: mtimeMs };
}

/** False where the file is there already. */
async function make(file: string): Promise<boolean> {
  try {
    await writeFile(file, SELF, { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

/** Whether a holder is known to have ended: one of another machine, or that has not said who it is, is not. */
function hasEnded(holder: string): boolean {
  const [, pid, host] = /^(\d+)@(.+)$/s.exec(holder) ?? [];
  if (pid === undefined || host !== hostname()) {
    return false;
  }
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
