/** Requests to the server that the user waits for: where one fails, its message is one for them. */
import type { CancellationToken } from "vscode";
import {
  ConnectionError,
  ErrorCodes,
  ResponseError,
  type LanguageClient,
  type RequestType,
} from "vscode-languageclient/node";

/** The library's own words for it are about connections, of which a user knows nothing. */
export class ServerGone extends Error {
  constructor(options?: ErrorOptions) {
    super(
      "Sparrow's server ended before it answered. Sparrow starts it again: wait until the status bar " +
        "shows that it is back, and try again.",
      options,
    );
  }
}

/** The client of a server that is there; throws with a message for the user. */
export function runningClient({
  client,
}: {
  readonly client: LanguageClient | undefined;
}): LanguageClient {
  if (client === undefined) {
    throw new Error("Sparrow's server is not running. Its state is in the status bar.");
  }
  return client;
}

/** Rejects with a message for the user: with the server's own one where it refused. */
export async function request<Params, Result>(
  client: Pick<LanguageClient, "sendRequest">,
  type: RequestType<Params, Result, void>,
  params: Params,
  token?: CancellationToken,
): Promise<Result> {
  try {
    // An absent token that is named would be sent as a parameter.
    return await (token === undefined
      ? client.sendRequest<Result>(type.method, params)
      : client.sendRequest<Result>(type.method, params, token));
  } catch (error) {
    throw isOfConnection(error) ? new ServerGone({ cause: error }) : error;
  }
}

/** Whether the connection ended, and not the server refused. */
export function isOfConnection(error: unknown): boolean {
  const codes: readonly number[] = [
    ErrorCodes.PendingResponseRejected,
    ErrorCodes.ConnectionInactive,
  ];
  return (
    error instanceof ConnectionError ||
    (error instanceof ResponseError && codes.includes(error.code))
  );
}
