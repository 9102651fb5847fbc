/** The draft of a question: its text, and what it mentions. */
import type { ChatMention } from "../../chatProtocol";

export interface Draft {
  readonly text: string;
  readonly mentions: readonly ChatMention[];
}

export const EMPTY_DRAFT: Draft = { text: "", mentions: [] };

export interface Query {
  /** Where the `@` stands. */
  readonly start: number;
  /** What stands between it and the caret. */
  readonly text: string;
}

const MAX_QUERY_CHARACTERS = 100;

/** The mention that is being written at the caret; an `@` inside a word, as in an address, is none. */
export function queryAt(text: string, caret: number): Query | undefined {
  const before = text.slice(Math.max(0, caret - MAX_QUERY_CHARACTERS), caret);
  const found = /(?:^|[\s([{"'`,;])@([^\s@]*)$/.exec(before)?.[1];
  return found === undefined ? undefined : { start: caret - found.length - 1, text: found };
}

/** Puts a mention in the place of the query; `caret` is where to go on. */
export function withMention(
  draft: Draft,
  query: Query,
  mention: ChatMention,
): { readonly draft: Draft; readonly caret: number } {
  const end = query.start + 1 + query.text.length;
  const written = `${wordOf(mention)} `;
  const text = draft.text.slice(0, query.start) + written + draft.text.slice(end).trimStart();
  return {
    draft: { text, mentions: added(draft.mentions, mention) },
    caret: query.start + written.length,
  };
}

/** One draft before another. */
export function joined(first: Draft, second: Draft): Draft {
  return {
    text: [first.text, second.text].filter((it) => it !== "").join("\n\n"),
    mentions: second.mentions.reduce(added, first.mentions),
  };
}

/** Adds a mention that stands nowhere in the text. */
export function withAttached(draft: Draft, mention: ChatMention): Draft {
  return { ...draft, mentions: added(draft.mentions, mention) };
}

/** The user's edit of the text: a mention whose word was there and is gone, is gone as well. */
export function withText(draft: Draft, text: string): Draft {
  const mentions = draft.mentions.filter((mention) => {
    const word = wordOf(mention);
    return !draft.text.includes(word) || text.includes(word);
  });
  return { text, mentions };
}

/** Takes a mention out, and its word. */
export function withoutMention(draft: Draft, mention: ChatMention): Draft {
  const word = wordOf(mention);
  const at = draft.text.indexOf(word);
  const text =
    at < 0
      ? draft.text
      : draft.text.slice(0, at) + draft.text.slice(at + word.length).replace(/^ /, "");
  return { text, mentions: draft.mentions.filter((it) => !isSame(it, mention)) };
}

export function isSame(one: ChatMention, other: ChatMention): boolean {
  return one.kind === other.kind && one.ref === other.ref;
}

/** How a mention is written in a text. */
function wordOf({ label }: ChatMention): string {
  return label.startsWith("@") ? label : `@${label}`;
}

function added(mentions: readonly ChatMention[], mention: ChatMention): readonly ChatMention[] {
  return mentions.some((it) => isSame(it, mention)) ? mentions : [...mentions, mention];
}
