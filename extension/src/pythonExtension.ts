/** Asks the Python extension, where there is one, which interpreter the user has selected. */
import { setTimeout as delay } from "node:timers/promises";
import { extensions, type Uri } from "vscode";

const TIMEOUT_MS = 5_000;

/** The part of that extension's interface that is used here. */
interface PythonApi {
  readonly environments?: {
    getActiveEnvironmentPath(): { readonly path: string };
    resolveEnvironment(environment: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri: Uri | undefined } } | undefined>;
  };
}

/** Undefined without that extension, without a selection, or when there is no answer in time. */
export function selectedInterpreter(): Promise<string | undefined> {
  return Promise.race([askExtension(), delay(TIMEOUT_MS, undefined, { ref: false })]);
}

async function askExtension(): Promise<string | undefined> {
  const extension = extensions.getExtension<PythonApi | undefined>("ms-python.python");
  try {
    const environments = (await extension?.activate())?.environments;
    const active = environments?.getActiveEnvironmentPath();
    const environment = active && (await environments?.resolveEnvironment(active));
    return environment?.executable.uri?.fsPath;
  } catch {
    return undefined;
  }
}
