import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { beforeEach, test } from "node:test";
import type { CancellationToken, CodeAction } from "vscode";
import { ErrorCodes, ResponseError } from "vscode-languageclient/node";
import { cancellable } from "../src/cancellable";
import { editByInstruction } from "../src/edit";
import { refactorMiddleware } from "../src/refactor";
import type { EditReview } from "../src/editReview";
import type { Server } from "../src/server";
import { CancellationTokenSource, EventEmitter, window, workspace } from "./editor/vscode";

/** The button of the notification that is on the screen. */
let cancel: () => void = () => undefined;
let said: string[] = [];
let applied: unknown[] = [];

beforeEach(() => {
  said = [];
  applied = [];
  Object.assign(window, {
    withProgress: (_: unknown, work: (progress: unknown, token: unknown) => Promise<unknown>) => {
      const cancelled = new EventEmitter<undefined>();
      const token = { isCancellationRequested: false, onCancellationRequested: cancelled.event };
      cancel = () => {
        token.isCancellationRequested = true;
        cancelled.fire(undefined);
      };
      return work({ report: () => undefined }, token);
    },
    showInputBox: () => Promise.resolve("Handle an empty list"),
    showWarningMessage: (message: string) => {
      said.push(message);
      return Promise.resolve(undefined);
    },
  });
  Object.assign(workspace, {
    applyEdit: (edit: unknown) => {
      applied.push(edit);
      return Promise.resolve(true);
    },
  });
});

test("what comes as the user cancels has not come", async () => {
  const result = await cancellable("Working", () => {
    cancel();
    return Promise.resolve("an edit");
  });
  assert.equal(result, undefined);
  assert.equal(await cancellable("Working", () => Promise.resolve("an edit")), "an edit");
});

test("a code action that is resolved as the user cancels makes no edit", async () => {
  const action = { title: "Simplify", kind: { value: "refactor.rewrite" } };
  const resolved = { ...action, edit: "an edit" };
  const resolve = async (isCancelled: boolean): Promise<unknown> => {
    const source = new CancellationTokenSource();
    const next = (): Promise<CodeAction> => {
      if (isCancelled) {
        source.cancel();
      }
      return Promise.resolve(resolved as unknown as CodeAction);
    };
    const given = action as unknown as CodeAction;
    const token = source.token as unknown as CancellationToken;
    return refactorMiddleware.resolveCodeAction?.(given, token, next);
  };
  assert.equal(await resolve(true), action);
  assert.equal(await resolve(false), resolved);
});

/** Ctrl+I in a file, with a server that answers so. */
async function edit(answer: () => Promise<unknown>): Promise<void> {
  const document = { uri: "file:///w/a.py", version: 1, isClosed: false, getText: () => "x" };
  window.activeTextEditor = { document, selection: { isEmpty: true } };
  const end = { line: 0, character: 0 };
  const client = {
    code2ProtocolConverter: { asUri: String, asRange: () => ({ start: end, end }) },
    protocol2CodeConverter: { asWorkspaceEdit: (it: unknown) => Promise.resolve(it) },
    onNotification: () => ({ dispose: () => undefined }),
    sendRequest: answer,
  };
  const review = {
    watch: () => ({ show: () => undefined, end: () => Promise.resolve() }),
    open: () => Promise.resolve(),
  };
  await editByInstruction({ client } as unknown as Server, review as unknown as EditReview);
}

test("an edit that comes as the user cancels is not made", async () => {
  await edit(async () => {
    await setImmediate();
    cancel();
    return "an edit";
  });
  assert.deepEqual([applied, said], [[], []]);
  await edit(() => Promise.resolve("an edit"));
  assert.deepEqual([applied, said], [["an edit"], []]);
});

test("a server that ends in the middle of an edit is told of in plain words", async () => {
  const raw = "Pending response rejected since connection got disposed";
  await edit(() => Promise.reject(new ResponseError(ErrorCodes.PendingResponseRejected, raw)));
  assert.deepEqual(applied, []);
  assert.match(said.join(), /^Sparrow's server ended before it answered\. .*try again\.$/);
});
