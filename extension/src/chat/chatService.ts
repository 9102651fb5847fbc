/** The server's chat as the view and the participant see it: requests, and what the server tells. */
import { EventEmitter, window, workspace, type Disposable, type TextEditor } from "vscode";
import type { LanguageClient, RequestType } from "vscode-languageclient/node";
import type { ChatEvent, ChatSelection, ChatState } from "../chatProtocol";
import type { ServerSession } from "../client";
import type { Server } from "../server";
import { request } from "../serverRequests";
import { COMPLETED_SCHEMES } from "../settings";
import { requireTrust } from "../trust";
import { EventNotification, StateChangedNotification } from "./requests";

export class ChatService implements Disposable {
  readonly #events = new EventEmitter<ChatEvent>();
  readonly #states = new EventEmitter<ChatState>();
  readonly #connections = new EventEmitter<void>();
  readonly #subscriptions: readonly Disposable[];
  #session: ServerSession | undefined;

  readonly onEvent = this.#events.event;
  readonly onState = this.#states.event;
  /** The server was started or has gone, or the user has begun to trust the workspace. */
  readonly onConnection = this.#connections.event;

  constructor(server: Server) {
    const started = server.onDidStart((session) => {
      const { client, ended } = session;
      this.#session = session;
      client.onNotification(EventNotification, (event) => {
        this.#events.fire(event);
      });
      client.onNotification(StateChangedNotification, (state) => {
        this.#states.fire(state);
      });
      this.#connections.fire();
      void ended.then(() => {
        if (this.#session === session) {
          this.#session = undefined;
          this.#connections.fire();
        }
      });
    });
    const trusted = workspace.onDidGrantWorkspaceTrust(() => {
      this.#connections.fire();
    });
    this.#subscriptions = [started, trusted];
  }

  /** Rejects with a message for the user. */
  async request<Params, Result>(
    type: RequestType<Params, Result, void>,
    params: Params,
  ): Promise<Result> {
    return request(this.client, type, params);
  }

  /** Whether there is a server. */
  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  /** Throws with a message for the user where there is none. */
  get session(): ServerSession {
    requireTrust();
    if (this.#session === undefined) {
      throw new Error("Sparrow's server is not running. Its state is in the status bar.");
    }
    return this.#session;
  }

  /** Throws as `session` does. */
  get client(): LanguageClient {
    return this.session.client;
  }

  /** The document that the user has before them, and the lines that are selected in it. */
  place(): { readonly uri: string | null; readonly selection: ChatSelection | null } {
    const editor = activeEditor();
    if (editor === undefined) {
      return { uri: null, selection: null };
    }
    const { start, end, isEmpty } = editor.selection;
    return {
      uri: this.client.code2ProtocolConverter.asUri(editor.document.uri),
      selection: isEmpty ? null : { startLine: start.line, endLine: lastLine(start, end) },
    };
  }

  dispose(): void {
    this.#subscriptions.forEach((subscription) => void subscription.dispose());
    this.#events.dispose();
    this.#states.dispose();
    this.#connections.dispose();
  }
}

/** The editor that was active last; a view has the focus without changing it. */
export function activeEditor(): TextEditor | undefined {
  const editor = window.activeTextEditor;
  return editor && COMPLETED_SCHEMES.includes(editor.document.uri.scheme) ? editor : undefined;
}

/** Whole lines are selected up to the start of the next one, which is not meant. */
export function lastLine(
  start: { readonly line: number },
  end: { readonly line: number; readonly character: number },
): number {
  return end.character === 0 && end.line > start.line ? end.line - 1 : end.line;
}
