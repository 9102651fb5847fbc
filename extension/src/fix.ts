/** Fixes an issue: asks what is wrong, whether code may be run, and shows the change for review. */
import { randomUUID } from "node:crypto";
import {
  Uri,
  window,
  workspace,
  type CancellationToken,
  type Memento,
  type WorkspaceEdit,
  type WorkspaceFolder,
} from "vscode";
import { WorkDoneProgress, type LanguageClient } from "vscode-languageclient/node";
import { cancellable } from "./cancellable";
import type { ReadOnlyDocuments } from "./documents";
import { CheckFixRequest, FixRequest, type FixResult } from "./protocol";
import { selectedInterpreter } from "./pythonExtension";
import type { Server } from "./server";
import { request, runningClient } from "./serverRequests";
import { requireTrust, showFailure } from "./trust";

/** The server has it run for an error in a test: with a URI and what the error says. */
export const FIX_COMMAND = "sparrow.fixIssue";

/** Kept in the editor's own state of this workspace, which no repository can bring. */
const MAY_RUN = "sparrow.mayRunCode";

export interface FixParts {
  readonly server: Server;
  readonly documents: ReadOnlyDocuments;
  readonly state: Memento;
}

export async function fixIssue(parts: FixParts, uri?: string, told?: string): Promise<void> {
  try {
    await fix(parts, uri, told);
  } catch (error) {
    await showFailure(error);
  }
}

async function fix(parts: FixParts, uri?: string, told?: string): Promise<void> {
  requireTrust();
  const place = uri === undefined ? await chooseFolder() : Uri.parse(uri);
  if (place === undefined) {
    return;
  }
  const issue = told ?? (await askForIssue());
  if (issue === undefined || !(await mayRun(parts.state))) {
    return;
  }
  const found = await lookForFix(parts.server, place, issue);
  if (found === undefined) {
    return;
  }
  await parts.documents.show("Fix Issue", found.result.markdown);
  if (found.edit === undefined) {
    void window.showInformationMessage(`Sparrow found no change: ${found.result.reason}.`);
  } else {
    await review(parts, found.edit);
  }
}

/**
 * Each hunk needs to be confirmed, so that the editor shows them all first. It says nothing where
 * none was ticked: the fix took minutes, and can be had again.
 */
async function review(parts: FixParts, edit: WorkspaceEdit): Promise<void> {
  let isShown = true;
  while (isShown) {
    await workspace.applyEdit(edit, { isRefactoring: true });
    isShown = !(await isTaken(parts)) && (await wantsItAgain());
  }
}

async function wantsItAgain(): Promise<boolean> {
  const again = "Show It Again";
  const message = "Nothing of the fix was applied. Apply takes the changes that are ticked.";
  return (await window.showInformationMessage(message, again)) === again;
}

/**
 * Whether anything was. Some of the hunks may not do what all of them did: the server runs the tests
 * again then.
 */
async function isTaken({ server, documents }: FixParts): Promise<boolean> {
  const { client } = server;
  if (client === undefined) {
    return true; // as far as anybody can tell
  }
  const checked = await withStages(client, "Sparrow: checking the fix", (workDoneToken, token) =>
    request(client, CheckFixRequest, { workDoneToken }, token),
  );
  if (checked !== undefined && checked.markdown !== "") {
    await documents.show("Part of the Fix", checked.markdown);
  }
  return checked?.verdict !== "";
}

/** A request with what the server says as it works on it; undefined where the user cancelled it. */
async function withStages<T>(
  client: LanguageClient,
  title: string,
  ask: (workDoneToken: string, token: CancellationToken) => Promise<T>,
): Promise<T | undefined> {
  return cancellable(title, async (progress, token) => {
    const workDoneToken = randomUUID();
    const listening = client.onProgress(WorkDoneProgress.type, workDoneToken, (said) => {
      if (said.kind === "report" && said.message !== undefined) {
        progress.report({ message: said.message });
      }
    });
    try {
      return await ask(workDoneToken, token);
    } finally {
      listening.dispose();
    }
  });
}

/** The active file's folder, or the one that the user picks. */
async function chooseFolder(): Promise<Uri | undefined> {
  const { activeTextEditor } = window;
  const active = activeTextEditor && workspace.getWorkspaceFolder(activeTextEditor.document.uri);
  const folders = workspace.workspaceFolders ?? [];
  if (folders.length === 0) {
    throw new Error("Open a folder first: a fix is tried on its tests.");
  }
  const single = folders.length === 1 ? folders[0] : undefined;
  const folder: WorkspaceFolder | undefined =
    active ?? single ?? (await window.showWorkspaceFolderPick());
  return folder && Uri.joinPath(folder.uri, "file");
}

/** What is selected, a traceback for example, comes first; undefined where the user turned back. */
async function askForIssue(): Promise<string | undefined> {
  const editor = window.activeTextEditor;
  const selected = editor === undefined ? "" : editor.document.getText(editor.selection);
  const written = await window.showInputBox({
    title: "Fix Issue with Sparrow",
    prompt:
      selected === ""
        ? "What is wrong? Leave it empty to fix the tests that fail."
        : "What is wrong? The selected text is read as well.",
    placeHolder: "total() ignores the first price",
  });
  return written === undefined ? undefined : [written, selected].filter(Boolean).join("\n\n");
}

/** Whether code of this workspace may be run, for its tests; asks once for each workspace. */
export async function mayRun(state: Memento): Promise<boolean> {
  if (state.get(MAY_RUN) === true) {
    return true;
  }
  const allow = "Run Tests";
  const answer = await window.showWarningMessage(
    "May Sparrow run this workspace's tests?",
    {
      modal: true,
      detail:
        "It runs them to see whether a fix works, or whether tests that a model wrote pass: on copies " +
        "of the workspace, in a sandbox that reaches neither the network nor your other files. " +
        "The answer is kept for this workspace.",
    },
    allow,
  );
  if (answer !== allow) {
    return false;
  }
  await state.update(MAY_RUN, true);
  return true;
}

/** Undefined where the user has cancelled. */
async function lookForFix(
  server: Server,
  place: Uri,
  issue: string,
): Promise<{ result: FixResult; edit: WorkspaceEdit | undefined } | undefined> {
  const client = runningClient(server);
  return withStages(client, "Sparrow: looking for a fix", async (workDoneToken, token) => {
    const params = {
      uri: client.code2ProtocolConverter.asUri(place),
      issue,
      interpreter: (await selectedInterpreter()) ?? "",
      mayRun: true,
      workDoneToken,
    };
    const result = await request(client, FixRequest, params, token);
    const edit =
      result.edit === null
        ? undefined
        : await client.protocol2CodeConverter.asWorkspaceEdit(result.edit, token);
    return { result, edit };
  });
}
