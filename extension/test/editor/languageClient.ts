/** Stands in for the client's library: the protocol as it is, and of the client what is built upon. */
export * from "vscode-languageserver-protocol/node";

export class LanguageClient {
  /** A server that has gone is as good as one that found nothing. */
  handleFailedRequest(_type: unknown, _token: unknown, _error: unknown, nothing: unknown): unknown {
    return nothing;
  }
}

export const CloseAction = { DoNotRestart: 1 };
export const ErrorAction = { Continue: 1 };
export const RevealOutputChannelOn = { Never: 4 };
export const State = { Stopped: 1, StartFailed: 4 };
