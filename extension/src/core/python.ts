/** Finds a Python that can carry the server. A candidate counts only when it ran and said its version. */
import { expandHome, findPrograms, isInWorkspace, searchFolders, type Machine } from "./machine";
import type { Run, RunOptions } from "./process";

export interface Interpreter {
  readonly command: string;
  /** What comes before Python's own arguments, as in `py -3.12`. */
  readonly args: readonly string[];
}

export interface Version {
  readonly major: number;
  readonly minor: number;
}

export const SUPPORTED_PYTHONS = "3.11, 3.12 or 3.13";

const NAMES = ["python3.13", "python3.12", "python3.11", "python3", "python"];
const LAUNCHER_ARGUMENTS = ["-3.13", "-3.12", "-3.11"];
const PRINT_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
const PROBE_TIMEOUT_MS = 15_000;

export function parseVersion(output: string): Version | undefined {
  const match = /^(?:Python )?(\d+)\.(\d+)\.\d+/.exec(output.trim());
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}

export function isSupported({ major, minor }: Version): boolean {
  return major === 3 && minor >= 11 && minor <= 13;
}

/**
 * The setting alone where it is set; else the interpreter selected in the editor, then PATH.
 * An interpreter inside the workspace is left out: a repository may have brought it.
 */
export async function listInterpreters(
  setting: string,
  selected: string | undefined,
  machine: Machine,
): Promise<Interpreter[]> {
  if (setting !== "") {
    return [{ command: expandHome(setting, machine), args: [] }];
  }
  const found: Interpreter[] = [];
  if (selected !== undefined && !(await isInWorkspace(selected, machine))) {
    found.push({ command: selected, args: [] });
  }
  const folders = await searchFolders(machine);
  for (const name of NAMES) {
    const programs = await findPrograms(name, folders, machine);
    found.push(...programs.map((command) => ({ command, args: [] })));
  }
  if (machine.platform === "win32") {
    const [command] = await findPrograms("py", folders, machine);
    if (command !== undefined) {
      found.push(...LAUNCHER_ARGUMENTS.map((version) => ({ command, args: [version] })));
    }
  }
  return found;
}

export interface PythonSearch {
  readonly interpreter: Interpreter | undefined;
  /** What was tried and turned down, with the reason. */
  readonly rejected: readonly string[];
}

export async function findPython(
  candidates: readonly Interpreter[],
  run: Run,
  options: RunOptions,
): Promise<PythonSearch> {
  const rejected: string[] = [];
  for (const interpreter of candidates) {
    const verdict = await probe(interpreter, run, options);
    if (verdict === "supported") {
      return { interpreter, rejected };
    }
    rejected.push(`${[interpreter.command, ...interpreter.args].join(" ")}: ${verdict}`);
  }
  return { interpreter: undefined, rejected };
}

async function probe(interpreter: Interpreter, run: Run, options: RunOptions): Promise<string> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
  try {
    const args = [...interpreter.args, "-I", "-c", PRINT_VERSION];
    const { code, stdout } = await run(interpreter.command, args, { ...options, signal });
    const version = code === 0 ? parseVersion(stdout) : undefined;
    if (version === undefined) {
      return "did not say its version";
    }
    return isSupported(version) ? "supported" : `is Python ${version.major}.${version.minor}`;
  } catch {
    options.signal.throwIfAborted();
    return "did not start";
  }
}
