/** What the page keeps over a reload: which conversation is on the screen, and what is being written. */
import { EMPTY_DRAFT, type Draft } from "../src/core/chat/mentions";

/** An earlier question that is being edited, to be sent in its place. */
export interface Edit {
  readonly messageId: string;
  readonly draft: Draft;
}

export interface KeptState {
  readonly shown: string | null;
  /** By the id of their conversation; the one of a new conversation by an empty id. */
  readonly drafts: Readonly<Record<string, Draft>>;
  /** By the id of their conversation; its draft waits meanwhile. */
  readonly edits: Readonly<Record<string, Edit>>;
  readonly thinking: string;
}

const NOTHING: KeptState = { shown: null, drafts: {}, edits: {}, thinking: "model" };

/** What does not look as it should is as if it were not there. */
export function readKept(value: unknown): KeptState {
  if (!isRecord(value)) {
    return NOTHING;
  }
  const { shown, drafts, edits, thinking } = value;
  return {
    shown: typeof shown === "string" ? shown : null,
    drafts: isRecord(drafts) ? Object.fromEntries(Object.entries(drafts).filter(isDraftEntry)) : {},
    edits: isRecord(edits) ? Object.fromEntries(Object.entries(edits).filter(isEditEntry)) : {},
    thinking: thinking === "on" || thinking === "off" ? thinking : "model",
  };
}

/** What stands in the box: the question that is edited, or else the draft. */
export function writtenOf(kept: KeptState, shown: string | null): Draft {
  return editOf(kept, shown)?.draft ?? kept.drafts[shown ?? ""] ?? EMPTY_DRAFT;
}

export function editOf({ edits }: KeptState, shown: string | null): Edit | undefined {
  return shown === null ? undefined : edits[shown];
}

/** With what stands in the box now. */
export function withWritten(kept: KeptState, shown: string | null, draft: Draft): KeptState {
  const edit = editOf(kept, shown);
  return shown === null || edit === undefined
    ? withDraft(kept, shown, draft)
    : withEdit(kept, shown, { ...edit, draft });
}

/** What stood in the box is done with: where it was an edit the draft is there again. */
export function withoutWritten(kept: KeptState, shown: string | null): KeptState {
  return shown === null || editOf(kept, shown) === undefined
    ? withDraft(kept, shown, EMPTY_DRAFT)
    : withEdit(kept, shown, undefined);
}

export function withEdit(kept: KeptState, shown: string, edit: Edit | undefined): KeptState {
  return { ...kept, edits: withEntry(kept.edits, shown, edit) };
}

/** Nothing of a conversation that is not there any more. */
export function withoutConversation(kept: KeptState, id: string): KeptState {
  return withEdit(withDraft(kept, id, EMPTY_DRAFT), id, undefined);
}

/** Empty drafts are not kept. */
function withDraft(kept: KeptState, shown: string | null, draft: Draft): KeptState {
  const isEmpty = draft.text === "" && draft.mentions.length === 0;
  return { ...kept, drafts: withEntry(kept.drafts, shown ?? "", isEmpty ? undefined : draft) };
}

function withEntry<T>(
  record: Readonly<Record<string, T>>,
  key: string,
  value: T | undefined,
): Readonly<Record<string, T>> {
  const others = Object.entries(record).filter(([it]) => it !== key);
  return Object.fromEntries(value === undefined ? others : [...others, [key, value]]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isDraft(value: unknown): value is Draft {
  return isRecord(value) && typeof value["text"] === "string" && Array.isArray(value["mentions"]);
}

function isDraftEntry(entry: [string, unknown]): entry is [string, Draft] {
  return isDraft(entry[1]);
}

function isEditEntry(entry: [string, unknown]): entry is [string, Edit] {
  const [, edit] = entry;
  return isRecord(edit) && typeof edit["messageId"] === "string" && isDraft(edit["draft"]);
}
