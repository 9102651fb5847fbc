import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConnectionError,
  ConnectionErrors,
  ErrorCodes,
  ResponseError,
  type LanguageClient,
  type MessageSignature,
} from "vscode-languageclient/node";
import { QuietClient } from "../src/client";
import { exportTrace, showStatistics, toggleLanguage } from "../src/commands";
import { StatisticsRequest } from "../src/protocol";
import type { Server } from "../src/server";
import { request, runningClient, ServerGone } from "../src/serverRequests";
import { window, workspace } from "./editor/vscode";

type Sender = Pick<LanguageClient, "sendRequest">;

/** A client whose requests end so, and what it was asked. */
function clientThat(answer: () => Promise<unknown>): { client: Sender; asked: unknown[][] } {
  const asked: unknown[][] = [];
  const sendRequest = (...what: unknown[]): Promise<unknown> => {
    asked.push(what);
    return answer();
  };
  return { client: { sendRequest } as Sender, asked };
}

function record(name: string): string[] {
  const said: string[] = [];
  Object.assign(window, {
    [name]: (message: string) => {
      said.push(message);
      return Promise.resolve(undefined);
    },
  });
  return said;
}

for (const error of [
  new ResponseError(ErrorCodes.PendingResponseRejected, "Pending response rejected"),
  new ResponseError(ErrorCodes.ConnectionInactive, "Client is not running"),
  new ConnectionError(ConnectionErrors.Closed, "Connection is closed."),
]) {
  test(`in plain words: ${error.message}`, async () => {
    const { client } = clientThat(() => Promise.reject(error));
    const told = await request(client, StatisticsRequest, {}).catch((it: unknown) => it);
    assert.ok(told instanceof ServerGone);
    assert.match(told.message, /server ended before it answered\. Sparrow starts it again/);
    assert.equal(told.cause, error);
  });
}

test("what the server itself says stays, and an absent token is no parameter", async () => {
  const refusal = new ResponseError(ErrorCodes.InternalError, "The disk is full.");
  const refused = clientThat(() => Promise.reject(refusal));
  await assert.rejects(request(refused.client, StatisticsRequest, {}), refusal);
  assert.deepEqual(refused.asked, [["sparrow/statistics", {}]]);
});

test("what the user has asked for by name does not end in nothing with the server", () => {
  const gone = new ResponseError(ErrorCodes.PendingResponseRejected, "disposed");
  const handle = (method: string, error: unknown): unknown =>
    QuietClient.prototype.handleFailedRequest({ method } as MessageSignature, undefined, error, 0);
  for (const method of ["codeAction/resolve", "textDocument/rename"]) {
    assert.throws(() => handle(method, gone), ServerGone);
    assert.equal(handle(method, new Error("It cannot be renamed.")), 0);
  }
  assert.equal(handle("textDocument/inlineCompletion", gone), 0);
});

test("without a server, and with one that ends, a command says so", async () => {
  const said = record("showWarningMessage");
  await showStatistics({ client: undefined } as unknown as Server);
  assert.match(said.pop() ?? "", /not running\. Its state is in the status bar/);
  const gone = new ResponseError(ErrorCodes.PendingResponseRejected, "disposed");
  const { client } = clientThat(() => Promise.reject(gone));
  await showStatistics({ client } as unknown as Server);
  assert.match(said.pop() ?? "", /^Sparrow's server ended before it answered/);
  assert.throws(() => runningClient({ client: undefined }), /not running/);
});

test("a language is turned off where a file is open, and else it is said", async () => {
  window.activeTextEditor = undefined;
  const said = record("showInformationMessage");
  await toggleLanguage();
  assert.deepEqual(said, ["Open a file first: completions are turned on or off for its language."]);
});

test("a trace that cannot be written is told of, and is proposed where one may write", async () => {
  const proposed: string[] = [];
  const said = record("showErrorMessage");
  Object.assign(window, {
    showWarningMessage: () => Promise.resolve("Choose File…"),
    showSaveDialog: ({ defaultUri }: { defaultUri: { fsPath: string } }) => {
      proposed.push(defaultUri.fsPath);
      return Promise.resolve(defaultUri);
    },
  });
  const writeFile = (): Promise<void> => Promise.reject(new Error("no permission"));
  Object.assign(workspace, { workspaceFolders: undefined, fs: { writeFile } });
  const { client } = clientThat(() => Promise.resolve({ json: "{}" }));
  await exportTrace({ client } as unknown as Server);
  assert.match(proposed.join(), /^\/.+\/sparrow-trace\.json$/);
  assert.match(said.join(), /not written to \/.+ No permission\. Choose a folder/);
});
