/** What the web view and the extension say to each other. */
import type {
  ChatContextResult,
  ChatConversation,
  ChatEvent,
  ChatMention,
  ChatSendParams,
  ChatSent,
  ChatState,
  ChatSummary,
} from "../../chatProtocol";
import type { Target } from "./links";

type NoFields = Record<string, never>;

interface Request<Params, Result> {
  readonly params: Params;
  readonly result: Result;
}

/** All that the view may ask. */
export interface ViewRequests {
  readonly list: Request<NoFields, { readonly conversations: readonly ChatSummary[] }>;
  readonly state: Request<NoFields, ChatState>;
  readonly open: Request<{ readonly id: string }, ChatConversation>;
  readonly send: Request<Omit<ChatSendParams, "uri" | "selection">, ChatSent>;
  readonly regenerate: Request<{ readonly id: string }, ChatSent>;
  readonly stop: Request<{ readonly id: string }, NoFields>;
  /** Asks the user first; whether it was done. */
  readonly delete: Request<
    { readonly id: string; readonly title: string },
    { readonly isDone: boolean }
  >;
  readonly rename: Request<{ readonly id: string; readonly title: string }, NoFields>;
  readonly suggest: Request<
    { readonly query: string },
    { readonly mentions: readonly ChatMention[] }
  >;
  readonly context: Request<
    Pick<ChatSendParams, "id" | "text" | "mentions" | "without">,
    ChatContextResult
  >;
  /** Shows the edit; whether all or a part of it was made. */
  readonly apply: Request<
    { readonly id: string; readonly answerId: string; readonly block: number },
    { readonly isDone: boolean }
  >;
  readonly copy: Request<{ readonly text: string }, NoFields>;
  readonly insert: Request<{ readonly text: string }, NoFields>;
  readonly follow: Request<{ readonly target: Target }, NoFields>;
  readonly reveal: Request<{ readonly mention: ChatMention }, NoFields>;
  /** Begins a fix of what a question is about. */
  readonly fix: Request<Pick<ChatSendParams, "text" | "mentions">, NoFields>;
  readonly setUpModel: Request<NoFields, NoFields>;
  readonly manageTrust: Request<NoFields, NoFields>;
  /** Which conversation is on the screen, for the commands of the palette. */
  readonly showing: Request<{ readonly id: string | null }, NoFields>;
}

export type Method = keyof ViewRequests;

export type ParamsOf<M extends Method> = ViewRequests[M]["params"];

export type ResultOf<M extends Method> = ViewRequests[M]["result"];

/** From the view. */
export interface ViewRequest<M extends Method = Method> {
  /** The page that asks: each time that the view is shown it is another one. */
  readonly page: string;
  readonly ticket: number;
  readonly method: M;
  readonly params: ParamsOf<M>;
}

/** To the view. */
export type ViewNotice =
  | {
      readonly kind: "reply";
      readonly page: string;
      readonly ticket: number;
      readonly result: unknown;
    }
  | {
      readonly kind: "refusal";
      readonly page: string;
      readonly ticket: number;
      readonly message: string;
    }
  /** A question of a page before this one has arrived. */
  | { readonly kind: "sent"; readonly asked: ParamsOf<"send">; readonly sent: ChatSent }
  | { readonly kind: "events"; readonly events: readonly ChatEvent[] }
  | { readonly kind: "state"; readonly state: ChatState }
  /** The server was started or has gone, or may be asked from now on: all may be otherwise. */
  | { readonly kind: "connection"; readonly isConnected: boolean }
  /** The user went to another editor, or selected something else. */
  | { readonly kind: "editor" }
  | { readonly kind: "newChat" }
  | { readonly kind: "attach"; readonly mention: ChatMention };
