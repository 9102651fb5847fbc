/** Answers what the web view asks: by the server, or by what the editor does. */
import { commands, env, window, workspace } from "vscode";
import type { ChatMention } from "../chatProtocol";
import type { Method, ParamsOf, ResultOf } from "../core/chat/viewMessages";
import { FIX_COMMAND } from "../fix";
import { manageTrust } from "../trust";
import { activeEditor, type ChatService } from "./chatService";
import { setUpChatModel } from "./modelSetup";
import { follow, readMentioned, reveal } from "./places";
import {
  ApplyRequest,
  ContextRequest,
  DeleteRequest,
  ListRequest,
  OpenRequest,
  RegenerateRequest,
  RenameRequest,
  SendRequest,
  StateRequest,
  StopRequest,
  SuggestRequest,
} from "./requests";
import { selectionMention } from "./selection";

/** Each rejects with a message for the user. */
export type Relay = {
  readonly [M in Method]: (params: ParamsOf<M>) => Promise<ResultOf<M>>;
};

export function createRelay(chat: ChatService, onShowing: (id: string | null) => void): Relay {
  return {
    list: () => chat.request(ListRequest, {}),
    state: () => chat.request(StateRequest, {}),
    open: ({ id }) => chat.request(OpenRequest, { id }),
    send: async (params) => chat.request(SendRequest, { ...params, ...chat.place() }),
    regenerate: ({ id }) => chat.request(RegenerateRequest, { id }),
    stop: ({ id }) => chat.request(StopRequest, { id }),
    rename: ({ id, title }) => chat.request(RenameRequest, { id, title }),
    delete: async ({ id, title }) => {
      const choice = await window.showWarningMessage(
        `Delete the chat “${title}”?`,
        { modal: true, detail: "It is deleted from this machine and cannot be brought back." },
        "Delete",
      );
      if (choice === "Delete") {
        await chat.request(DeleteRequest, { id });
      }
      return { isDone: choice === "Delete" };
    },
    suggest: async ({ query }) => {
      const { uri } = chat.place();
      const { mentions } = await chat.request(SuggestRequest, { query, uri });
      return { mentions: mentions.flatMap(filledIn) };
    },
    context: async (params) => chat.request(ContextRequest, { ...params, ...chat.place() }),
    apply: async (params) => {
      const { uri } = chat.place();
      const edit = await chat.request(ApplyRequest, { ...params, uri });
      const changes = await chat.client.protocol2CodeConverter.asWorkspaceEdit(edit);
      return { isDone: await workspace.applyEdit(changes, { isRefactoring: true }) };
    },
    copy: async ({ text }) => {
      await env.clipboard.writeText(text);
      return {};
    },
    insert: async ({ text }) => {
      await insertAtCursor(text);
      return {};
    },
    follow: async ({ target }) => {
      await follow(target, chat);
      return {};
    },
    reveal: async ({ mention }) => {
      await reveal(mention);
      return {};
    },
    fix: async ({ text, mentions }) => {
      const issues = mentions.filter(({ kind }) => kind === "issue");
      const told = await Promise.all(issues.map(readMentioned));
      // It takes minutes and tells of itself: the chat need not wait.
      void commands.executeCommand(FIX_COMMAND, undefined, [text, ...told].join("\n\n"));
      return {};
    },
    setUpModel: async () => {
      await setUpChatModel(chat);
      return {};
    },
    manageTrust: async () => {
      await manageTrust();
      return {};
    },
    showing: ({ id }) => {
      onShowing(id);
      return Promise.resolve({});
    },
  };
}

/** What is selected is known here; the mention of it gets its place, or is left out. */
function filledIn(mention: ChatMention): readonly ChatMention[] {
  if (mention.kind !== "selection" || mention.ref !== "") {
    return [mention];
  }
  const editor = activeEditor();
  return editor === undefined || editor.selection.isEmpty
    ? []
    : [{ ...selectionMention(editor), label: mention.label }];
}

/** In the place of the selection, as one step of undo. */
async function insertAtCursor(text: string): Promise<void> {
  const editor = activeEditor();
  if (editor === undefined) {
    throw new Error("No file is open to insert the code into. Open one, and put the cursor there.");
  }
  const isDone = await editor.edit((builder) => {
    for (const selection of editor.selections) {
      builder.replace(selection, text);
    }
  });
  if (!isDone) {
    throw new Error("The editor did not take the code; the file may be read-only.");
  }
  await window.showTextDocument(editor.document, editor.viewColumn);
}
