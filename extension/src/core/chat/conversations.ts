/**
 * The conversations as the view knows them: what the server listed and opened, and the events since.
 *
 * An answer's events are counted. One that is known already is passed over; where one is missing, as
 * after a restart of the server, the conversation has to be opened anew. Events may come before the
 * reply that names their answer: while a reply is awaited they are kept. A list may have been made
 * before what became known since it was asked for, which then counts.
 */
import type {
  ChatConversation,
  ChatEvent,
  ChatMention,
  ChatMessage,
  ChatSent,
  ChatSummary,
} from "../../chatProtocol";

/** What is kept while a reply is awaited; a reply takes milliseconds. */
const MAX_KEPT_EVENTS = 10_000;

export interface Changes {
  /** Ids of messages that have to be shown anew. */
  readonly messages: ReadonlySet<string>;
  /** Ids of conversations that events are missing of. */
  readonly gaps: ReadonlySet<string>;
  /** Whether a title, or which conversations run, changed. */
  readonly summaries: boolean;
}

export class Conversations {
  #summaries: readonly ChatSummary[] = [];
  readonly #opened = new Map<string, Map<string, ChatMessage>>();
  #awaited = 0;
  #kept: ChatEvent[] = [];
  /** For each list that is awaited the ids of what became known since. */
  readonly #listings = new Set<Set<string>>();

  /** Newest first. */
  get summaries(): readonly ChatSummary[] {
    return this.#summaries;
  }

  summary(id: string): ChatSummary | undefined {
    return this.#summaries.find((it) => it.id === id);
  }

  /** The messages of a conversation that was opened, in their order. */
  transcript(id: string): readonly ChatMessage[] | undefined {
    const messages = this.#opened.get(id);
    return messages && [...messages.values()];
  }

  message(id: string, messageId: string): ChatMessage | undefined {
    return this.#opened.get(id)?.get(messageId);
  }

  /** The question at the end of a conversation, where no answer has come to it. */
  unanswered(id: string): ChatMessage | undefined {
    const messages = this.transcript(id) ?? [];
    const state = messages.at(-1)?.state;
    const isMissing = state === "streaming" || state === "failed";
    return isMissing ? messages.findLast(({ role }) => role === "user") : undefined;
  }

  /** Takes the list of all conversations, which the server is asked for. */
  async listing(reply: Promise<readonly ChatSummary[]>): Promise<void> {
    const newer = new Set<string>();
    this.#listings.add(newer);
    try {
      const listed = (await reply).filter(({ id }) => !newer.has(id));
      const known = this.#summaries.filter(({ id }) => newer.has(id));
      this.#summaries = newestFirst([...known, ...listed]);
    } finally {
      this.#listings.delete(newer);
    }
    for (const id of this.#opened.keys()) {
      if (this.summary(id) === undefined) {
        this.#opened.delete(id);
      }
    }
  }

  /** The server has gone, and with it the answers that it was giving. */
  interrupt(error: string, hint: string): Changes {
    const messages = new Set<string>();
    for (const opened of this.#opened.values()) {
      for (const message of opened.values()) {
        if (message.state === "streaming") {
          opened.set(message.id, { ...message, state: "failed", error, hint });
          messages.add(message.id);
        }
      }
    }
    this.#summaries = this.#summaries.map((it) => ({ ...it, isRunning: false }));
    return { messages, gaps: new Set(), summaries: true };
  }

