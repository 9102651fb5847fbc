import assert from "node:assert/strict";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  adoptEnvironment,
  createEnvironmentFolder,
  readEnvironment,
} from "../src/core/environment";
import { explainPipFailure, InstallError, installAlone, installServer } from "../src/core/install";
import { withLock } from "../src/core/lock";
import type { Run } from "../src/core/process";
import { compareVersions, findWheel } from "../src/core/wheel";
import { fakeRun, temporaryFolder } from "./fakes";

function install(
  storage: string,
  run: Run,
  version: string | undefined,
  signal = new AbortController().signal,
): Promise<void> {
  return installServer({
    storage,
    interpreter: { command: "/usr/bin/python3", args: [] },
    wheel: version === undefined ? undefined : { file: `/bundle/${version}.whl`, version },
    platform: "linux",
    env: {},
    signal,
    run,
    log: () => undefined,
    report: () => undefined,
  });
}

test("an installation makes an environment, fills it, and is found afterwards", async (t) => {
  const storage = await temporaryFolder(t);
  const { run, lines } = fakeRun([[/./, {}]]);
  await install(storage, run, "0.1.0");
  const environment = await readEnvironment(storage);
  assert.equal(environment?.version, "0.1.0");
  assert.deepEqual(lines, [
    `/usr/bin/python3 -I -m venv ${environment.directory}`,
    `${environment.directory}/bin/python -I -m pip install --disable-pip-version-check --no-input --progress-bar off /bundle/0.1.0.whl`,
  ]);
});

test("without a wheel the package comes from the index", async (t) => {
  const { run, lines } = fakeRun([[/./, {}]]);
  await install(await temporaryFolder(t), run, undefined);
  assert.match(lines[1] ?? "", / sparrow-code$/);
});

test("a failed update leaves the old environment and no rubbish", async (t) => {
  const storage = await temporaryFolder(t);
  await install(storage, fakeRun([[/./, {}]]).run, "0.1.0");
  const before = await readdir(storage);
  const { run } = fakeRun([
    [/ pip /, { code: 1, stderr: "NewConnectionError('…')" }],
    [/./, {}],
  ]);
  await assert.rejects(install(storage, run, "0.2.0"), InstallError);
  assert.deepEqual(await readdir(storage), before);
  assert.equal((await readEnvironment(storage))?.version, "0.1.0");
});

test("a cancelled installation leaves nothing", async (t) => {
  const storage = await temporaryFolder(t);
  const { run } = fakeRun([]);
  await assert.rejects(install(storage, run, "0.1.0", AbortSignal.abort()), { name: "AbortError" });
  assert.deepEqual(await readdir(storage), []);
});

test("a Python without venv is said", async (t) => {
  const stderr = "The virtual environment was not created because ensurepip is not available.";
  const { run } = fakeRun([[/venv/, { code: 1, stderr }]]);
  await assert.rejects(install(await temporaryFolder(t), run, "0.1.0"), /lacks the venv module/);
});

const failures: readonly [string, RegExp][] = [
  ["NameResolutionError: …\nNo matching distribution found for pygls", /reach its package index/],
  ["ERROR: No matching distribution found for pygls", /lacks a package/],
  ["OSError: [Errno 28] No space left on device", /disk is full/],
  ["ERROR: something else", /could not install/],
];

for (const [output, expected] of failures) {
  test(`pip says: ${output}`, () => {
    assert.match(explainPipFailure(output), expected);
  });
}

test("the environment before the last is removed, the last one kept", async (t) => {
  const storage = await temporaryFolder(t);
  const directories: string[] = [];
  for (const version of ["1", "2", "3"]) {
    const directory = await createEnvironmentFolder(storage);
    await adoptEnvironment(storage, { directory, version });
    directories.push(path.basename(directory));
  }
  const kept = (await readdir(storage)).filter((name) => name.startsWith("server-"));
  assert.deepEqual(kept.sort(), directories.slice(1).sort());
});

