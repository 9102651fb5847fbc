/** Refactors: what the editor shows while the server works on one, and when it refuses. */
import { setTimeout as delay } from "node:timers/promises";
import {
  CancellationTokenSource,
  commands,
  Position,
  ProgressLocation,
  RelativePattern,
  Uri,
  window,
  workspace,
  type CancellationToken,
  type CodeAction,
  type ProviderResult,
  type TextDocument,
} from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { targets } from "./core/targets";
import { RESTRICTED } from "./core/trust";
import { selectedInterpreter } from "./pythonExtension";

/** The server has it run behind an edit that brought a name of its own making. */
export const RENAME_COMMAND = "sparrow.renameAt";

/** Asks the user whether code of this workspace may be run, where that is not known. */
export const MAY_RUN_COMMAND = "sparrow.mayRunTests";

/** That the server may offer what a file has to be chosen for: it is asked for here. */
export const CHOOSE_FILE_COMMAND = "sparrow.chooseFile";

/** The kind of an action that moves something to a file that is there. */
const MOVE = "refactor.move.file";
const MAX_FILES = 5_000;

/** What is installed, and what is hidden: the server would refuse to edit it. */
const NOT_OURS = "{**/.*/**,**/node_modules/**,**/site-packages/**}";

/** The kind of an action that writes tests, which are run before they are shown. */
const TESTS = "refactor.rewrite.tests";

/** What is done by then needs no progress on the screen. */
const QUIET_MS = 500;

export const refactorMiddleware: Middleware = {
  provideCodeActions: (document, range, context, token, next) =>
    workspace.isTrusted ? next(document, range, context, token) : [],
  prepareRename: (document, position, token, next) =>
    workspace.isTrusted ? next(document, position, token) : refuseRename(),
  provideRenameEdits: (document, position, newName, token, next) =>
    workspace.isTrusted ? next(document, position, newName, token) : refuseRename(),
  resolveCodeAction: async (action, token, next) => {
    if (!(await isPrepared(action))) {
      return action;
    }
    const resolved = await resolveWithProgress(action, token, next);
    return action.kind?.value === TESTS ? showingFile(resolved) : resolved;
  },
};

/** The document in which a name was asked for, and its version then. */
let named: { readonly uri: string; readonly version: number } | undefined;

/**
 * Whether the editor's box may be asking for a name there, in whose way a completion would stand. When
 * the box is gone nobody tells; so it counts as there until the document changes.
 */
export function isAskingForName(document: TextDocument): boolean {
  return document.uri.toString() === named?.uri && document.version === named.version;
}

/** Asks for another name for what stands there. */
export async function renameAt(
  uri: string,
  { line, character }: { readonly line: number; readonly character: number },
): Promise<void> {
  const document = await workspace.openTextDocument(Uri.parse(uri));
  named = { uri: document.uri.toString(), version: document.version };
  await commands.executeCommand("editor.action.inlineSuggest.hide");
  const place = [document.uri, new Position(line, character)];
  await commands.executeCommand("editor.action.rename", place);
}

/** Another extension may rename. */
function refuseRename(): never {
  throw new Error(RESTRICTED);
}

type Prepared = CodeAction & { data?: unknown };

/** What only the user knows goes with an action; false where they turn back. */
async function isPrepared(action: Prepared): Promise<boolean> {
  const kind = action.kind?.value;
  if (kind === TESTS) {
    return isAllowed(action);
  }
  return kind === MOVE ? hasTarget(action) : true;
}

/** The file to move to. */
async function hasTarget(action: Prepared): Promise<boolean> {
  const { uri } = action.data as { readonly uri: string };
  const own = Uri.parse(uri);
  const folder = workspace.getWorkspaceFolder(own);
  if (folder === undefined) {
    return false;
  }
  const found = await workspace.findFiles(
    new RelativePattern(folder, "**/*.py"),
    NOT_OURS,
    MAX_FILES,
  );
  const files = found.filter((file) => file.toString() !== own.toString());
  if (files.length === 0) {
    void window.showInformationMessage(
      `There is no other Python file in ${folder.name}: "to a new file" makes one.`,
    );
    return false;
  }
  const byUri = new Map(files.map((file) => [workspace.asRelativePath(file, false), file]));
  const items = targets(workspace.asRelativePath(own, false), [...byUri.keys()]);
  const chosen = await window.showQuickPick(items, {
    title: action.title,
    placeHolder: "The file to move it to; imports follow",
    matchOnDescription: true,
  });
  if (chosen === undefined) {
    return false;
  }
  action.data = { ...(action.data as object), argument: byUri.get(chosen.path)?.toString() };
  return true;
}

/** Of an action that runs code the user's word goes with it, and the interpreter to run it by. */
async function isAllowed(action: Prepared): Promise<boolean> {
  if (!(await commands.executeCommand<boolean>(MAY_RUN_COMMAND))) {
    return false;
  }
  const interpreter = (await selectedInterpreter()) ?? "";
  action.data = { ...(action.data as object), mayRun: true, interpreter };
  return true;
}

/** Tests are in another file than the user is in: it is opened once they are there. */
function showingFile<T extends CodeAction | null | undefined>(action: T): T {
  const file = action?.edit?.entries()[0]?.[0];
  if (action && file !== undefined) {
    action.command = {
      title: "Show the tests",
      command: "vscode.open",
      arguments: [file, { preview: false }],
    };
  }
  return action;
}

/** A refusal is shown, and the action comes back without an edit. */
async function resolveWithProgress(
  action: CodeAction,
  token: CancellationToken,
  next: (action: CodeAction, token: CancellationToken) => ProviderResult<CodeAction>,
): Promise<CodeAction | null | undefined> {
  const source = new CancellationTokenSource();
  const listener = token.onCancellationRequested(() => {
    source.cancel();
  });
  const resolving = Promise.resolve(next(action, source.token));
  const settled = resolving.then(
    () => true,
    () => true,
  );
  try {
    const isQuick = await Promise.race([settled, delay(QUIET_MS, false)]);
    if (!isQuick) {
      const options = {
        location: ProgressLocation.Notification,
        title: `Sparrow: ${action.title}`,
        cancellable: true,
      };
      void window.withProgress(options, async (_, stopped) => {
        stopped.onCancellationRequested(() => {
          source.cancel();
        });
        await settled;
      });
    }
    const resolved = await resolving;
    return source.token.isCancellationRequested ? action : resolved;
  } catch (error) {
    if (!source.token.isCancellationRequested) {
      void window.showWarningMessage(error instanceof Error ? error.message : String(error));
    }
    return action;
  } finally {
    listener.dispose();
    source.dispose();
  }
}
