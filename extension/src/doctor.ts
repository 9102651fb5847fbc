/** Runs `sparrow doctor` and shows its report. */
import { ProgressLocation, version, window, workspace } from "vscode";
import {
  explainTimeout,
  layerLookedAt,
  parseLayers,
  renderReport,
  type Layer,
} from "./core/doctor";
import { isAbort, run } from "./core/process";
import { NotRetryable } from "./core/supervisor";
import type { ReadOnlyDocuments } from "./documents";
import { locateServer, ServerMissing } from "./server";
import type { ApiKeyStore } from "./core/apiKeys";
import { chatModel, completionModel, engineArgs } from "./settings";

const TIMEOUT_MINUTES = 4;
/** Where `sparrow doctor` looks for keys: what is on a command line, everybody can see. */
const KEYS_VARIABLE = "SPARROW_API_KEYS";

export async function runDoctor(
  storage: string,
  extensionVersion: string,
  documents: ReadOnlyDocuments,
  apiKeys: ApiKeyStore,
): Promise<void> {
  const options = { location: ProgressLocation.Window, title: "Sparrow looks itself over" };
  const editor: Layer = {
    name: "Editor",
    state: "ok",
    summary: `Extension ${extensionVersion} in VS Code ${version}.`,
    hint: "",
  };
  const layers = await window.withProgress(options, (progress) =>
    examine(storage, apiKeys, (layer) => {
      progress.report({ message: layer });
    }),
  );
  await documents.show("Sparrow Doctor", renderReport([editor, ...layers]));
}

async function examine(
  storage: string,
  apiKeys: ApiKeyStore,
  onLayer: (name: string) => void,
): Promise<Layer[]> {
  let executable = "sparrow";
  let last: string | undefined;
  const onLine = (line: string): void => {
    const layer = layerLookedAt(line);
    if (layer !== undefined) {
      last = layer;
      onLayer(layer);
    }
  };
  try {
    const launch = await locateServer(storage);
    executable = launch.executable;
    const signal = AbortSignal.timeout(TIMEOUT_MINUTES * 60_000);
    const env = { ...launch.env, [KEYS_VARIABLE]: JSON.stringify(await apiKeys.all()) };
    const options = { ...launch, env, signal, onLine };
    const { stdout, stderr } = await run(executable, doctorArguments(), options);
    const layers = parseLayers(stdout);
    return layers === undefined
      ? [failure(`${executable} doctor printed no report.`, stderr.trim())]
      : [{ name: "Program", state: "ok", summary: executable, hint: "" }, ...layers];
  } catch (error) {
    if (error instanceof ServerMissing) {
      const looked = error.looked.map((place) => `\`${place}\``);
      const summary = [`${error.message} Looked at:`, ...looked].join("\n");
      return [failure(summary, "Run `Sparrow: Install Server`.")];
    }
    if (error instanceof NotRetryable) {
      return [failure(error.message, "Correct the setting, or empty it.")];
    }
    if (isAbort(error)) {
      return [explainTimeout(TIMEOUT_MINUTES, last)];
    }
    return [failure(`${executable} doctor did not run: ${String(error)}`, "")];
  }
}

function doctorArguments(): string[] {
  return [
    "doctor",
    "--json",
    ...["--model", completionModel(), "--engine-args", JSON.stringify(engineArgs("completion"))],
    ...["--folder", workspace.workspaceFolders?.[0]?.uri.fsPath ?? ""],
    ...["--chat-model", chatModel(), "--chat-engine-args", JSON.stringify(engineArgs("chat"))],
  ];
}

function failure(summary: string, hint: string): Layer {
  return { name: "Program", state: "error", summary, hint };
}