test("of two windows that install the same version at once one does", async (t) => {
  const storage = await temporaryFolder(t);
  const { run, lines } = fakeRun([[/./, {}]]);
  const { signal } = new AbortController();
  const window = (version: string): Promise<void> =>
    installAlone(storage, version, signal, () => install(storage, run, version));
  await Promise.all([window("0.1.0"), window("0.1.0")]);
  assert.equal(lines.length, 2); // of one installation
  await window("0.1.0");
  assert.equal(lines.length, 4); // asked for again, as a repair is
});

for (const record of ["", "{}", "null", '{"folder": 1, "version": "1"}']) {
  test(`a broken record counts as none: ${record}`, async (t) => {
    const storage = await temporaryFolder(t);
    await writeFile(path.join(storage, "environment.json"), record);
    assert.equal(await readEnvironment(storage), undefined);
  });
}

test("the newest of the bundled wheels", async (t) => {
  const folder = await temporaryFolder(t);
  for (const version of ["0.9.0", "0.10.0", "0.10.0rc1"]) {
    await writeFile(path.join(folder, `sparrow_code-${version}-py3-none-any.whl`), "");
  }
  await writeFile(path.join(folder, "other-9.0-py3-none-any.whl"), "");
  assert.equal((await findWheel(folder))?.version, "0.10.0");
  assert.equal(await findWheel(path.join(folder, "none")), undefined);
});

test("versions in order", () => {
  const ordered = [
    "0.9",
    "0.10.dev1",
    "0.10a2",
    "0.10b1",
    "0.10rc2",
    "0.10rc10",
    "0.10",
    "0.10.post1",
    "0.10.1",
    "1.0",
  ];
  assert.deepEqual([...ordered].reverse().sort(compareVersions), ordered);
});

/** A folder whose lock somebody else has. */
async function heldBy(t: TestContext, holder: string): Promise<string> {
  const folder = await temporaryFolder(t);
  await writeFile(path.join(folder, "1"), holder);
  return folder;
}

const unhurried = (): AbortSignal => new AbortController().signal;
const enter = (): Promise<string> => Promise.resolve("entered");

test("of many that find a dead holder's lock one at a time comes to hold it", async (t) => {
  for (let round = 0; round < 5; round++) {
    const folder = await heldBy(t, `999999999@${hostname()}`);
    let inside = 0;
    const most: number[] = [];
    const enterSlowly = async (): Promise<void> => {
      inside += 1;
      most.push(inside);
      await readdir(folder);
      inside -= 1;
    };
    const holders = Array.from({ length: 40 }, () => withLock(folder, unhurried(), enterSlowly, 1));
    await Promise.all(holders);
    assert.deepEqual(most, Array<number>(40).fill(1));
    assert.ok((await readdir(folder)).length <= 20); // of those before nothing is left
  }
});

test("a lock is free again behind an action that failed", async (t) => {
  const folder = await temporaryFolder(t);
  const fail = (): Promise<never> => Promise.reject(new Error("failed"));
  await assert.rejects(withLock(folder, unhurried(), fail), /failed/);
  assert.equal(await withLock(folder, unhurried(), enter), "entered");
});

test("a lock that nobody touches is taken over, though its process number lives", async (t) => {
  const folder = await heldBy(t, `${process.pid}@${hostname()}`);
  assert.equal(await withLock(folder, unhurried(), enter, 0), "entered");
});

test("a holder that touches its lock keeps it, however long it takes", async (t) => {
  const folder = await heldBy(t, `${process.pid}@${hostname()}`);
  const file = path.join(folder, "1");
  const stopped = new AbortController();
  const waiting = withLock(folder, stopped.signal, enter, 0);
  const rejected = assert.rejects(waiting, { name: "AbortError" });
  for (let second = 1; second <= 500; second++) {
    await utimes(file, second, second);
    await delay(1);
  }
  stopped.abort();
  await rejected;
});

for (const holder of [`999999999@not-${hostname()}`, ""]) {
  test(`a holder that is not known to have ended is waited for: ${holder}`, async (t) => {
    const folder = await heldBy(t, holder);
    const stopped = new AbortController();
    const waiting = withLock(folder, stopped.signal, enter);
    const rejected = assert.rejects(waiting, { name: "AbortError" });
    await delay(20);
    stopped.abort();
    await rejected;
  });
}
