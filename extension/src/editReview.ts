/**
 * An edit as the user watches and judges it: a diff that fills while the model writes, and then one
 * of the file itself beside what it was, in which each change can be turned down.
 */
import path from "node:path";
import type { Uri } from "vscode";
import {
  commands,
  Disposable,
  EventEmitter,
  Position,
  Range,
  Selection,
  TabInputTextDiff,
  ViewColumn,
  window,
  workspace,
  WorkspaceEdit,
  type Tab,
  type TextDocument,
} from "vscode";
import { hunkAt, hunksOf } from "./core/hunks";

const DRAFT = "sparrow-draft";
const BEFORE = "sparrow-before";
/** While the diff of an edit that was made is in front. */
const REVIEWING = "sparrow.reviewing";

/** Lines of a document, the end not included, and the text in place of them. */
export interface Draft {
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
}

export class EditReview implements Disposable {
  readonly #texts = new Map<string, string>();
  readonly #changed = new EventEmitter<Uri>();
  readonly #subscriptions: Disposable;
  #count = 0;

  constructor() {
    const provider = {
      onDidChange: this.#changed.event,
      provideTextDocumentContent: (uri: Uri) => this.#texts.get(uri.toString()) ?? "",
    };
    this.#subscriptions = Disposable.from(
      this.#changed,
      workspace.registerTextDocumentContentProvider(DRAFT, provider),
      workspace.registerTextDocumentContentProvider(BEFORE, provider),
      window.tabGroups.onDidChangeTabs(({ closed }) => {
        for (const { input } of closed) {
          if (input instanceof TabInputTextDiff) {
            this.#texts.delete(input.original.toString());
            this.#texts.delete(input.modified.toString());
          }
        }
        this.#look();
      }),
      window.tabGroups.onDidChangeTabGroups(() => {
        this.#look();
      }),
    );
    void this.#closeForgotten();
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  /** A function that shows what the model has written so far, from its first word on. */
  watch(document: TextDocument): { show: (draft: Draft) => void; end: () => Promise<void> } {
    const uri = this.#sibling(DRAFT, document);
    const before = document.getText();
    let opened: Thenable<unknown> | undefined;
    return {
      show: ({ startLine, endLine, text }) => {
        this.#texts.set(uri.toString(), withLines(before, startLine, endLine, text));
        this.#changed.fire(uri);
        opened ??= commands.executeCommand(
          "vscode.diff",
          document.uri,
          uri,
          `${nameOf(document)}: Sparrow is writing…`,
          { preview: true, preserveFocus: true, viewColumn: ViewColumn.Active },
        );
      },
      end: async () => {
        await opened;
        await close((input) => input.modified.toString() === uri.toString());
        this.#texts.delete(uri.toString());
      },
    };
  }

  /** Shows what an edit made of a document, beside the text that it had. */
  async open(document: TextDocument, before: string): Promise<void> {
    const [first] = hunksOf(before, document.getText());
    if (first === undefined) {
      return;
    }
    const uri = this.#sibling(BEFORE, document);
    this.#texts.set(uri.toString(), before);
    const title = `${nameOf(document)}: Sparrow's Edit`;
    await commands.executeCommand("vscode.diff", uri, document.uri, title, {
      preview: true,
      selection: new Range(first.start, 0, first.start, 0),
    });
    this.#look();
  }

  /** Leaves the changes as they are now, and goes back to the file. */
  async keep(): Promise<void> {
    await this.#leave();
  }

  /** Puts back what stood in place of the change at the cursor. */
  async rejectChange(): Promise<void> {
    const review = this.#current();
    const editor = window.activeTextEditor;
    if (review === undefined || editor?.document.uri.toString() !== review.file.toString()) {
      return;
    }
    const hunks = hunksOf(review.before, editor.document.getText());
    const hunk = hunkAt(hunks, editor.selection.active.line);
    if (hunk !== undefined) {
      await editor.edit((edit) => {
        edit.replace(new Range(hunk.start, 0, hunk.end, 0), hunk.before);
      });
    }
    if (hunks.length <= 1) {
      await this.#leave();
    }
  }

  /** Puts back the whole text, and goes back to the file; undo brings it back. */
  async rejectAll(): Promise<void> {
    const review = this.#current();
    if (review === undefined) {
      return;
    }
    const document = await workspace.openTextDocument(review.file);
    const edit = new WorkspaceEdit();
    for (const hunk of hunksOf(review.before, document.getText())) {
      edit.replace(document.uri, new Range(hunk.start, 0, hunk.end, 0), hunk.before);
    }
    await workspace.applyEdit(edit);
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const review = this.#current();
    if (review === undefined) {
      return;
    }
    const document = await workspace.openTextDocument(review.file);
    const line = window.activeTextEditor?.selection.active.line ?? 0;
    const at = new Position(Math.min(line, document.lineCount - 1), 0);
    await close((input) => input.original.toString() === review.original.toString());
    await window.showTextDocument(document, { selection: new Selection(at, at) });
  }

  /**
   * The diffs that a reloaded window brings back have lost the text beside the file: each gives way to
   * the file, which is as it was left.
   */
  async #closeForgotten(): Promise<void> {
    for (const { activeTab, viewColumn } of window.tabGroups.all) {
      const input = activeTab?.input;
      if (input instanceof TabInputTextDiff && this.#isForgotten(input)) {
        const file = input.original.scheme === BEFORE ? input.modified : input.original;
        await window.showTextDocument(file, { viewColumn, preserveFocus: true });
      }
    }
    await close((input) => this.#isForgotten(input));
  }

  #isForgotten({ original, modified }: TabInputTextDiff): boolean {
    return (
      (original.scheme === BEFORE && !this.#texts.has(original.toString())) ||
      (modified.scheme === DRAFT && !this.#texts.has(modified.toString()))
    );
  }

  #current(): { file: Uri; original: Uri; before: string } | undefined {
    const input = window.tabGroups.activeTabGroup.activeTab?.input;
    if (!(input instanceof TabInputTextDiff) || input.original.scheme !== BEFORE) {
      return undefined;
    }
    const before = this.#texts.get(input.original.toString());
    return before === undefined
      ? undefined
      : { file: input.modified, original: input.original, before };
  }

  #look(): void {
    void commands.executeCommand("setContext", REVIEWING, this.#current() !== undefined);
  }

  /** A name for another text of a document, in which the editor sees its language. */
  #sibling(scheme: string, document: TextDocument): Uri {
    this.#count += 1;
    return document.uri.with({ scheme, authority: "", query: String(this.#count), fragment: "" });
  }
}

function nameOf(document: TextDocument): string {
  return path.basename(document.uri.path);
}

function withLines(text: string, start: number, end: number, between: string): string {
  const lines = text.split(/(?<=\n)/);
  return [...lines.slice(0, start), between, ...lines.slice(end)].join("");
}

async function close(isMeant: (input: TabInputTextDiff) => boolean): Promise<void> {
  const tabs: Tab[] = window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(({ input }) => input instanceof TabInputTextDiff && isMeant(input));
  if (tabs.length > 0) {
    await window.tabGroups.close(tabs, true);
  }
}
