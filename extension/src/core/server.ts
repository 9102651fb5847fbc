/**
 * Where the server is: the setting, then the environment that the extension installed, then PATH.
 * A setting that names no program is an error and never falls through to something else.
 */
import {
  environmentProgram,
  expandHome,
  findPrograms,
  pathsOf,
  searchFolders,
  type Machine,
} from "./machine";

export type Origin = "setting" | "environment" | "path";

export interface Found {
  readonly kind: "found";
  readonly executable: string;
  readonly origin: Origin;
}

export interface Missing {
  readonly kind: "missing";
  readonly looked: readonly string[];
}

export interface Misconfigured {
  readonly kind: "misconfigured";
  readonly message: string;
}

export async function findServer(
  setting: string,
  environmentDirectory: string | undefined,
  machine: Machine,
): Promise<Found | Missing | Misconfigured> {
  if (setting !== "") {
    return checkSetting(expandHome(setting, machine), machine);
  }
  const looked: string[] = [];
  if (environmentDirectory !== undefined) {
    const executable = environmentProgram(environmentDirectory, "sparrow", machine.platform);
    if (await machine.isExecutable(executable)) {
      return { kind: "found", executable, origin: "environment" };
    }
    looked.push(executable);
  }
  const folders = await searchFolders(machine);
  const [executable] = await findPrograms("sparrow", folders, machine);
  return executable === undefined
    ? { kind: "missing", looked: [...looked, ...folders] }
    : { kind: "found", executable, origin: "path" };
}

async function checkSetting(file: string, machine: Machine): Promise<Found | Misconfigured> {
  if (!pathsOf(machine.platform).isAbsolute(file)) {
    return misconfigured(`${file} is not an absolute path`);
  }
  return (await machine.isExecutable(file))
    ? { kind: "found", executable: file, origin: "setting" }
    : misconfigured(`${file} is not a program`);
}

function misconfigured(reason: string): Misconfigured {
  return { kind: "misconfigured", message: `sparrow.server.path: ${reason}.` };
}

const DROPPED_VARIABLES = ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"];

/** The environment for the server's Python: no variable of the user's can put code before its own. */
export function pythonEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !DROPPED_VARIABLES.includes(name.toUpperCase()),
  );
  return { ...Object.fromEntries(kept), PYTHONSAFEPATH: "1" };
}