  /** A reply that names a conversation or an answer is awaited: keeps what comes before it. */
  async awaiting<T>(reply: Promise<T>, take: (result: T) => void): Promise<Changes> {
    this.#awaited += 1;
    try {
      take(await reply);
      return this.apply(this.#kept);
    } finally {
      this.#awaited -= 1;
      if (this.#awaited === 0) {
        this.#kept = [];
      }
    }
  }

  open({ transcript, ...summary }: ChatConversation): void {
    this.#opened.set(summary.id, new Map(transcript.map((message) => [message.id, message])));
    this.#putSummary(summary);
  }

  /** A question was sent: it and the answer to come, in place of what they replace. */
  sent(
    result: ChatSent,
    question: {
      readonly text: string;
      readonly mentions: readonly ChatMention[];
      readonly replaces: string | null;
    },
    now: number,
  ): void {
    const { id, messageId, answerId } = result;
    const messages = this.#opened.get(id) ?? new Map<string, ChatMessage>();
    this.#opened.set(id, messages);
    dropFrom(messages, question.replaces);
    const { text, mentions } = question;
    messages.set(messageId, { ...emptyMessage(messageId, "user"), text, mentions });
    messages.set(answerId, emptyMessage(answerId, "assistant"));
    this.#putSummary({
      id,
      title: this.summary(id)?.title ?? titleOf(text),
      updatedAt: now,
      messages: messages.size,
      isRunning: true,
    });
  }

  /** The last question is answered anew. */
  regenerated({ id, messageId, answerId }: ChatSent, now: number): void {
    const messages = this.#opened.get(id);
    const summary = this.summary(id);
    if (messages !== undefined && summary !== undefined) {
      dropAfter(messages, messageId);
      messages.set(answerId, emptyMessage(answerId, "assistant"));
      this.#putSummary({ ...summary, updatedAt: now, messages: messages.size, isRunning: true });
    }
  }

  rename(id: string, title: string): void {
    const summary = this.summary(id);
    if (summary !== undefined) {
      this.#replaceSummary({ ...summary, title });
    }
  }

  delete(id: string): void {
    this.#touch(id);
    this.#opened.delete(id);
    this.#summaries = this.#summaries.filter((it) => it.id !== id);
  }

  apply(events: readonly ChatEvent[]): Changes {
    const messages = new Set<string>();
    const gaps = new Set<string>();
    let summaries = false;
    for (const event of events) {
      summaries = this.#applyToSummary(event) || summaries;
      const opened = this.#opened.get(event.id);
      const message = opened?.get(event.answerId);
      if (opened === undefined || message === undefined) {
        this.#keep(event);
      } else if (message.state !== "streaming") {
        continue; // what comes behind the end is a title, which the summary has
      } else if (event.seq > message.seq) {
        gaps.add(event.id);
        this.#keep(event);
      } else if (event.seq === message.seq) {
        opened.set(message.id, applyEvent(message, event));
        messages.add(message.id);
      }
    }
    return { messages, gaps, summaries };
  }

  #keep(event: ChatEvent): void {
    if (this.#awaited > 0 && this.#kept.length < MAX_KEPT_EVENTS && !this.#kept.includes(event)) {
      this.#kept.push(event);
    }
  }

  #applyToSummary(event: ChatEvent): boolean {
    const summary = this.summary(event.id);
    if (summary === undefined) {
      return false;
    }
    const title = event.kind === "title" ? event.title : summary.title;
    const isRunning = event.kind !== "done";
    if (title === summary.title && isRunning === summary.isRunning) {
      return false;
    }
    this.#replaceSummary({ ...summary, title, isRunning });
    return true;
  }

  #replaceSummary(summary: ChatSummary): void {
    this.#touch(summary.id);
    this.#summaries = this.#summaries.map((it) => (it.id === summary.id ? summary : it));
  }

  #putSummary(summary: ChatSummary): void {
    this.#touch(summary.id);
    const others = this.#summaries.filter(({ id }) => id !== summary.id);
    this.#summaries = newestFirst([...others, summary]);
  }

  #touch(id: string): void {
    this.#listings.forEach((newer) => newer.add(id));
  }
}

/** The message with its next event. */
export function applyEvent(message: ChatMessage, event: ChatEvent): ChatMessage {
  const next = { ...message, seq: event.seq + 1 };
  switch (event.kind) {
    case "text":
      return { ...next, text: message.text + event.text };
    case "thinking":
      return { ...next, thinking: message.thinking + event.text };
    case "step": {
      const isKnown = message.steps.some(({ id }) => id === event.step.id);
      const steps = isKnown
        ? message.steps.map((step) => (step.id === event.step.id ? event.step : step))
        : [...message.steps, event.step];
      return { ...next, steps };
    }
    case "context":
      return { ...next, context: event.context };
    case "found":
      return { ...next, found: event.found };
    case "usage":
      return { ...next, usage: event.usage };
    case "title":
      return next;
    case "done":
      return { ...next, state: event.state, error: event.error, hint: event.hint };
  }
}

function emptyMessage(id: string, role: ChatMessage["role"]): ChatMessage {
  const nothing = { text: "", thinking: "", mentions: [], context: [], steps: [], found: [] };
  const state = role === "user" ? "done" : "streaming";
  return { ...nothing, id, role, usage: null, state, error: "", hint: "", seq: 0 };
}

function newestFirst(summaries: readonly ChatSummary[]): readonly ChatSummary[] {
  return [...summaries].sort((one, other) => other.updatedAt - one.updatedAt);
}

/** What stands until the server has thought of a title. */
function titleOf(text: string): string {
  return text.trim().split("\n")[0]?.slice(0, 60) ?? "";
}

function dropFrom(messages: Map<string, ChatMessage>, id: string | null): void {
  const ids = [...messages.keys()];
  const first = id === null ? -1 : ids.indexOf(id);
  for (const dropped of first < 0 ? [] : ids.slice(first)) {
    messages.delete(dropped);
  }
}

function dropAfter(messages: Map<string, ChatMessage>, id: string): void {
  const ids = [...messages.keys()];
  for (const dropped of ids.slice(ids.indexOf(id) + 1)) {
    messages.delete(dropped);
  }
}
