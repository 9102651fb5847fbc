/**
 * Puts the server into a virtual environment of its own. Touches nothing but the storage folder,
 * and leaves nothing there when it fails.
 */
import path from "node:path";
import {
  adoptEnvironment,
  createEnvironmentFolder,
  readEnvironment,
  removeFolder,
} from "./environment";
import { withLock } from "./lock";
import { environmentProgram } from "./machine";
import type { Run } from "./process";
import type { Interpreter } from "./python";
import type { Wheel } from "./wheel";

/** An installation failed for a reason the user can do something about; the message says what. */
export class InstallError extends Error {}

const PACKAGE = "sparrow-code";

export interface Installation {
  readonly storage: string;
  readonly interpreter: Interpreter;
  /** Without a wheel the package comes from the index that pip is set up for. */
  readonly wheel: Wheel | undefined;
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly run: Run;
  readonly log: (line: string) => void;
  readonly report: (step: string) => void;
}

/**
 * One window at a time. Where another has put that version in place while this one waited, nothing is
 * left to do: a further environment would take away the one that a window may still run.
 */
export async function installAlone(
  storage: string,
  version: string,
  signal: AbortSignal,
  install: () => Promise<void>,
): Promise<void> {
  const before = await readEnvironment(storage);
  await withLock(path.join(storage, "installing"), signal, async () => {
    const now = await readEnvironment(storage);
    if (now?.directory === before?.directory || now?.version !== version) {
      await install();
    }
  });
}

export async function installServer(installation: Installation): Promise<void> {
  const { storage, wheel, signal } = installation;
  const directory = await createEnvironmentFolder(storage);
  try {
    await createEnvironment(installation, directory);
    await installPackage(installation, directory);
    signal.throwIfAborted();
    await adoptEnvironment(storage, { directory, version: wheel?.version ?? "" });
  } catch (error) {
    await removeFolder(directory);
    throw error;
  }
}

async function createEnvironment(installation: Installation, directory: string): Promise<void> {
  const { command, args } = installation.interpreter;
  installation.report("making an environment");
  await runStep(installation, command, [...args, "-I", "-m", "venv", directory], (output) =>
    /No module named '?venv|ensurepip is not available|No module named '?ensurepip/.test(output)
      ? `${command} lacks the venv module. On Debian and Ubuntu the package python3-venv brings it; ` +
        "or name another Python in the setting sparrow.python."
      : `${command} could not make a virtual environment.`,
  );
}

async function installPackage(installation: Installation, directory: string): Promise<void> {
  const python = environmentProgram(directory, "python", installation.platform);
  const requirement = installation.wheel?.file ?? PACKAGE;
  const options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"];
  installation.report("installing packages");
  await runStep(
    installation,
    python,
    ["-I", "-m", "pip", "install", ...options, requirement],
    explainPipFailure,
  );
}

export function explainPipFailure(output: string): string {
  if (/NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|SSLError/.test(output)) {
    return "pip could not reach its package index. Check the network, or the proxy and index that pip is set up for.";
  }
  if (output.includes("No space left on device")) {
    return "The disk is full.";
  }
  if (output.includes("No matching distribution found")) {
    return "The package index lacks a package that Sparrow needs, for this Python and this machine.";
  }
  return "pip could not install the server.";
}

async function runStep(
  { run, storage, env, signal, log }: Installation,
  command: string,
  args: readonly string[],
  explain: (output: string) => string,
): Promise<void> {
  log(`> ${[command, ...args].join(" ")}`);
  const { code, stdout, stderr } = await run(command, args, {
    cwd: storage,
    env,
    signal,
    onLine: log,
  });
  if (code !== 0) {
    throw new InstallError(explain(`${stdout}\n${stderr}`));
  }
}
