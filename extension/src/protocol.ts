/** The messages that Sparrow adds to the language server protocol; mirrors the server's file. */
import { NotificationType, RequestType, type WorkspaceEdit } from "vscode-languageclient/node";

export type ModelRole = "completion" | "chat";

export type ModelState = "idle" | "starting" | "loading" | "ready" | "error";

export interface StatusParams {
  readonly roles: readonly ModelRole[];
  readonly state: ModelState;
  readonly engine: string;
  readonly model: string;
  readonly message: string;
  /** A fraction from 0 to 1, or null where nobody knows. */
  readonly progress: number | null;
}

/** Whether all that the folder held when it was first looked at is in its index, and more in words. */
export interface FolderIndex {
  readonly folder: string;
  readonly state: string;
  readonly isCurrent: boolean;
}

/** How it is with the index of each folder, in place of what was told before. */
export interface IndexStatusParams {
  readonly folders: readonly FolderIndex[];
}

/** The key of the OpenAI-compatible server at an address. */
export interface ApiKey {
  readonly server: string;
  readonly key: string;
}

/** All keys that there are, in place of those sent before. */
export interface ApiKeysParams {
  readonly apiKeys: readonly ApiKey[];
}

export interface ExplainCompletionResult {
  readonly markdown: string;
}

/** Traces with the code that models were shown: for a file that the user asked for. */
export interface ExportTraceResult {
  readonly json: string;
}

/** The body of a page, which runs no script, and its style sheet. */
export interface StatisticsResult {
  readonly html: string;
  readonly css: string;
}

export type NoFields = Record<string, never>;

/** Server to client: the state of the model that serves these roles, and no other does. */
export const StatusNotification = new NotificationType<StatusParams>("sparrow/status");

/** Server to client: how it is with the folders' indexes. */
export const IndexStatusNotification = new NotificationType<IndexStatusParams>(
  "sparrow/indexStatus",
);

/** Client to server, and in the initialization options. Trace and log hide what is in it. */
export const SetApiKeysNotification = new NotificationType<ApiKeysParams>("sparrow/setApiKeys");

/** A diagnostic of an error or a warning, of whatever source. */
export interface Problem {
  readonly line: number;
  readonly message: string;
}

/** All problems of a document that the user sees, in place of those before. */
export interface ProblemsParams {
  readonly uri: string;
  readonly problems: readonly Problem[];
}

/** Client to server: what is wrong in the document that is being edited. */
export const SetProblemsNotification = new NotificationType<ProblemsParams>("sparrow/setProblems");

/** What is to be done to a selection, in the user's words. */
export interface EditParams {
  readonly uri: string;
  readonly version: number;
  readonly startLine: number;
  readonly startCharacter: number;
  readonly endLine: number;
  readonly endCharacter: number;
  readonly instruction: string;
  /** How the drafts that are told meanwhile are to be called; empty where none are wanted. */
  readonly draft: string;
}

/** Lines of the document, the end not included, and what the model writes for them so far. */
export interface EditDraftParams {
  readonly draft: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
}

/** Server to client: a draft of an edit, in place of the one before. Nothing of it is verified. */
export const EditDraftNotification = new NotificationType<EditDraftParams>("sparrow/editDraft");

/** Has a model edit. An error says why there is no edit. */
export const EditRequest = new RequestType<EditParams, WorkspaceEdit, void>("sparrow/edit");

/** An issue of a folder that a file is in; without a text, the tests that fail are meant. */
export interface FixParams {
  readonly uri: string;
  readonly issue: string;
  readonly interpreter: string;
  readonly mayRun: boolean;
  readonly workDoneToken: string;
}

/** The token is for the progress of the request. */
export interface CheckFixParams {
  readonly workDoneToken: string;
}

/** A change with its evidence; the edit is null where none was found. */
export interface FixResult {
  readonly verdict: string;
  readonly reason: string;
  readonly markdown: string;
  readonly edit: WorkspaceEdit | null;
}

/** Looks for a change that mends an issue. An error says why it cannot be looked for. */
export const FixRequest = new RequestType<FixParams, FixResult, void>("sparrow/fix");

/** What is known of the part of the last fix that the user took. */
export const CheckFixRequest = new RequestType<CheckFixParams, FixResult, void>("sparrow/checkFix");

/** Ends the models' processes; the server starts others. */
export const RestartHostRequest = new RequestType<NoFields, NoFields, void>("sparrow/restartHost");

/** Why the last completion was shown, or why none was. */
export const ExplainCompletionRequest = new RequestType<NoFields, ExplainCompletionResult, void>(
  "sparrow/explainCompletion",
);

/** The last completions, with the code that models were shown. */
export const ExportTraceRequest = new RequestType<NoFields, ExportTraceResult, void>(
  "sparrow/exportTrace",
);

/** How completions did on this machine. */
export const StatisticsRequest = new RequestType<NoFields, StatisticsResult, void>(
  "sparrow/statistics",
);
