import assert from "node:assert/strict";
import { test } from "node:test";
import { findPython, isSupported, listInterpreters, parseVersion } from "../src/core/python";
import { fakeMachine, fakeRun } from "./fakes";

const versions: readonly [string, boolean | undefined][] = [
  ["3.11.0\n", true],
  ["3.13.2", true],
  ["Python 3.12.1", true],
  ["3.12.0rc1", true],
  ["3.10.14", false],
  ["3.14.0", false],
  ["3.1.1", false],
  ["2.7.18", false],
  ["4.11.0", false],
  ["", undefined],
  ["pyenv: version not installed 3.12.1", undefined],
];

for (const [output, expected] of versions) {
  test(`version ${JSON.stringify(output)}`, () => {
    const version = parseVersion(output);
    assert.equal(version && isSupported(version), expected);
  });
}

test("candidates: the selected interpreter, then PATH from the newest name down", async () => {
  const machine = fakeMachine({
    env: { PATH: "/shims:/usr/bin" },
    programs: ["/shims/python3.12", "/usr/bin/python3.12", "/usr/bin/python3"],
  });
  assert.deepEqual(
    (await listInterpreters("", "/conda/bin/python", machine)).map(({ command }) => command),
    ["/conda/bin/python", "/shims/python3.12", "/usr/bin/python3.12", "/usr/bin/python3"],
  );
});

test("candidates: the setting stands alone", async () => {
  const machine = fakeMachine({ env: { PATH: "/usr/bin" }, programs: ["/usr/bin/python3"] });
  assert.deepEqual(await listInterpreters("~/python", "/conda/python", machine), [
    { command: "/home/me/python", args: [] },
  ]);
});

test("candidates: nothing from inside the workspace", async () => {
  const machine = fakeMachine({
    env: { PATH: "/code/.venv/bin" },
    workspaceFolders: ["/code"],
    programs: ["/code/.venv/bin/python3"],
  });
  assert.deepEqual(await listInterpreters("", "/code/.venv/bin/python", machine), []);
});

test("candidates: the launcher on Windows", async () => {
  const machine = fakeMachine({
    platform: "win32",
    env: { Path: "C:\\Windows" },
    programs: ["C:\\Windows\\py.exe"],
  });
  assert.deepEqual(
    (await listInterpreters("", undefined, machine)).map(({ args }) => args),
    [["-3.13"], ["-3.12"], ["-3.11"]],
  );
});

const options = { cwd: "/", env: {}, signal: new AbortController().signal };
const candidates = ["/a", "/b", "/c", "/d"].map((command) => ({ command, args: [] }));

test("the first candidate that runs and fits is taken; the others are explained", async () => {
  const { run, lines } = fakeRun([
    [/^\/a/, { code: 127, stderr: "not installed" }],
    [/^\/b/, new Error("ENOENT")],
    [/^\/c/, { stdout: "3.9.1\n" }],
    [/^\/d/, { stdout: "3.13.0\n" }],
  ]);
  const search = await findPython(candidates, run, options);
  assert.equal(search.interpreter?.command, "/d");
  assert.deepEqual(search.rejected, [
    "/a: did not say its version",
    "/b: did not start",
    "/c: is Python 3.9",
  ]);
  assert.ok(lines.every((line) => line.includes(" -I -c ")));
});

test("none fits", async () => {
  const { run } = fakeRun([[/./, { stdout: "3.9.1" }]]);
  const search = await findPython(candidates, run, options);
  assert.equal(search.interpreter, undefined);
  assert.equal(search.rejected.length, 4);
});

test("a cancelled search ends", async () => {
  const { run } = fakeRun([]);
  const signal = AbortSignal.abort();
  await assert.rejects(findPython(candidates, run, { ...options, signal }), { name: "AbortError" });
});
