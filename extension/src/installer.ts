/** Installing and updating the server, as the user sees it. */
import { mkdir } from "node:fs/promises";
import { ProgressLocation, window, type CancellationToken, type LogOutputChannel } from "vscode";
import { readEnvironment } from "./core/environment";
import { InstallError, installAlone, installServer } from "./core/install";
import { isAbort, run } from "./core/process";
import { findPython, listInterpreters, SUPPORTED_PYTHONS } from "./core/python";
import { pythonEnvironment } from "./core/server";
import { findWheel, type Wheel } from "./core/wheel";
import { selectedInterpreter } from "./pythonExtension";
import { currentMachine } from "./server";
import { openSetting, pythonPath, serverPath, setServerPath } from "./settings";

export interface Folders {
  /** Ours to write to. */
  readonly storage: string;
  /** Where the extension carries its wheel. */
  readonly bundle: string;
}

/** Installs with a notification that shows the progress; says whether the server is there now. */
export async function installWithProgress(
  folders: Folders,
  output: LogOutputChannel,
): Promise<boolean> {
  const options = {
    location: ProgressLocation.Notification,
    title: "Installing Sparrow",
    cancellable: true,
  };
  try {
    const isTooLate = await window.withProgress(options, async (progress, token) => {
      const wheel = await findWheel(folders.bundle);
      await install(folders.storage, wheel, output, abortSignalOf(token), (message) => {
        progress.report({ message });
      });
      return token.isCancellationRequested;
    });
    if (isTooLate) {
      void window.showInformationMessage(
        "Sparrow was installed before it could be cancelled, and is used from now on.",
      );
    }
    return true;
  } catch (error) {
    if (!isAbort(error)) {
      output.error(error instanceof Error ? error : String(error));
      void showFailure(error, output);
    }
    return false;
  }
}

/** Brings our own environment to the bundled version; says whether anything changed. */
export async function updateQuietly(folders: Folders, output: LogOutputChannel): Promise<boolean> {
  const wheel = await findWheel(folders.bundle);
  const isCurrent = async (): Promise<boolean> => {
    const environment = await readEnvironment(folders.storage);
    return environment === undefined || environment.version === wheel?.version;
  };
  if (wheel === undefined || serverPath() !== "" || (await isCurrent())) {
    return false;
  }
  const options = { location: ProgressLocation.Window, title: "Updating Sparrow" };
  try {
    return await window.withProgress(options, async () => {
      await install(folders.storage, wheel, output, new AbortController().signal);
      return true;
    });
  } catch (error) {
    output.warn(
      `The update to ${wheel.version} failed; the server stays as it is. ${String(error)}`,
    );
    return false;
  }
}

export async function chooseExecutable(): Promise<void> {
  const [uri] = (await window.showOpenDialog({ title: "The sparrow program" })) ?? [];
  if (uri !== undefined) {
    await setServerPath(uri.fsPath);
  }
}

async function install(
  storage: string,
  wheel: Wheel | undefined,
  output: LogOutputChannel,
  signal: AbortSignal,
  report: (step: string) => void = () => undefined,
): Promise<void> {
  await mkdir(storage, { recursive: true });
  report("waiting for another window");
  await installAlone(storage, wheel?.version ?? "", signal, async () => {
    report("looking for Python");
    const machine = currentMachine();
    const env = pythonEnvironment(machine.env);
    const setting = pythonPath();
    const candidates = await listInterpreters(setting, await selectedInterpreter(), machine);
    const search = await findPython(candidates, run, { cwd: storage, env, signal });
    search.rejected.forEach((line) => {
      output.info(line);
    });
    if (search.interpreter === undefined) {
      throw new InstallError(explainNoPython(setting, search.rejected));
    }
    await installServer({
      storage,
      interpreter: search.interpreter,
      wheel,
      platform: machine.platform,
      env,
      signal,
      run,
      log: (line) => {
        output.info(line);
      },
      report,
    });
  });
}

function explainNoPython(setting: string, rejected: readonly string[]): string {
  const place = setting === "" ? "in the Python extension and on PATH" : "at sparrow.python";
  const tried = rejected.length === 0 ? "found none" : rejected.join("; ");
  return (
    `Sparrow needs Python ${SUPPORTED_PYTHONS}. Looked ${place}: ${tried}. ` +
    "Programs inside the opened workspace don't count."
  );
}

async function showFailure(error: unknown, output: LogOutputChannel): Promise<void> {
  const reason = error instanceof InstallError ? error.message : `Unexpected: ${String(error)}`;
  const [showOutput, openSettings] = ["Show Output", "Open Settings"];
  const message = `Sparrow was not installed. ${reason}`;
  const choice = await window.showErrorMessage(message, showOutput, openSettings);
  if (choice === showOutput) {
    output.show();
  } else if (choice === openSettings) {
    await openSetting("python");
  }
}

function abortSignalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  token.onCancellationRequested(() => {
    controller.abort();
  });
  return controller.signal;
}
