/**
 * Stands in for the editor and the server around the chat's page: answers its requests from memory,
 * writes down what was asked, and streams what a test wants to be streamed. It runs before the page's
 * own script. What the server and the editor would keep lies in the session's storage, over a reload.
 */
import type {
  ChatConversation,
  ChatEvent,
  ChatMention,
  ChatMessage,
  ChatState,
} from "../../src/chatProtocol";
import { applyEvent } from "../../src/core/chat/conversations";
import type { Method, ResultOf, ViewNotice, ViewRequest } from "../../src/core/chat/viewMessages";

/** An event without what the harness itself puts in. */
type Part = ChatEvent extends infer Event
  ? Event extends ChatEvent
    ? Omit<Event, "id" | "answerId" | "seq">
    : never
  : never;

const STORE = "harness";
const STATE = "harness-state";
const MODEL: ChatState = {
  ...{ hasChatModel: true, model: "scripted", state: "ready", message: "", proposal: null },
};

class Harness {
  readonly asked: ViewRequest[] = [];
  /** What takes the place of a method's answer; an Error's message is a refusal. */
  readonly answers: Partial<Record<Method, unknown>> = {};
  /** What follows the next question. */
  next: readonly Part[] = [];
  state = MODEL;
  mentions: readonly ChatMention[] = [];
  readonly longTasksMs: number[] = [];
  frames = 0;
  /** How often the page's state was written down. */
  kept = 0;
  #conversations = new Map<string, ChatConversation>(
    JSON.parse(sessionStorage.getItem(STORE) ?? "[]") as [string, ChatConversation][],
  );
  #ids = this.#conversations.size * 100;

  constructor() {
    new PerformanceObserver((list) => {
      this.longTasksMs.push(...list.getEntries().map(({ duration }) => duration));
    }).observe({ entryTypes: ["longtask"] });
    const count = (): void => {
      this.frames += 1;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
  }

  tell(notice: ViewNotice): void {
    window.postMessage(notice, "*");
  }

  put(conversation: ChatConversation): void {
    this.#conversations.set(conversation.id, conversation);
    sessionStorage.setItem(STORE, JSON.stringify([...this.#conversations]));
  }

  forget(id: string): void {
    this.#conversations.delete(id);
    sessionStorage.setItem(STORE, JSON.stringify([...this.#conversations]));
  }

  /** An event of the conversation's last answer. */
  emit(id: string, ...parts: readonly Part[]): void {
    const events: ChatEvent[] = [];
    for (const part of parts) {
      const conversation = this.#conversations.get(id);
      const answer = conversation?.transcript.at(-1);
      if (conversation === undefined || answer === undefined) {
        throw new Error(`no answer in ${id}`);
      }
      const event = { ...part, id, answerId: answer.id, seq: answer.seq } as ChatEvent;
      events.push(event);
      this.put({
        ...conversation,
        title: event.kind === "title" ? event.title : conversation.title,
        isRunning: event.kind !== "done",
        transcript: [...conversation.transcript.slice(0, -1), applyEvent(answer, event)],
      });
    }
    this.tell({ kind: "events", events });
  }

  /** Streams a text in tokens of `size` characters; resolves when the last was told. */
  async stream(id: string, text: string, size: number, perSecond: number): Promise<number> {
    const conversation = this.#conversations.get(id);
    const answer = conversation?.transcript.at(-1);
    if (answer === undefined) {
      throw new Error(`no answer in ${id}`);
    }
    const started = performance.now();
    let seq = answer.seq;
    let told = 0;
    while (told < text.length) {
      await new Promise((resolve) => setTimeout(resolve, 4));
      const due = Math.min(
        text.length,
        Math.floor(((performance.now() - started) / 1_000) * perSecond) * size,
      );
      const events: ChatEvent[] = [];
      for (; told < due; told += size) {
        const token = text.slice(told, told + size);
        events.push({ id, answerId: answer.id, seq: seq++, kind: "text", text: token });
      }
      if (events.length > 0) {
        this.tell({ kind: "events", events });
      }
    }
    const nothing = { error: "", hint: "", state: "done" } as const;
    const end: ChatEvent = { id, answerId: answer.id, seq, kind: "done", ...nothing };
    this.tell({ kind: "events", events: [end] });
    return performance.now() - started;
  }

  receive(request: ViewRequest): void {
    this.asked.push(request);
    const { page, ticket, method } = request;
    try {
      const result = this.#answer(request);
      this.tell({ kind: "reply", page, ticket, result });
    } catch (error) {
      this.tell({ kind: "refusal", page, ticket, message: (error as Error).message });
    }
    if (method === "send" || method === "regenerate") {
      const id = [...this.#conversations.keys()].at(-1);
      const running = (request.params as { id: string | null }).id ?? id;
      if (running !== undefined && this.next.length > 0) {
        const parts = this.next;
        this.next = [];
        this.emit(running, ...parts);
      }
    }
  }

  #answer({ method, params }: ViewRequest): unknown {
    const fixed = this.answers[method];
    if (fixed instanceof Error) {
      throw fixed;
    }
    return fixed ?? this.#answerFromMemory(method, params as never);
  }

  #answerFromMemory(
    method: Method,
    params: {
      readonly id: string | null;
      readonly title: string;
      readonly text: string;
      readonly query: string;
      readonly mentions: readonly ChatMention[];
      readonly replaces: string | null;
    },
  ): unknown {
    const known = this.#conversations.get(params.id ?? "");
    switch (method) {
      case "state":
        return this.state;
      case "list": {
        const conversations = [...this.#conversations.values()].reverse();
        return { conversations } satisfies ResultOf<"list">;
      }
      case "open":
        if (known === undefined) {
          throw new Error("There is no such chat.");
        }
        return known;
      case "send": {
        const kept = known?.transcript ?? [];
        const at = kept.findIndex(({ id }) => id === params.replaces);
        const id = known?.id ?? this.#id("chat");
        const question = {
          ...this.#message("user"),
          text: params.text,
          mentions: params.mentions,
        };
        const answer = this.#message("assistant");
        const transcript = [...(at < 0 ? kept : kept.slice(0, at)), question, answer];
        const title = known?.title ?? params.text;
        const updatedAt = Date.now();
        this.put({
          ...{ id, title, updatedAt, messages: transcript.length, isRunning: true, transcript },
        });
        return { id, messageId: question.id, answerId: answer.id };
      }
      case "regenerate": {
        if (known === undefined) {
          throw new Error("There is no such chat.");
        }
        const answer = this.#message("assistant");
        const kept = known.transcript.slice(0, -1);
        this.put({ ...known, isRunning: true, transcript: [...kept, answer] });
        return { id: known.id, messageId: kept.at(-1)?.id ?? "", answerId: answer.id };
      }
      case "stop":
        if (known?.isRunning === true) {
          this.emit(known.id, { kind: "done", state: "stopped", error: "", hint: "" });
        }
        return {};
      case "rename":
        if (known !== undefined) {
          this.put({ ...known, title: params.title });
        }
        return {};
      case "delete":
        this.#conversations.delete(params.id ?? "");
        return { isDone: true };
      case "suggest":
        return { mentions: this.mentions.filter(({ label }) => label.includes(params.query)) };
      case "context": {
        const chips = params.mentions.map((mention) => ({
          ...mention,
          ...{ tokens: 1_234, isAutomatic: false, isTrimmed: false },
        }));
        return { chips, usedTokens: 9_876, limitTokens: 32_768, isExact: true };
      }
      case "apply":
        return { isDone: true };
      case "copy":
      case "insert":
      case "fix":
      case "follow":
      case "reveal":
      case "manageTrust":
      case "setUpModel":
      case "showing":
        return {};
    }
  }

  #message(role: ChatMessage["role"]): ChatMessage {
    const nothing = { text: "", thinking: "", mentions: [], context: [], steps: [], found: [] };
    const state = role === "user" ? "done" : "streaming";
    const id = this.#id(role);
    return { ...nothing, id, role, usage: null, state, error: "", hint: "", seq: 0 };
  }

  #id(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.#ids}`;
  }
}

const harness = new Harness();

Object.assign(window, {
  harness,
  acquireVsCodeApi: () => ({
    postMessage: (request: ViewRequest) => {
      harness.receive(request);
    },
    getState: (): unknown => JSON.parse(sessionStorage.getItem(STATE) ?? "null"),
    setState: (state: unknown) => {
      harness.kept += 1;
      sessionStorage.setItem(STATE, JSON.stringify(state));
    },
  }),
});
