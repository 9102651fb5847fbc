/** The messages that Sparrow adds to the language server protocol; mirrors the server's file. */
import { NotificationType, RequestType } from "vscode-languageclient/node";

export type ModelState = "starting" | "loading" | "ready" | "error";

export interface StatusParams {
  readonly state: ModelState;
  readonly engine: string;
  readonly model: string;
  readonly message: string;
  /** A fraction from 0 to 1, or null where nobody knows. */
  readonly progress: number | null;
}

export interface ExplainCompletionResult {
  readonly markdown: string;
}

type NoFields = Record<string, never>;

/** Server to client: the state of the model that completes. */
export const StatusNotification = new NotificationType<StatusParams>("sparrow/status");

/** Ends the model process; the server starts another. */
export const RestartHostRequest = new RequestType<NoFields, NoFields, void>("sparrow/restartHost");

/** Why the last completion was shown, or why none was. */
export const ExplainCompletionRequest = new RequestType<NoFields, ExplainCompletionResult, void>(
  "sparrow/explainCompletion",
);
