/** The chat's requests and notifications, by name. */
import { NotificationType, RequestType, type WorkspaceEdit } from "vscode-languageclient/node";
import type {
  ChatApplyParams,
  ChatContextParams,
  ChatContextResult,
  ChatConversation,
  ChatEvent,
  ChatMention,
  ChatSendParams,
  ChatSent,
  ChatState,
  ChatSummary,
} from "../chatProtocol";

type NoFields = Record<string, never>;

interface OfConversation {
  readonly id: string;
}

export const ListRequest = new RequestType<
  NoFields,
  { conversations: readonly ChatSummary[] },
  void
>("sparrow/chat/list");
export const OpenRequest = new RequestType<OfConversation, ChatConversation, void>(
  "sparrow/chat/open",
);
export const SendRequest = new RequestType<ChatSendParams, ChatSent, void>("sparrow/chat/send");
export const RegenerateRequest = new RequestType<OfConversation, ChatSent, void>(
  "sparrow/chat/regenerate",
);
export const StopRequest = new RequestType<OfConversation, NoFields, void>("sparrow/chat/stop");
export const DeleteRequest = new RequestType<OfConversation, NoFields, void>("sparrow/chat/delete");
export const RenameRequest = new RequestType<OfConversation & { title: string }, NoFields, void>(
  "sparrow/chat/rename",
);
export const ExportRequest = new RequestType<OfConversation, { markdown: string }, void>(
  "sparrow/chat/export",
);
export const SuggestRequest = new RequestType<
  { query: string; uri: string | null },
  { mentions: readonly ChatMention[] },
  void
>("sparrow/chat/suggest");
export const ContextRequest = new RequestType<ChatContextParams, ChatContextResult, void>(
  "sparrow/chat/context",
);
/** An error says why the code cannot be applied. */
export const ApplyRequest = new RequestType<ChatApplyParams, WorkspaceEdit, void>(
  "sparrow/chat/apply",
);
export const StateRequest = new RequestType<NoFields, ChatState, void>("sparrow/chat/state");

export const EventNotification = new NotificationType<ChatEvent>("sparrow/chat/event");
export const StateChangedNotification = new NotificationType<ChatState>(
  "sparrow/chat/stateChanged",
);
