import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import type * as vscode from "vscode";
import { ErrorCodes, ResponseError } from "vscode-languageclient/node";
import { ChatService } from "../src/chat/chatService";
import { registerParticipant } from "../src/chat/participant";
import type { ChatEvent } from "../src/chatProtocol";
import type { Server } from "../src/server";
import {
  ChatRequestTurn,
  ChatResponseTurn,
  EventEmitter,
  Location,
  participants,
  Position,
  Range,
  Uri,
} from "./editor/vscode";

const SENT = { id: "c", messageId: "q", answerId: "a" };
const CHIP = { label: "fees.py", detail: "", tokens: 9, isAutomatic: false, isTrimmed: false };

/** An event without its answer and its number. */
type Part = ChatEvent extends infer Event
  ? Event extends ChatEvent
    ? Omit<Event, "id" | "answerId" | "seq">
    : never
  : never;

/** A server that answers as a test says, and the participant asked by the editor. */
class Stage {
  /** What the server was asked, by method and parameters. */
  readonly asked: [string, Record<string, unknown>][] = [];
  /** What the editor was shown, in order. */
  readonly shown: unknown[][] = [];
  readonly cancelled = new EventEmitter<undefined>();
  /** What `send` is answered with. */
  reply: () => Promise<unknown> = () => Promise.resolve(SENT);
  readonly #notified = new Map<string, (params: unknown) => void>();
  readonly #chat: ChatService;
  #endServer: (reason: string) => void = () => undefined;
  #seq = 0;

