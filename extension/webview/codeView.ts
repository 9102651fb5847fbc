/**
 * A block of code with what can be done with it. While it grows, whole pieces are highlighted once and
 * only the last is again; at its end the whole is, where it is short enough, since a string or a comment
 * may go over the border of two pieces.
 */
import { highlight } from "../src/core/chat/highlight";
import { element, iconButton } from "./elements";

const PIECE_CHARACTERS = 1_500;
const MAX_WHOLE_CHARACTERS = 6_000;

export interface CodeActions {
  readonly copy: (text: string) => void;
  readonly insert: (text: string) => void;
  readonly apply: () => void;
}

export class CodeView {
  readonly element: HTMLElement;
  readonly #code = element("code");
  readonly #apply: HTMLButtonElement;
  #text = "";
  /** How many characters stand in pieces that are finished. */
  #finished = 0;
  #tail = element("span");

  constructor(
    private readonly language: string,
    actions: CodeActions,
  ) {
    const name = language === "" ? "Code" : language;
    this.#apply = iconButton("apply", "Apply to the files", actions.apply);
    this.#apply.disabled = true;
    const header = element(
      "div",
      { class: "code-header" },
      element("span", { class: "code-language" }, name),
      iconButton("copy", "Copy", () => {
        actions.copy(this.#text);
      }),
      iconButton("insert", "Insert at the cursor", () => {
        actions.insert(this.#text);
      }),
      this.#apply,
    );
    const attributes = { tabindex: "0", role: "region", "aria-label": `Code: ${name}` };
    this.element = element(
      "div",
      { class: "code" },
      header,
      element("pre", { attributes }, this.#code),
    );
    this.#code.append(this.#tail);
  }

  /** The code so far, which begins with what it was before; whether it has ended. */
  update(text: string, isEnded: boolean): void {
    this.#text = text;
    if (isEnded) {
      this.#apply.disabled = false;
    }
    if (isEnded && text.length <= MAX_WHOLE_CHARACTERS) {
      this.#tail = runs(text, this.language);
      this.#code.replaceChildren(this.#tail);
      return;
    }
    for (;;) {
      const end = this.#endOfPiece();
      if (end === undefined) {
        break;
      }
      const piece = runs(text.slice(this.#finished, end), this.language);
      piece.className = "piece"; // laid out by itself
      this.#tail.replaceWith(piece);
      this.#tail = element("span");
      this.#code.append(this.#tail);
      this.#finished = end;
    }
    const tail = runs(text.slice(this.#finished), this.language);
    this.#tail.replaceWith(tail);
    this.#tail = tail;
  }

  /** Behind a line, where there is one that ends in time. */
  #endOfPiece(): number | undefined {
    if (this.#text.length - this.#finished < PIECE_CHARACTERS) {
      return undefined;
    }
    const line = this.#text.indexOf("\n", this.#finished + PIECE_CHARACTERS);
    const limit = this.#finished + 2 * PIECE_CHARACTERS;
    if (line >= 0 && line < limit) {
      return line + 1;
    }
    return this.#text.length > limit ? limit : undefined;
  }
}

/** Highlighted code in a span; its text is the code. */
export function runs(text: string, language: string): HTMLSpanElement {
  const made = element("span");
  for (const run of highlight(text, language.toLowerCase())) {
    made.append(
      run.scope === "" ? run.text : element("span", { class: `token ${run.scope}` }, run.text),
    );
  }
  return made;
}
