/** What the page keeps over a reload: which conversation is on the screen, and the drafts. */
import { EMPTY_DRAFT, type Draft } from "../src/core/chat/mentions";

export interface KeptState {
  readonly shown: string | null;
  /** By the id of their conversation; the one of a new conversation by an empty id. */
  readonly drafts: Readonly<Record<string, Draft>>;
  readonly thinking: string;
}

const NOTHING: KeptState = { shown: null, drafts: {}, thinking: "model" };

/** What does not look as it should is as if it were not there. */
export function readKept(value: unknown): KeptState {
  if (!isRecord(value)) {
    return NOTHING;
  }
  const { shown, drafts, thinking } = value;
  return {
    shown: typeof shown === "string" ? shown : null,
    drafts: isRecord(drafts) ? Object.fromEntries(Object.entries(drafts).filter(isDraftEntry)) : {},
    thinking: thinking === "on" || thinking === "off" ? thinking : "model",
  };
}

export function draftOf({ drafts }: KeptState, shown: string | null): Draft {
  return drafts[shown ?? ""] ?? EMPTY_DRAFT;
}

/** Empty drafts are not kept. */
export function withDraft(kept: KeptState, shown: string | null, draft: Draft): KeptState {
  const others = Object.entries(kept.drafts).filter(([id]) => id !== (shown ?? ""));
  const isEmpty = draft.text === "" && draft.mentions.length === 0;
  const drafts = isEmpty ? others : [...others, [shown ?? "", draft] as const];
  return { ...kept, drafts: Object.fromEntries(drafts) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isDraftEntry(entry: [string, unknown]): entry is [string, Draft] {
  const [, draft] = entry;
  return isRecord(draft) && typeof draft["text"] === "string" && Array.isArray(draft["mentions"]);
}
