import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import type { TerminalOptions } from "vscode";
import type { ChatService } from "../src/chat/chatService";
import { setUpChatModel } from "../src/chat/modelSetup";
import { window, workspace } from "./editor/vscode";

test("the terminal of a chat model's download finds the server's own program", async () => {
  const settings: unknown[][] = [];
  const terminals: TerminalOptions[] = [];
  const typed: unknown[][] = [];
  Object.assign(workspace, {
    getConfiguration: () => ({ update: (...what: unknown[]) => void settings.push(what) }),
  });
  Object.assign(window, {
    showInformationMessage: () => Promise.resolve("Use It"),
    createTerminal: (options: TerminalOptions) => {
      terminals.push(options);
      return { show: () => undefined, sendText: (...what: unknown[]) => void typed.push(what) };
    },
  });
  const proposal = { model: "small", why: "It fits.", command: "sparrow download small" };
  const chat = {
    session: { executable: path.join("/storage", "server-1", "bin", "sparrow") },
    request: () => Promise.resolve({ proposal, message: "" }),
  };
  await setUpChatModel(chat as unknown as ChatService);
  assert.deepEqual(settings, [["chat.model", "small", undefined]]);
  assert.deepEqual(typed, [["sparrow download small", false]]);
  const folders = terminals[0]?.env?.["PATH"]?.split(path.delimiter);
  assert.equal(folders?.at(-1), path.join("/storage", "server-1", "bin"));
});
