/** What a question will be answered with: chips that can be taken out, and how much of the budget. */
import type { ChatChip, ChatContextResult, ChatMention } from "../src/chatProtocol";
import { isSame } from "../src/core/chat/mentions";
import { element, iconButton } from "./elements";
import { count } from "./answerView";

export interface ContextActions {
  readonly reveal: (mention: ChatMention) => void;
  readonly remove: (mention: ChatMention, isAutomatic: boolean) => void;
}

export class ContextBar {
  readonly chips = element("ul", {
    class: "chips",
    hidden: true,
    attributes: { "aria-label": "Context of the question" },
  });
  readonly #fill = element("div", { class: "budget-fill" });
  readonly #words = element("span", { class: "budget-words" });
  readonly #meter = element(
    "div",
    {
      class: "budget-meter",
      attributes: { role: "meter", "aria-label": "Context budget", "aria-valuemin": "0" },
    },
    this.#fill,
  );
  readonly budget = element("div", { class: "budget", hidden: true }, this.#meter, this.#words);

  constructor(private readonly actions: ContextActions) {}

  /** Mentions are there at once; what they cost, and what is found for the question, comes later. */
  show(mentions: readonly ChatMention[], measured: ChatContextResult | undefined): void {
    const chips = measured?.chips ?? [];
    const unmeasured = mentions.filter((mention) => !chips.some((chip) => isSame(chip, mention)));
    const items = [
      ...unmeasured.map((mention) => this.#item(mention, undefined)),
      ...chips
        .filter((chip) => chip.isAutomatic || mentions.some((it) => isSame(it, chip)))
        .map((chip) => this.#item(chip, chip)),
    ];
    this.chips.hidden = items.length === 0;
    this.chips.replaceChildren(...items);
    this.#showBudget(measured);
  }

  #item(mention: ChatMention, chip: ChatChip | undefined): HTMLElement {
    const { label, detail } = mention;
    const isAutomatic = chip?.isAutomatic ?? false;
    const name = element("button", {
      class: "chip-name",
      title: [detail, isAutomatic ? "found for the question" : ""].filter(Boolean).join(", "),
      attributes: { type: "button" },
      onClick: () => {
        this.actions.reveal(mention);
      },
    });
    name.append(label);
    const size =
      chip === undefined
        ? ""
        : element(
            "span",
            { class: "tokens", title: chip.isTrimmed ? "Shortened to fit" : "Tokens" },
            `${short(chip.tokens)}${chip.isTrimmed ? " ✂" : ""}`,
          );
    const remove = iconButton("close", `Leave out ${label}`, () => {
      this.actions.remove(mention, isAutomatic);
    });
    return element("li", { class: `chip${isAutomatic ? " automatic" : ""}` }, name, size, remove);
  }

  #showBudget(measured: ChatContextResult | undefined): void {
    const { usedTokens = 0, limitTokens = 0, isExact = true } = measured ?? {};
    this.budget.hidden = limitTokens === 0;
    const share = limitTokens === 0 ? 0 : Math.min(1, usedTokens / limitTokens);
    this.#fill.style.width = `${100 * share}%`;
    this.budget.classList.toggle("full", share > 0.9);
    const about = isExact ? "" : "about ";
    this.#words.textContent = `${about}${short(usedTokens)} / ${short(limitTokens)}`;
    const words = `${about}${count(usedTokens)} of ${count(limitTokens)} tokens`;
    this.budget.title = words;
    this.#meter.setAttribute("aria-valuemax", String(limitTokens));
    this.#meter.setAttribute("aria-valuenow", String(Math.min(usedTokens, limitTokens)));
    this.#meter.setAttribute("aria-valuetext", words);
  }
}

/** 950, 12.3k, 131k. */
function short(tokens: number): string {
  return tokens < 1_000
    ? String(tokens)
    : `${(tokens / 1_000).toFixed(tokens < 100_000 ? 1 : 0).replace(/\.0$/, "")}k`;
}
