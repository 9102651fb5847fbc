/** One window at a time: a file that holds the process number of who works behind it. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 500;
/** An older lock is a crash's, even if its process number lives again after a reboot. */
const LONGEST_MS = 15 * 60_000;

/** Waits until no living process holds the lock, then runs the action. Rejects with an AbortError. */
export async function withLock<T>(
  file: string,
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T> {
  while (!(await tryLock(file))) {
    await delay(POLL_MS, undefined, { signal });
  }
  try {
    return await action();
  } finally {
    await rm(file, { force: true });
  }
}

async function tryLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
      throw error;
    }
  }
  if (await isStale(file)) {
    await rm(file, { force: true });
  }
  return false;
}

async function isStale(file: string): Promise<boolean> {
  try {
    const holder = Number(await readFile(file, "utf8"));
    const ageMs = Date.now() - (await stat(file)).mtimeMs;
    return ageMs > LONGEST_MS || (holder > 0 && !isAlive(holder));
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
