/** What each command of the palette and the menu does. */
import { homedir } from "node:os";
import { commands, Uri, window, workspace, type Disposable } from "vscode";
import type { RequestType } from "vscode-languageclient/node";
import {
  ExplainCompletionRequest,
  ExportTraceRequest,
  RestartHostRequest,
  StatisticsRequest,
  type NoFields,
} from "./protocol";
import { sentence } from "./core/chat/failure";
import type { ReadOnlyDocuments } from "./documents";
import type { Server } from "./server";
import { request, runningClient } from "./serverRequests";
import { isEnabled, isLanguageEnabled, setEnabled, setLanguageEnabled } from "./settings";
import { showStatisticsPage } from "./statistics";
import { completableEditor } from "./statusBar";
import { showFailure } from "./trust";

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
  if (languageId === undefined) {
    void window.showInformationMessage(
      "Open a file first: completions are turned on or off for its language.",
    );
    return;
  }
  await setLanguageEnabled(languageId, !isLanguageEnabled(languageId));
}

export async function restartModel(server: Server): Promise<void> {
  await ask(server, RestartHostRequest);
}

export async function explainCompletion(
  server: Server,
  documents: ReadOnlyDocuments,
): Promise<void> {
  const result = await ask(server, ExplainCompletionRequest);
  if (result !== undefined) {
    await documents.show("Last Completion", result.markdown);
  }
}

export async function showStatistics(server: Server): Promise<void> {
  const result = await ask(server, StatisticsRequest);
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
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file(homedir());
  const target = await window.showSaveDialog({
    defaultUri: Uri.joinPath(folder, "sparrow-trace.json"),
    filters: { JSON: ["json"] },
  });
  if (target === undefined) {
    return;
  }
  const result = await ask(server, ExportTraceRequest);
  if (result !== undefined && (await isWritten(target, result.json))) {
    await window.showTextDocument(target);
  }
}

async function isWritten(target: Uri, text: string): Promise<boolean> {
  try {
    await workspace.fs.writeFile(target, new TextEncoder().encode(text));
    return true;
  } catch (error) {
    const reason = sentence(error instanceof Error ? error.message : String(error));
    void window.showErrorMessage(
      `The trace was not written to ${target.fsPath}. ${reason} Choose a folder that you may write to.`,
    );
    return false;
  }
}

/** For what the user asked for: a failure is said. */
async function ask<T>(
  server: Server,
  type: RequestType<NoFields, T, void>,
): Promise<T | undefined> {
  try {
    return await request(runningClient(server), type, {});
  } catch (error) {
    await showFailure(error);
    return undefined;
  }
}
