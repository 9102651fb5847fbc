/** Plain text that grows: what stands in it is laid out once, for it is cut into pieces. */
import { element } from "./elements";

const PIECE_CHARACTERS = 2_000;

export class GrowingText {
  readonly element = element("div", { class: "plain-text" });
  #length = 0;
  #piece: Text | undefined;

  /** The text so far begins with what it was before. */
  update(text: string): void {
    let rest = text.slice(this.#length);
    this.#length = text.length;
    while (rest !== "") {
      if (this.#piece === undefined) {
        this.#piece = document.createTextNode("");
        this.element.append(element("div", {}, this.#piece));
      }
      const room = PIECE_CHARACTERS - this.#piece.length;
      const end = room < rest.length ? rest.indexOf("\n", Math.max(0, room)) : -1;
      if (end < 0) {
        this.#piece.appendData(rest);
        return;
      }
      this.#piece.appendData(rest.slice(0, end));
      this.#piece = undefined;
      rest = rest.slice(end + 1);
    }
  }
}
