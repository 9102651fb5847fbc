/** What the chat's commands in the palette and the menus do. */
import { window, workspace } from "vscode";
import type { Commands } from "../commands";
import { showFailure } from "../trust";
import { activeEditor, type ChatService } from "./chatService";
import type { ChatView } from "./chatView";
import { setUpChatModel } from "./modelSetup";
import { ExportRequest, ListRequest, StopRequest } from "./requests";
import { selectionMention } from "./selection";

export function chatCommands(chat: ChatService, view: ChatView): Commands {
  return {
    newChat: () => view.reveal({ kind: "newChat" }),
    askAboutSelection: () => askAboutSelection(view),
    stopChat: telling(() => stopAll(chat)),
    exportChat: telling(() => exportChat(chat, view.shown)),
    setUpChatModel: telling(() => setUpChatModel(chat)),
  };
}

/** For what the user asked for: a failure is said. */
function telling(action: () => Promise<void>): () => Promise<void> {
  return () => action().catch(showFailure);
}

async function askAboutSelection(view: ChatView): Promise<void> {
  const editor = activeEditor();
  if (editor === undefined) {
    void window.showInformationMessage("Select code in an open file, and ask about it then.");
    return;
  }
  await view.reveal({ kind: "attach", mention: selectionMention(editor) });
}

/** Whichever answer is under way. */
async function stopAll(chat: ChatService): Promise<void> {
  const { conversations } = await chat.request(ListRequest, {});
  const running = conversations.filter(({ isRunning }) => isRunning);
  await Promise.all(running.map(({ id }) => chat.request(StopRequest, { id })));
}

async function exportChat(chat: ChatService, shown: string | null): Promise<void> {
  const id = shown ?? (await chooseConversation(chat));
  if (id !== undefined) {
    const { markdown } = await chat.request(ExportRequest, { id });
    const document = await workspace.openTextDocument({ language: "markdown", content: markdown });
    await window.showTextDocument(document);
  }
}

async function chooseConversation(chat: ChatService): Promise<string | undefined> {
  const { conversations } = await chat.request(ListRequest, {});
  const choices = conversations.map(({ id, title, updatedAt }) => ({
    id,
    label: title,
    description: new Date(updatedAt).toLocaleString(),
  }));
  if (choices.length === 0) {
    throw new Error("There is no chat to export.");
  }
  return (await window.showQuickPick(choices, { placeHolder: "Which chat is to be exported?" }))
    ?.id;
}
