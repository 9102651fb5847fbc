import assert from "node:assert/strict";
import { test } from "node:test";
import { pathWith } from "../src/core/machine";
import { findServer, pythonEnvironment } from "../src/core/server";
import { fakeMachine, type FakeMachine } from "./fakes";

interface Case {
  readonly name: string;
  readonly setting?: string;
  readonly environment?: string;
  readonly machine: FakeMachine;
  readonly expected: object;
}

const found = (executable: string, origin: string): object => ({
  kind: "found",
  executable,
  origin,
});

const cases: readonly Case[] = [
  {
    name: "the setting comes first",
    setting: "/apps/sparrow",
    environment: "/storage/server-1",
    machine: {
      env: { PATH: "/usr/bin" },
      programs: ["/apps/sparrow", "/storage/server-1/bin/sparrow", "/usr/bin/sparrow"],
    },
    expected: found("/apps/sparrow", "setting"),
  },
  {
    name: "the setting may begin with ~",
    setting: "~/bin/sparrow",
    machine: { programs: ["/home/me/bin/sparrow"] },
    expected: found("/home/me/bin/sparrow", "setting"),
  },
  {
    name: "a setting that names nothing does not fall through",
    setting: "/apps/sparrow",
    machine: { env: { PATH: "/usr/bin" }, programs: ["/usr/bin/sparrow"] },
    expected: {
      kind: "misconfigured",
      message: "sparrow.server.path: /apps/sparrow is not a program.",
    },
  },
  {
    name: "a relative setting is refused",
    setting: "bin/sparrow",
    machine: { programs: ["bin/sparrow"] },
    expected: {
      kind: "misconfigured",
      message: "sparrow.server.path: bin/sparrow is not an absolute path.",
    },
  },
  {
    name: "our environment comes before PATH",
    environment: "/storage/server-1",
    machine: {
      env: { PATH: "/usr/bin" },
      programs: ["/storage/server-1/bin/sparrow", "/usr/bin/sparrow"],
    },
    expected: found("/storage/server-1/bin/sparrow", "environment"),
  },
  {
    name: "a broken environment falls through to PATH",
    environment: "/storage/server-1",
    machine: { env: { PATH: "/bin:/usr/bin" }, programs: ["/usr/bin/sparrow"] },
    expected: found("/usr/bin/sparrow", "path"),
  },
  {
    name: "relative and empty PATH entries are left out",
    machine: { env: { PATH: ".::bin:/usr/bin" }, programs: ["sparrow", "bin/sparrow"] },
    expected: { kind: "missing", looked: ["/usr/bin"] },
  },
  {
    name: "a PATH entry inside the workspace is left out",
    machine: {
      env: { PATH: "/code/project/.venv/bin:/code/project:/code/project-tools" },
      workspaceFolders: ["/code/project"],
      programs: [
        "/code/project/.venv/bin/sparrow",
        "/code/project/sparrow",
        "/code/project-tools/sparrow",
      ],
    },
    expected: found("/code/project-tools/sparrow", "path"),
  },
  {
    name: "a PATH entry that links into the workspace is left out",
    machine: {
      env: { PATH: "/home/me/tools" },
      workspaceFolders: ["/code/project"],
      links: { "/home/me/tools": "/code/project/tools" },
      programs: ["/home/me/tools/sparrow"],
    },
    expected: { kind: "missing", looked: [] },
  },
  {
    name: "a workspace opened through a link is seen through",
    machine: {
      env: { PATH: "/disk/project/bin" },
      workspaceFolders: ["/code/project"],
      links: { "/code/project": "/disk/project" },
      programs: ["/disk/project/bin/sparrow"],
    },
    expected: { kind: "missing", looked: [] },
  },
  {
    name: "on Windows, in the Scripts folder",
    environment: "C:\\storage\\server-1",
    machine: { platform: "win32", programs: ["C:\\storage\\server-1\\Scripts\\sparrow.exe"] },
    expected: found("C:\\storage\\server-1\\Scripts\\sparrow.exe", "environment"),
  },
  {
    name: "on Windows, PATH has any case, and so has the workspace",
    machine: {
      platform: "win32",
      env: { Path: "c:\\CODE\\bin;D:\\tools" },
      workspaceFolders: ["C:\\code"],
      programs: ["c:\\CODE\\bin\\sparrow.exe", "D:\\tools\\sparrow.exe"],
    },
    expected: found("D:\\tools\\sparrow.exe", "path"),
  },
];

for (const { name, setting, environment, machine, expected } of cases) {
  test(name, async () => {
    assert.deepEqual(await findServer(setting ?? "", environment, fakeMachine(machine)), expected);
  });
}

test("the server's environment holds nothing that redirects its Python", () => {
  const env = { HOME: "/home/me", PythonPath: ".", PYTHONHOME: "/x", PYTHONSTARTUP: "/y.py" };
  assert.deepEqual(pythonEnvironment(env), { HOME: "/home/me", PYTHONSAFEPATH: "1" });
});

test("a shell finds the programs beside the server as well, behind all others", () => {
  const linux = fakeMachine({ env: { PATH: "/usr/bin:/bin", HOME: "/home/me" } });
  assert.deepEqual(pathWith("/storage/server-1/bin/sparrow", linux), {
    PATH: "/usr/bin:/bin:/storage/server-1/bin",
  });
  const windows = fakeMachine({ platform: "win32", env: { Path: String.raw`C:\Windows` } });
  assert.deepEqual(pathWith(String.raw`C:\my storage\Scripts\sparrow.exe`, windows), {
    Path: String.raw`C:\Windows;C:\my storage\Scripts`,
  });
  assert.deepEqual(pathWith("/bin/sparrow", fakeMachine({})), { PATH: "/bin" });
});
