/**
 * The chat's messages, `sparrow/chat/*`; mirrors the server's file. Types alone, which the extension
 * and its web view share. Lines count from 0 and texts are UTF-16, as in the language server protocol.
 */
import type { ModelState } from "./protocol";

export type ChatMentionKind =
  "file" | "folder" | "symbol" | "selection" | "diagnostics" | "changes" | "issue" | "repo";

/** What a question is to be answered with. */
export interface ChatMention {
  readonly kind: ChatMentionKind;
  /** How the server finds it again: a URI, `URI#L10-L20`, `URI#name`, or nothing. */
  readonly ref: string;
  readonly label: string;
  readonly detail: string;
}

/** A part of a question's context, as large as it is in the model's tokens. */
export interface ChatChip {
  readonly kind: ChatMentionKind;
  readonly ref: string;
  readonly label: string;
  readonly detail: string;
  readonly tokens: number;
  readonly isAutomatic: boolean;
  readonly isTrimmed: boolean;
}

export interface ChatSummary {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  readonly messages: number;
  readonly isRunning: boolean;
}

export interface ChatConversation {
  readonly id: string;
  readonly title: string;
  readonly updatedAt: number;
  readonly messages: number;
  readonly isRunning: boolean;
  readonly transcript: readonly ChatMessage[];
}

export type ChatRole = "user" | "assistant";

export type ChatAnswerState = "streaming" | "done" | "stopped" | "failed";

export type ChatStepState = "running" | "done" | "failed";

export interface ChatMessage {
  readonly id: string;
  readonly role: ChatRole;
  readonly text: string;
  readonly thinking: string;
  readonly mentions: readonly ChatMention[];
  readonly context: readonly ChatChip[];
  readonly steps: readonly ChatStep[];
  readonly found: readonly ChatFound[];
  readonly usage: ChatUsage | null;
  readonly state: ChatAnswerState;
  readonly error: string;
  readonly hint: string;
  /** The `seq` of the answer's next event; all below are in the message. */
  readonly seq: number;
}

/** A tool that the model called. */
export interface ChatStep {
  readonly id: string;
  readonly tool: string;
  readonly summary: string;
  readonly state: ChatStepState;
  readonly detail: string;
}

/** Code that was found for a question where no model answers it. */
export interface ChatFound {
  readonly uri: string;
  readonly line: number;
  readonly label: string;
  readonly snippet: string;
  readonly language: string;
  readonly why: string;
}

export interface ChatUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
}

/** A chat model that suits the machine, and the command that fetches it. */
export interface ChatProposal {
  readonly model: string;
  readonly why: string;
  readonly command: string;
}

export interface ChatState {
  readonly hasChatModel: boolean;
  readonly model: string;
  readonly state: ModelState;
  readonly message: string;
  readonly proposal: ChatProposal | null;
}

/** One of an answer's events, which `seq` counts from 0. */
export type ChatEvent = {
  readonly id: string;
  readonly answerId: string;
  readonly seq: number;
} & (
  | { readonly kind: "text" | "thinking"; readonly text: string }
  | { readonly kind: "step"; readonly step: ChatStep }
  | { readonly kind: "context"; readonly context: readonly ChatChip[] }
  | { readonly kind: "found"; readonly found: readonly ChatFound[] }
  | { readonly kind: "title"; readonly title: string }
  | { readonly kind: "usage"; readonly usage: ChatUsage }
  | {
      readonly kind: "done";
      readonly state: ChatAnswerState;
      readonly error: string;
      readonly hint: string;
    }
);

export interface ChatSendParams {
  /** Null for a new conversation. */
  readonly id: string | null;
  readonly text: string;
  readonly mentions: readonly ChatMention[];
  /** Refs of automatic chips that the user removed. */
  readonly without: readonly string[];
  /** Null: as the model does by itself. */
  readonly thinking: boolean | null;
  /** The user's message that this one takes the place of; what follows it is dropped. */
  readonly replaces: string | null;
  /** Of the active editor. */
  readonly uri: string | null;
  readonly selection: ChatSelection | null;
}

export interface ChatSent {
  readonly id: string;
  readonly messageId: string;
  readonly answerId: string;
}

/** Lines of the active editor, the end inclusive. */
export interface ChatSelection {
  readonly startLine: number;
  readonly endLine: number;
}

export interface ChatContextParams {
  readonly id: string | null;
  readonly text: string;
  readonly mentions: readonly ChatMention[];
  readonly without: readonly string[];
  readonly uri: string | null;
  readonly selection: ChatSelection | null;
}

export interface ChatContextResult {
  readonly chips: readonly ChatChip[];
  readonly usedTokens: number;
  readonly limitTokens: number;
  readonly isExact: boolean;
}

export interface ChatApplyParams {
  readonly id: string;
  readonly answerId: string;
  /** Which code block of the answer, from 0. */
  readonly block: number;
  /** Of the active editor. */
  readonly uri: string | null;
}
