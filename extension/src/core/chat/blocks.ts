/**
 * Splits an answer into blocks while it streams. A block that is finished never changes, so that it is
 * rendered once; only the last one, the tail, is rendered anew as text comes.
 *
 * Text ends at a blank line before something that does not belong to it: indented lines, and further
 * items of a list, do. A fence that stands by itself is a block of its own. What grows past
 * MAX_TEXT_CHARACTERS is split where a line ends that no indented one follows, in the end at any, or at
 * a space, so that a tail stays cheap whatever a model writes; a table's head is repeated then.
 */

export interface TextBlock {
  readonly kind: "text";
  readonly text: string;
}

export interface CodeBlock {
  readonly kind: "code";
  readonly text: string;
  /** As the fence names it, or empty. */
  readonly language: string;
}

export type Block = TextBlock | CodeBlock;

export const MAX_TEXT_CHARACTERS = 3_000;

const FENCE = /^([ \t]*)(`{3,}|~{3,})(.*)$/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const TABLE_HEAD = /^[^\n]*\|[^\n]*\n[ |:-]*-[ |:-]*\n/;

interface Fence {
  readonly marker: string;
  readonly indent: number;
  readonly language: string;
}

export class BlockSplitter {
  readonly #finished: Block[] = [];
  /** The whole lines of the tail. */
  #lines = "";
  /** What came of a line that is not at its end. */
  #rest = "";
  /** The fence that the tail is in, where it is a block of its own. */
  #fence: Fence | undefined;
  /** The fence inside of a list's item. */
  #inner: Fence | undefined;
  #isList = false;
  #isAfterBlank = false;

  get finished(): readonly Block[] {
    return this.#finished;
  }

  get tail(): Block | undefined {
    if (this.#fence !== undefined) {
      // A line that may become the closing fence is not code yet.
      const rest = /^ {0,3}[`~]+$/.test(this.#rest) ? "" : this.#rest;
      return codeBlock(this.#lines + rest, this.#fence);
    }
    const rest = /^ {0,3}(?:```|~~~)/.test(this.#rest) ? "" : this.#rest;
    const text = this.#lines + rest;
    return text.trim() === "" ? undefined : { kind: "text", text };
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#take(line.endsWith("\r") ? line.slice(0, -1) : line);
    }
    while (this.#fence === undefined && this.#rest.length > MAX_TEXT_CHARACTERS) {
      const space = this.#rest.lastIndexOf(" ", MAX_TEXT_CHARACTERS);
      const end = space > 0 ? space + 1 : MAX_TEXT_CHARACTERS;
      this.#lines += this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end);
      this.#finish();
    }
  }

  /** No more text comes; also a fence that was never closed ends here. */
  end(): void {
    if (this.#rest !== "") {
      this.#take(this.#rest);
      this.#rest = "";
    }
    if (this.#fence !== undefined || this.#lines.trim() !== "") {
      this.#finish();
    }
  }

  #take(line: string): void {
    if (this.#fence !== undefined) {
      if (closes(line, this.#fence)) {
        this.#finish();
      } else {
        this.#lines += `${withoutIndent(line, this.#fence.indent)}\n`;
      }
    } else if (this.#inner !== undefined) {
      this.#inner = closes(line, this.#inner) ? undefined : this.#inner;
      this.#lines += `${line}\n`;
    } else {
      this.#takeText(line);
    }
  }

  #takeText(line: string): void {
    if (line.trim() === "") {
      this.#isAfterBlank = this.#lines !== "";
      this.#lines += this.#lines === "" ? "" : "\n";
      return;
    }
    const fence = fenceOf(line);
    const isInItem = this.#isList && fence !== undefined && fence.indent >= 2;
    if (fence !== undefined && fence.indent <= 3 && !isInItem) {
      this.#finish();
      this.#fence = fence;
      return;
    }
    if (this.#isAfterBlank && !this.#continues(line)) {
      this.#finish();
    } else if (this.#lines.length > MAX_TEXT_CHARACTERS * (/^\s/.test(line) ? 2 : 1)) {
      const head = TABLE_HEAD.exec(this.#lines)?.[0];
      this.#finish();
      this.#lines = head !== undefined && line.includes("|") ? head : "";
    }
    this.#inner = isInItem ? fence : undefined;
    this.#isList ||= LIST_ITEM.test(line);
    this.#isAfterBlank = false;
    this.#lines += `${line}\n`;
  }

  /** Whether a line behind a blank one belongs to what stands before it. */
  #continues(line: string): boolean {
    return /^(?: {2}|\t)/.test(line) || (this.#isList && LIST_ITEM.test(line));
  }

  #finish(): void {
    if (this.#fence !== undefined) {
      this.#finished.push(codeBlock(this.#lines, this.#fence));
    } else if (this.#lines.trim() !== "") {
      this.#finished.push({ kind: "text", text: this.#lines });
    }
    this.#lines = "";
    this.#fence = undefined;
    this.#isList = false;
    this.#isAfterBlank = false;
  }
}

function fenceOf(line: string): Fence | undefined {
  const [, indent = "", marker = "", info = ""] = FENCE.exec(line) ?? [];
  if (marker === "" || (marker.startsWith("`") && info.includes("`"))) {
    return undefined;
  }
  return {
    marker,
    indent: indent.replaceAll("\t", "    ").length,
    language: /^\s*([^\s{,:]*)/.exec(info)?.[1] ?? "",
  };
}

function closes(line: string, { marker }: Fence): boolean {
  const found = line.trim();
  return found.startsWith(marker) && found === marker.charAt(0).repeat(found.length);
}

function withoutIndent(line: string, indent: number): string {
  return line.slice(Math.min(indent, line.length - line.trimStart().length));
}

function codeBlock(lines: string, { language }: Fence): CodeBlock {
  return { kind: "code", language, text: lines.endsWith("\n") ? lines.slice(0, -1) : lines };
}
