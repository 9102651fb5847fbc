import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { Machine } from "../src/core/machine";
import type { Run, RunResult } from "../src/core/process";

export interface FakeMachine {
  readonly platform?: NodeJS.Platform;
  readonly env?: NodeJS.ProcessEnv;
  readonly workspaceFolders?: readonly string[];
  readonly programs?: readonly string[];
  /** Symbolic links, from path to target. */
  readonly links?: Readonly<Record<string, string>>;
}

export function fakeMachine(fake: FakeMachine): Machine {
  return {
    platform: fake.platform ?? "linux",
    env: fake.env ?? {},
    home: "/home/me",
    workspaceFolders: fake.workspaceFolders ?? [],
    isExecutable: (file) => Promise.resolve((fake.programs ?? []).includes(file)),
    realPath: (file) => Promise.resolve(fake.links?.[file] ?? file),
  };
}

/** Answers by the command line; refuses one that no pattern knows. */
export function fakeRun(answers: readonly (readonly [RegExp, Partial<RunResult> | Error])[]): {
  run: Run;
  lines: string[];
} {
  const lines: string[] = [];
  const run: Run = (command, args, { signal }) => {
    signal.throwIfAborted();
    const line = [command, ...args].join(" ");
    lines.push(line);
    const answer = answers.find(([pattern]) => pattern.test(line))?.[1];
    if (answer === undefined || answer instanceof Error) {
      return Promise.reject(answer ?? new Error(`unexpected: ${line}`));
    }
    return Promise.resolve({ code: 0, stdout: "", stderr: "", ...answer });
  };
  return { run, lines };
}

export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "sparrow-test-"));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
