/** What each command of the palette and the menu does. */
import { commands, window, type Disposable } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { ExplainCompletionRequest, RestartHostRequest } from "./protocol";
import type { ReadOnlyDocuments } from "./documents";
import type { Server } from "./server";
import { isEnabled, isLanguageEnabled, setEnabled, setLanguageEnabled } from "./settings";
import { completableEditor } from "./statusBar";

export type Commands = Readonly<Record<string, () => unknown>>;

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