  constructor() {
    const started = new EventEmitter<unknown>();
    this.#chat = new ChatService({ onDidStart: started.event } as unknown as Server);
    const client = {
      onNotification: ({ method }: { method: string }, handler: (params: unknown) => void) => {
        this.#notified.set(method, handler);
      },
      sendRequest: (method: string, params: Record<string, unknown>) => {
        this.asked.push([method, params]);
        return method === "sparrow/chat/send" ? this.reply() : Promise.resolve({});
      },
    };
    const ended = new Promise<string>((resolve) => {
      this.#endServer = resolve;
    });
    started.fire({ client, ended });
    registerParticipant(this.#chat, new Uri("icon") as unknown as vscode.Uri);
  }

  /** Asks as the editor does; the answer's end. */
  ask(
    request: Partial<vscode.ChatRequest> = {},
    history: readonly unknown[] = [],
  ): Promise<vscode.ChatResult> {
    const handler = participants.get("sparrow.chat") as vscode.ChatRequestHandler;
    const note =
      (kind: string) =>
      (...what: unknown[]): void => {
        this.shown.push([kind, ...what.map((it) => (it instanceof Uri ? it.toString() : it))]);
      };
    const kinds = ["markdown", "progress", "reference", "anchor"];
    const stream = Object.fromEntries(kinds.map((kind) => [kind, note(kind)]));
    return Promise.resolve(
      handler(
        { prompt: "Why?", references: [], ...request } as unknown as vscode.ChatRequest,
        { history } as unknown as vscode.ChatContext,
        stream as unknown as vscode.ChatResponseStream,
        { onCancellationRequested: this.cancelled.event } as unknown as vscode.CancellationToken,
      ),
    ) as Promise<vscode.ChatResult>;
  }

  tell(...parts: readonly Part[]): void {
    for (const part of parts) {
      const event = { ...part, id: "c", answerId: "a", seq: this.#seq++ };
      this.#notified.get("sparrow/chat/event")?.(event);
    }
  }

  end(state: "done" | "stopped" | "failed" = "done", error = "", hint = ""): void {
    this.tell({ kind: "done", state, error, hint });
  }

  endServer(): void {
    this.#endServer("It ended.");
  }
}

function paramsOf(stage: Stage, method: string): Record<string, unknown>[] {
  return stage.asked.filter(([it]) => it === `sparrow/chat/${method}`).map(([, it]) => it);
}

test("an answer is shown as it streams, with what led to it", async () => {
  const stage = new Stage();
  const answer = stage.ask();
  await setImmediate();
  const step = { id: "s", tool: "read", summary: "fees.py", detail: "" };
  stage.tell(
    {
      kind: "context",
      context: [
        { ...CHIP, kind: "file", ref: "file:///w/fees.py" },
        { ...CHIP, kind: "symbol", ref: "file:///w/shop.py#bill" },
        { ...CHIP, kind: "changes", ref: "" },
      ],
    },
    { kind: "thinking", text: "Hm. " },
    { kind: "thinking", text: "So. " },
    { kind: "step", step: { ...step, state: "running" } },
    { kind: "step", step: { ...step, state: "done" } },
    { kind: "text", text: "Be" },
    { kind: "text", text: "cause." },
  );
  assert.deepEqual(stage.shown, [
    ["reference", "file:///w/fees.py"],
    ["reference", "file:///w/shop.py"],
    ["progress", "Thinking…"],
    ["progress", "read: fees.py"],
    ["markdown", "Be"],
    ["markdown", "cause."],
  ]);
  stage.end();
  assert.deepEqual(await answer, { metadata: { conversation: "c" } });
  stage.tell({ kind: "text", text: "of another answer" });
  assert.equal(stage.shown.length, 6);
  assert.ok(!stage.cancelled.isHeard);
});

test("events that come before the reply are shown, and those of other answers are not", async () => {
  const stage = new Stage();
  let reply: (sent: typeof SENT) => void = () => undefined;
  stage.reply = () =>
    new Promise((resolve) => {
      reply = resolve;
    });
  const answer = stage.ask();
  stage.tell({ kind: "text", text: "early" });
  reply({ ...SENT });
  await setImmediate();
  assert.deepEqual(stage.shown, [["markdown", "early"]]);
  stage.end();
  await answer;

  const other = new Stage();
  other.reply = () => Promise.resolve({ ...SENT, answerId: "b" });
  void other.ask();
  await setImmediate();
  other.tell({ kind: "text", text: "for a" });
  assert.deepEqual(other.shown, []);
});

test("code that is found has a link to its place, and a fence that it cannot close", async () => {
  const stage = new Stage();
  const answer = stage.ask();
  await setImmediate();
  const snippet = "s = '````'";
  const found = { label: "fees.py:3", snippet, language: "python", why: "has s", line: 2 };
  stage.tell({ kind: "found", found: [{ ...found, uri: "file:///w/fees.py" }] });
  stage.end();
  await answer;
  const place = new Location(new Uri("file:///w/fees.py"), new Position(2, 0));
  assert.deepEqual(stage.shown, [
    ["markdown", "\n\n"],
    ["anchor", place, "fees.py:3"],
    ["markdown", `\n\n\`\`\`\`\`python\n${snippet}\n\`\`\`\`\`\n\n`],
  ]);
});

test("cancelling stops the answer, which is no failure", async () => {
  const stage = new Stage();
  const answer = stage.ask();
  await setImmediate();
  stage.cancelled.fire(undefined);
  assert.deepEqual(paramsOf(stage, "stop"), [{ id: "c" }]);
  stage.end("stopped");
  assert.deepEqual(await answer, { metadata: { conversation: "c" } });
});

test("failures are told in sentences, and the conversation can be gone on with", async () => {
  const metadata = { conversation: "c" };
  const failed = new Stage();
  const answer = failed.ask();
  await setImmediate();
  failed.end("failed", "no slot is free", "Try later.");
  const message = "No slot is free. Try later.";
  assert.deepEqual(await answer, { metadata, errorDetails: { message } });

  const gone = new Stage();
  const cut = gone.ask();
  await setImmediate();
  gone.endServer();
  assert.match((await cut).errorDetails?.message ?? "", /server has gone\. Ask again/);
  assert.deepEqual((await cut).metadata, metadata);
  const { errorDetails } = await gone.ask();
  assert.match(errorDetails?.message ?? "", /server is not running/);
});

test("a question that does not reach the server says why", async () => {
  const told = async (reply: () => Promise<unknown>): Promise<string | undefined> => {
    const stage = new Stage();
    stage.reply = reply;
    return (await stage.ask()).errorDetails?.message;
  };
  const refusal = "The question is empty. Write one.";
  assert.equal(await told(() => Promise.reject(new Error(refusal))), refusal);
  for (const code of [ErrorCodes.PendingResponseRejected, ErrorCodes.ConnectionInactive]) {
    const message = await told(() => Promise.reject(new ResponseError(code, "disposed")));
    assert.match(message ?? "", /server ended before it answered/);
  }
});

test("a follow-up goes on with the conversation of the last answer", async () => {
  const turn = (conversation: unknown): ChatResponseTurn =>
    new ChatResponseTurn({ metadata: { conversation } });
  const history = [turn("b"), turn("c"), new ChatRequestTurn("And?")];
  for (const [turns, id] of [
    [history, "c"],
    [[new ChatResponseTurn({})], null],
    [[], null],
  ] as const) {
    const stage = new Stage();
    const answer = stage.ask({ prompt: "Then?" }, turns);
    await setImmediate();
    stage.end();
    await answer;
    const [sent] = paramsOf(stage, "send");
    assert.deepEqual([sent?.["id"], sent?.["text"]], [id, "Then?"]);
  }
});

test("what the user attached is mentioned", async () => {
  const stage = new Stage();
  const uri = new Uri("file:///w/fees.py");
  const lines = new Range(new Position(1, 0), new Position(3, 0));
  const values = [uri, new Location(uri, lines), "a text"];
  const references = values.map((value) => ({ id: "r", value }));
  const answer = stage.ask({ references: references as unknown as vscode.ChatPromptReference[] });
  await setImmediate();
  stage.end();
  await answer;
  const [sent] = paramsOf(stage, "send");
  assert.deepEqual(sent?.["mentions"], [
    { kind: "file", ref: "file:///w/fees.py", label: "fees.py", detail: "fees.py" },
    {
      ...{ kind: "selection", ref: "file:///w/fees.py#L2-L3", label: "fees.py:2-3" },
      detail: "fees.py",
    },
  ]);
});
