/** Opens what links, mentions and found code lead to: places in the workspace, and pages by https. */
import {
  commands,
  DocumentSymbol,
  env,
  Position,
  Range,
  Uri,
  window,
  workspace,
  type SymbolInformation,
  type TextDocument,
} from "vscode";
import type { ChatMention } from "../chatProtocol";
import type { Target } from "../core/chat/links";
import type { ChatService } from "./chatService";
import { SuggestRequest } from "./requests";

/** More files of one name than anybody chooses from. */
const MAX_MATCHES = 100;

/** The editor asks the user before it opens a page. Rejects with a message for the user. */
export async function follow(target: Target, chat: ChatService): Promise<void> {
  switch (target.kind) {
    case "web":
      await env.openExternal(Uri.parse(target.url, true));
      return;
    case "file": {
      const files = await findFiles(target.path);
      if (files.length === 0) {
        throw new Error(`This workspace has no file ${target.path}.`);
      }
      const file = files.length === 1 ? files[0] : await chooseFile(target.path, files);
      if (file !== undefined) {
        await show(file, target.line ?? undefined);
      }
      return;
    }
    case "symbol":
      await showSymbol(target.name, chat);
  }
}

export async function reveal(mention: ChatMention): Promise<void> {
  switch (mention.kind) {
    case "diagnostics":
      await commands.executeCommand("workbench.actions.view.problems");
      return;
    case "changes":
      await commands.executeCommand("workbench.view.scm");
      return;
    case "folder":
      await commands.executeCommand("revealInExplorer", inWorkspace(Uri.parse(mention.ref)));
      return;
    case "file":
    case "symbol":
    case "selection": {
      const [address = "", fragment = ""] = mention.ref.split("#", 2);
      const uri = inWorkspace(Uri.parse(address, true));
      const line = /^L(\d+)/.exec(fragment)?.[1];
      if (fragment === "" || line !== undefined) {
        await show(uri, line === undefined ? undefined : Number(line) - 1);
      } else {
        const document = await workspace.openTextDocument(uri);
        await show(uri, await lineOf(document, decodeURIComponent(fragment)));
      }
      return;
    }
    case "issue":
    case "repo":
  }
}

async function showSymbol(name: string, chat: ChatService): Promise<void> {
  const last = name.split(".").at(-1) ?? name;
  const { uri } = chat.place();
  const { mentions } = await chat.request(SuggestRequest, { query: last, uri });
  const found = mentions.find(
    ({ kind, label }) => kind === "symbol" && label.split(/[@.]/).at(-1) === last,
  );
  if (found === undefined) {
    void window.setStatusBarMessage(`No symbol ${name} is known in this workspace.`, 5_000);
    return;
  }
  await reveal(found);
}

/** The text of a file that is mentioned, as it stands in the editor. */
export async function readMentioned({ ref }: ChatMention): Promise<string> {
  const uri = inWorkspace(Uri.parse(ref, true));
  return (await workspace.openTextDocument(uri)).getText();
}

async function show(uri: Uri, line: number | undefined): Promise<void> {
  const at = line === undefined ? undefined : new Position(Math.max(0, line), 0);
  await window.showTextDocument(uri, at === undefined ? {} : { selection: new Range(at, at) });
}

/**
 * A file of the workspace by a URI, by its whole path, or by one from a folder of the workspace; else
 * all whose paths end so.
 */
async function findFiles(path: string): Promise<readonly Uri[]> {
  if (/^file:/i.test(path)) {
    const found = await existing(Uri.parse(path, true));
    return found === undefined ? [] : [found];
  }
  const folders = workspace.workspaceFolders ?? [];
  const candidates = [
    ...(/^(?:[\\/]|[a-z]:)/i.test(path) ? [Uri.file(path)] : []),
    ...folders.map(({ uri }) => Uri.joinPath(uri, path)),
    // With several folders paths may start with a folder's name.
    ...folders
      .filter(({ name }) => path.startsWith(`${name}/`))
      .map(({ name, uri }) => Uri.joinPath(uri, path.slice(name.length))),
  ];
  for (const candidate of candidates) {
    const found = await existing(candidate);
    if (found !== undefined) {
      return [found];
    }
  }
  const isPlain = /^[\w ./\\@+-]+$/.test(path) && !path.includes("..");
  const pattern = `**/${path.replaceAll("\\", "/")}`;
  return isPlain ? workspace.findFiles(pattern, undefined, MAX_MATCHES) : [];
}

/** Undefined where the user turned back. */
async function chooseFile(path: string, files: readonly Uri[]): Promise<Uri | undefined> {
  const items = files
    .map((file) => ({ label: workspace.asRelativePath(file), file }))
    .sort((one, other) => one.label.localeCompare(other.label));
  const placeHolder = `Several files are called ${path}. Which one is to be opened?`;
  return (await window.showQuickPick(items, { placeHolder }))?.file;
}

async function existing(uri: Uri): Promise<Uri | undefined> {
  if (workspace.getWorkspaceFolder(uri) === undefined) {
    return undefined;
  }
  return workspace.fs.stat(uri).then(
    () => uri,
    () => undefined,
  );
}

function inWorkspace(uri: Uri): Uri {
  if (workspace.getWorkspaceFolder(uri) === undefined && uri.scheme !== "untitled") {
    throw new Error(`${uri.fsPath} is not in this workspace.`);
  }
  return uri;
}

/** Where a name is defined, as the editor's outline has it, or else where it first stands. */
async function lineOf(document: TextDocument, name: string): Promise<number> {
  const symbols = await commands.executeCommand<
    readonly (DocumentSymbol | SymbolInformation)[] | undefined
  >("vscode.executeDocumentSymbolProvider", document.uri);
  const last = name.split(".").at(-1) ?? name;
  const outlined = lineIn(symbols ?? [], last);
  if (outlined !== undefined) {
    return outlined;
  }
  const escaped = last.replace(/[^\w]/g, "\\$&");
  const at = document.getText().search(new RegExp(`(?<![\\w$])${escaped}(?![\\w$])`));
  return at < 0 ? 0 : document.positionAt(at).line;
}

function lineIn(
  symbols: readonly (DocumentSymbol | SymbolInformation)[],
  name: string,
): number | undefined {
  for (const symbol of symbols) {
    const isOutline = symbol instanceof DocumentSymbol;
    if (symbol.name === name) {
      return isOutline ? symbol.selectionRange.start.line : symbol.location.range.start.line;
    }
    const inner = isOutline ? lineIn(symbol.children, name) : undefined;
    if (inner !== undefined) {
      return inner;
    }
  }
  return undefined;
}
