/** Asks for the keys of OpenAI-compatible servers, and hands them to the language server. */
import { window, type Disposable, type LogOutputChannel, type SecretStorage } from "vscode";
import { problemOfKey, serversOf, type ApiKeyStore } from "./core/apiKeys";
import { SetApiKeysNotification } from "./protocol";
import type { Server } from "./server";
import { chatModel, completionModel, openSetting } from "./settings";

export async function setApiKey(apiKeys: ApiKeyStore): Promise<void> {
  const server = await chooseServer();
  if (server === undefined) {
    return;
  }
  const key = await window.showInputBox({
    title: `API key of ${server}`,
    prompt: "It is kept in the editor's store of secrets and goes to this server alone.",
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) => problemOfKey(value.trim()),
  });
  if (key !== undefined) {
    await apiKeys.set(server, key.trim());
    void window.setStatusBarMessage(`The key of ${server} is stored.`, 5_000);
  }
}

export async function clearApiKey(apiKeys: ApiKeyStore): Promise<void> {
  const servers = await apiKeys.servers();
  if (servers.length === 0) {
    void window.showInformationMessage("Sparrow has stored no API key.");
    return;
  }
  const placeHolder = "Whose key is to be forgotten?";
  const server = await window.showQuickPick(servers, { placeHolder });
  if (server !== undefined) {
    await apiKeys.clear(server);
    void window.setStatusBarMessage(`The key of ${server} is forgotten.`, 5_000);
  }
}

/** All windows hear of a change, whichever made it. */
export function watchApiKeys(
  secrets: SecretStorage,
  apiKeys: ApiKeyStore,
  server: Server,
  output: LogOutputChannel,
): Disposable {
  return secrets.onDidChange(async () => {
    try {
      await server.client?.sendNotification(SetApiKeysNotification, {
        apiKeys: await apiKeys.all(),
      });
    } catch {
      // Not the error itself, which may tell what could not be sent.
      output.error("The server could not be told of a changed API key: restart it.");
    }
  });
}

async function chooseServer(): Promise<string | undefined> {
  const [first, ...more] = serversOf([completionModel(), chatModel()]);
  if (first === undefined) {
    const open = "Open Settings";
    const message = "No model is set that is behind `openai:`, and no other needs a key.";
    if ((await window.showInformationMessage(message, open)) === open) {
      await openSetting("completion.model");
    }
    return undefined;
  }
  const placeHolder = "Which server is the key for?";
  return more.length === 0 ? first : window.showQuickPick([first, ...more], { placeHolder });
}
