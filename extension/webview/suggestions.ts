/** What an `@` may mean, in a list above the question: arrows choose, Enter and Tab take, Escape leaves. */
import type { ChatMention } from "../src/chatProtocol";
import { element } from "./elements";

const LIST_ID = "suggestions";

export class Suggestions {
  readonly element = element("ul", {
    class: "suggestions",
    hidden: true,
    attributes: { id: LIST_ID, role: "listbox", "aria-label": "Mentions" },
  });
  #mentions: readonly ChatMention[] = [];
  #active = 0;

  constructor(
    private readonly input: HTMLTextAreaElement,
    private readonly onChoice: (mention: ChatMention) => void,
  ) {
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", LIST_ID);
    this.hide();
  }

  get isShown(): boolean {
    return !this.element.hidden;
  }

  show(mentions: readonly ChatMention[]): void {
    this.#mentions = mentions;
    this.#active = 0;
    if (mentions.length === 0) {
      this.hide();
      return;
    }
    this.element.replaceChildren(...mentions.map((mention, index) => this.#option(mention, index)));
    this.element.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.#markActive();
  }

  hide(): void {
    this.element.hidden = true;
    this.element.replaceChildren();
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  /** Whether the key was for the list. */
  take(key: string): boolean {
    if (!this.isShown) {
      return false;
    }
    switch (key) {
      case "ArrowDown":
        this.#move(1);
        return true;
      case "ArrowUp":
        this.#move(-1);
        return true;
      case "Enter":
      case "Tab": {
        const mention = this.#mentions[this.#active];
        this.hide();
        if (mention !== undefined) {
          this.onChoice(mention);
        }
        return true;
      }
      case "Escape":
        this.hide();
        return true;
      default:
        return false;
    }
  }

  #option(mention: ChatMention, index: number): HTMLElement {
    const option = element(
      "li",
      { attributes: { role: "option", id: `${LIST_ID}-${index}` } },
      element("span", { class: "kind" }, mention.kind === mention.label ? "" : mention.kind),
      element("span", { class: "label" }, mention.label),
      element("span", { class: "detail" }, mention.detail),
    );
    // The question keeps the focus.
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.hide();
      this.onChoice(mention);
    });
    return option;
  }

  #move(by: number): void {
    const { length } = this.#mentions;
    this.#active = (this.#active + by + length) % length;
    this.#markActive();
  }

  #markActive(): void {
    [...this.element.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.#active));
    });
    this.input.setAttribute("aria-activedescendant", `${LIST_ID}-${this.#active}`);
    this.element.children[this.#active]?.scrollIntoView({ block: "nearest" });
  }
}
