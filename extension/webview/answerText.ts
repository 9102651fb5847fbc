/**
 * An answer's Markdown on the screen, while it streams. A finished block is made once; the last is made
 * anew at each frame, and less often where that takes long.
 */
import { BlockSplitter, type Block } from "../src/core/chat/blocks";
import type { Target } from "../src/core/chat/links";
import { renderMarkdown } from "../src/core/chat/markdown";
import { CodeView } from "./codeView";
import { element } from "./elements";
import { toElements } from "./nodes";

export interface AnswerActions {
  readonly follow: (target: Target) => void;
  readonly copy: (text: string) => void;
  readonly insert: (text: string) => void;
  /** The answer's block of code with this number, from 0. */
  readonly apply: (block: number) => void;
}

/** What one call may take before it leaves the rest to the next frame. */
const BUDGET_MS = 5;
/** A tail may take this part of the time. */
const TAIL_SHARE = 0.2;

export class AnswerText {
  readonly element = element("div", { class: "answer" });
  readonly #splitter = new BlockSplitter();
  #length = 0;
  #hasEnded = false;
  /** How many finished blocks are on the screen, and how many blocks of code they have. */
  #finished = 0;
  #codeBlocks = 0;
  #tail: { readonly element: HTMLElement; readonly code: CodeView | undefined } | undefined;
  #tailNotBefore = 0;

  constructor(private readonly actions: AnswerActions) {}

  /** The text so far, which begins with what it was before. Whether all of it is on the screen. */
  update(text: string, isEnded: boolean): boolean {
    this.#splitter.push(text.slice(this.#length));
    this.#length = text.length;
    if (isEnded && !this.#hasEnded) {
      this.#hasEnded = true;
      this.#splitter.end();
    }
    const started = performance.now();
    const { finished, tail } = this.#splitter;
    for (const block of finished.slice(this.#finished)) {
      if (performance.now() - started > BUDGET_MS) {
        return false;
      }
      this.#finish(block);
    }
    return this.#showTail(tail);
  }

  #finish(block: Block): void {
    if (block.kind === "code") {
      const code = this.#tail?.code ?? this.#codeView(block.language, this.#codeBlocks);
      code.update(block.text, true);
      this.#codeBlocks += 1;
      this.#put(code.element);
    } else {
      const { made, codeBlocks } = this.#render(block.text, true);
      this.#codeBlocks += codeBlocks;
      this.#put(made);
    }
    this.#tail = undefined;
    this.#finished += 1;
  }

  #showTail(tail: Block | undefined): boolean {
    if (tail === undefined) {
      this.#tail?.element.remove();
      this.#tail = undefined;
      return true;
    }
    const started = performance.now();
    if (started < this.#tailNotBefore) {
      return false;
    }
    if (tail.kind === "code") {
      const code = this.#tail?.code ?? this.#codeView(tail.language, this.#codeBlocks);
      code.update(tail.text, false);
      this.#put(code.element);
      this.#tail = { element: code.element, code };
    } else {
      const { made } = this.#render(tail.text, false);
      this.#put(made);
      this.#tail = { element: made, code: undefined };
    }
    const now = performance.now();
    this.#tailNotBefore = now + (now - started) / TAIL_SHARE;
    return true;
  }

  /** In the place of the tail, or behind all. */
  #put(made: HTMLElement): void {
    if (this.#tail === undefined) {
      this.element.append(made);
    } else if (this.#tail.element !== made) {
      this.#tail.element.replaceWith(made);
    }
  }

  #render(
    text: string,
    isFinished: boolean,
  ): { readonly made: HTMLElement; readonly codeBlocks: number } {
    let codeBlocks = 0;
    const nodes = toElements(renderMarkdown(text), {
      follow: this.actions.follow,
      codeBlock: (code, language) => {
        const view = this.#codeView(language, this.#codeBlocks + codeBlocks);
        view.update(code, isFinished);
        codeBlocks += 1;
        return view.element;
      },
    });
    return { made: element("div", { class: "block" }, nodes), codeBlocks };
  }

  #codeView(language: string, block: number): CodeView {
    const { copy, insert, apply } = this.actions;
    return new CodeView(language, {
      copy,
      insert,
      apply: () => {
        apply(block);
      },
    });
  }
}
