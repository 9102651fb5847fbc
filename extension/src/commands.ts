/** What each command of the palette and the menu does. */
import { commands, Uri, window, workspace, type Disposable } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import {
  ExplainCompletionRequest,
  ExportTraceRequest,
  RestartHostRequest,
  StatisticsRequest,
} from "./protocol";
import type { ReadOnlyDocuments } from "./documents";
import type { Server } from "./server";
import { isEnabled, isLanguageEnabled, setEnabled, setLanguageEnabled } from "./settings";
import { showStatisticsPage } from "./statistics";
import { completableEditor } from "./statusBar";

export type Commands = Readonly<Record<string, (argument?: string) => unknown>>;

export function registerCommands(table: Commands): Disposable[] {
  return Object.entries(table).map(([name, action]) =>
    commands.registerCommand(`sparrow.${name}`, action),
  );
}

export async function toggle(): Promise<void> {
  await setEnabled(!isEnabled());
}

export async function toggleLanguage(): Promise<void> {
  const languageId = completableEditor()?.document.languageId;
  if (languageId !== undefined) {
    await setLanguageEnabled(languageId, !isLanguageEnabled(languageId));
  }
}

export async function restartModel(server: Server): Promise<void> {
  await ask(server, (client) => client.sendRequest(RestartHostRequest, {}));
}

export async function explainCompletion(
  server: Server,
  documents: ReadOnlyDocuments,
): Promise<void> {
  const result = await ask(server, (client) => client.sendRequest(ExplainCompletionRequest, {}));
  if (result !== undefined) {
    await documents.show("Last Completion", result.markdown);
  }
}

export async function showStatistics(server: Server): Promise<void> {
  const result = await ask(server, (client) => client.sendRequest(StatisticsRequest, {}));
  if (result !== undefined) {
    showStatisticsPage(result);
  }
}

/** Writes code into a file: only where the user says where, and after they were told. */
export async function exportTrace(server: Server): Promise<void> {
  const choice = await window.showWarningMessage(
    "Export the last completions to a file?",
    {
      modal: true,
      detail:
        "The file will hold code: what the model was shown of your files, and what it wrote. " +
        "Look through it before you share it.",
    },
    "Choose File…",
  );
  if (choice === undefined) {
    return;
  }
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file("");
  const target = await window.showSaveDialog({
    defaultUri: Uri.joinPath(folder, "sparrow-trace.json"),
    filters: { JSON: ["json"] },
  });
  if (target === undefined) {
    return;
  }
  const result = await ask(server, (client) => client.sendRequest(ExportTraceRequest, {}));
  if (result !== undefined) {
    await workspace.fs.writeFile(target, new TextEncoder().encode(result.json));
    await window.showTextDocument(target);
  }
}

/** For what the user asked for: a failure is said. */
async function ask<T>(
  server: Server,
  request: (client: LanguageClient) => Promise<T>,
): Promise<T | undefined> {
  if (server.client === undefined) {
    void window.showInformationMessage("Sparrow's server is not running.");
    return undefined;
  }
  try {
    return await request(server.client);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    void window.showErrorMessage(`Sparrow's server answered: ${reason}`);
    return undefined;
  }
}
