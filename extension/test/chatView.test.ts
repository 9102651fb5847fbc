import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { beforeEach, test } from "node:test";
import type * as vscode from "vscode";
import type { ChatService } from "../src/chat/chatService";
import { ChatView } from "../src/chat/chatView";
import type { Method, ParamsOf, ViewNotice, ViewRequest } from "../src/core/chat/viewMessages";
import { EventEmitter, Uri, window } from "./editor/vscode";

const SENT = { id: "c", messageId: "q", answerId: "a" };
const QUESTION: ParamsOf<"send"> = {
  ...{ id: null, text: "Why?", mentions: [], without: [], thinking: null, replaces: null },
};

let said: string[] = [];

/** The view in the side bar, with a server that answers when a test says so. */
class Stage {
  /** What was posted to whichever page there was. */
  readonly posted: ViewNotice[] = [];
  readonly #received = new EventEmitter<ViewRequest>();
  readonly #visibility = new EventEmitter<undefined>();
  readonly #answers: { resolve: (result: unknown) => void; reject: (error: Error) => void }[] = [];
  readonly view: ChatView;

  constructor() {
    const none = new EventEmitter<undefined>().event;
    Object.assign(window, {
      registerWebviewViewProvider: () => ({ dispose: () => undefined }),
      onDidChangeActiveTextEditor: none,
      onDidChangeTextEditorSelection: none,
    });
    const chat = {
      ...{ onEvent: none, onState: none, onConnection: none, isConnected: true },
      place: () => ({ uri: null, selection: null }),
      request: () =>
        new Promise((resolve, reject) => {
          this.#answers.push({ resolve, reject });
        }),
    };
    const extension = new Uri("file:///extension") as unknown as vscode.Uri;
    this.view = new ChatView(extension, chat as unknown as ChatService);
    const webview = {
      onDidReceiveMessage: this.#received.event,
      asWebviewUri: (uri: Uri) => uri,
      postMessage: (notice: ViewNotice) => {
        this.posted.push(notice);
        return Promise.resolve(true);
      },
    };
    const view = { webview, onDidChangeVisibility: this.#visibility.event, onDidDispose: none };
    this.view.resolveWebviewView(view as unknown as vscode.WebviewView);
  }

  ask<M extends Method>(page: string, method: M, params: ParamsOf<M>): void {
    this.#received.fire({ page, ticket: 1, method, params });
  }

  hide(): void {
    this.#visibility.fire(undefined);
  }

  /** Of the oldest request that is not answered yet. */
  async answer(result: unknown): Promise<void> {
    this.#answers.shift()?.resolve(result);
    await setImmediate();
  }

  async refuse(message: string): Promise<void> {
    this.#answers.shift()?.reject(new Error(message));
    await setImmediate();
  }
}

beforeEach(() => {
  said = [];
  Object.assign(window, {
    showWarningMessage: (message: string) => {
      said.push(message);
      return Promise.resolve(undefined);
    },
  });
});

test("a reply goes to the page that asked", async () => {
  const stage = new Stage();
  stage.ask("one", "list", {});
  await stage.answer({ conversations: [] });
  stage.ask("one", "rename", { id: "c", title: "" });
  await stage.refuse("A title has a character.");
  assert.deepEqual(stage.posted, [
    { kind: "reply", page: "one", ticket: 1, result: { conversations: [] } },
    { kind: "refusal", page: "one", ticket: 1, message: "A title has a character." },
  ]);
});

test("the reply to a question of a page that was hidden is told to the next one", async () => {
  const stage = new Stage();
  stage.ask("one", "send", QUESTION);
  stage.hide();
  await stage.answer(SENT);
  assert.deepEqual(stage.posted, []);
  stage.ask("two", "list", {});
  const asked = QUESTION;
  assert.deepEqual(stage.posted, [{ kind: "sent", asked, sent: SENT }]);
});

test("it is told to a page that was shown before it came, and no other reply is", async () => {
  const stage = new Stage();
  stage.ask("one", "send", QUESTION);
  stage.ask("one", "list", {});
  stage.ask("one", "rename", { id: "c", title: "Fees" });
  stage.hide();
  stage.ask("two", "showing", { id: null });
  await setImmediate();
  stage.posted.length = 0;
  await stage.answer(SENT);
  assert.deepEqual(stage.posted, [{ kind: "sent", asked: QUESTION, sent: SENT }]);
  await stage.answer({ conversations: [] });
  assert.equal(stage.posted.length, 1);
  await stage.answer({});
  assert.deepEqual(stage.posted[1], { kind: "connection", isConnected: true });
});

test("what was refused after the page was hidden is said, where the user asked for it", async () => {
  const stage = new Stage();
  stage.ask("one", "send", QUESTION);
  stage.ask("one", "list", {});
  stage.hide();
  await stage.refuse("No slot is free.");
  await stage.refuse("The list cannot be read.");
  assert.deepEqual([stage.posted, said], [[], ["No slot is free."]]);
});
