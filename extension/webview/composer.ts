/** Where a question is written: text with mentions, its context, and the buttons. */
import type { ChatContextResult, ChatMention } from "../src/chatProtocol";
import {
  EMPTY_DRAFT,
  queryAt,
  withAttached,
  withMention,
  withText,
  withoutMention,
  type Draft,
  type Query,
} from "../src/core/chat/mentions";
import { ContextBar } from "./contextBar";
import { element, icon, textButton } from "./elements";
import { Suggestions } from "./suggestions";

export interface Question extends Draft {
  readonly without: readonly string[];
  readonly thinking: boolean | null;
}

export interface ComposerActions {
  readonly send: (question: Question) => void;
  readonly stop: () => void;
  readonly cancelEditing: () => void;
  readonly reveal: (mention: ChatMention) => void;
  /** To be kept over a reload. */
  readonly changed: (draft: Draft) => void;
  readonly suggest: (query: string) => Promise<readonly ChatMention[]>;
  readonly measure: (question: Question) => Promise<ChatContextResult>;
}

const MEASURE_PAUSE_MS = 250;

export class Composer {
  readonly element: HTMLElement;
  readonly #input = element("textarea", {
    attributes: {
      rows: "2",
      "aria-label": "Question",
      placeholder: "Ask about your code; @ mentions",
    },
  });
  readonly #send = element("button", { class: "send", attributes: { type: "button" } });
  readonly #thinking = element("select", {
    class: "thinking-choice",
    title: "Whether a model that can reason does so first",
    attributes: { "aria-label": "Thinking" },
  });
  readonly #editing = element("div", { class: "editing", hidden: true });
  readonly #failure = element("div", {
    class: "failure",
    hidden: true,
    attributes: { role: "alert" },
  });
  readonly #suggestions: Suggestions;
  readonly #context: ContextBar;
  #draft = EMPTY_DRAFT;
  #without: readonly string[] = [];
  #measured: ChatContextResult | undefined;
  #query: Query | undefined;
  /** Counts what is asked, so that only the newest answer counts. */
  #asked = 0;
  #measuring = 0;
  #pause: number | undefined;
  #isRunning = false;
  #isSending = false;

  constructor(private readonly actions: ComposerActions) {
    this.#context = new ContextBar({
      reveal: actions.reveal,
      remove: (mention, isAutomatic) => {
        this.#remove(mention, isAutomatic);
      },
    });
    this.#suggestions = new Suggestions(this.#input, (mention) => {
      this.#choose(mention);
    });
    for (const [value, words] of [
      ["model", "Thinking: auto"],
      ["on", "Thinking: on"],
      ["off", "Thinking: off"],
    ] as const) {
      this.#thinking.append(element("option", { attributes: { value } }, words));
    }
    this.#editing.append(
      element("span", {}, "You edit an earlier question. What follows it is dropped."),
      textButton("Cancel", actions.cancelEditing),
    );
    this.#send.addEventListener("click", () => {
      this.#sendOrStop();
    });
    this.#input.addEventListener("input", () => {
      this.#take(withText(this.#draft, this.#input.value));
      void this.#suggest();
    });
    this.#input.addEventListener("keydown", (event) => {
      this.#onKey(event);
    });
    this.#input.addEventListener("blur", () => {
      this.#suggestions.hide();
    });
    this.element = element(
      "form",
      { class: "composer", attributes: { "aria-label": "Ask Sparrow" } },
      this.#editing,
      this.#failure,
      this.#suggestions.element,
      this.#context.chips,
      this.#input,
      element("div", { class: "bar" }, this.#context.budget, this.#thinking, this.#send),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
    });
    this.#showButton();
  }

  get thinking(): string {
    return this.#thinking.value;
  }

  set thinking(value: string) {
    this.#thinking.value = value;
  }

  /** Whether an answer is under way, so that the button stops it. */
  set isRunning(isRunning: boolean) {
    this.#isRunning = isRunning;
    this.#showButton();
  }

  /** While a question is on its way it is not sent twice. */
  set isSending(isSending: boolean) {
    this.#isSending = isSending;
    this.#showButton();
  }

  set isEditing(isEditing: boolean) {
    this.#editing.hidden = !isEditing;
  }

  /** Another draft, as of another conversation. */
  show(draft: Draft): void {
    this.#without = [];
    this.#measured = undefined;
    this.#input.value = draft.text;
    this.#suggestions.hide();
    this.fail(undefined);
    this.#take(draft);
  }

  attach(mention: ChatMention): void {
    this.#take(withAttached(this.#draft, mention));
    this.focus();
  }

  focus(): void {
    this.#input.focus();
  }

  /** What the context is may have changed, with the editor or the conversation. */
  measureSoon(): void {
    clearTimeout(this.#pause);
    this.#pause = window.setTimeout(() => void this.#measure(), MEASURE_PAUSE_MS);
  }

  /** The question did not go out, and is still there. */
  fail(message: string | undefined): void {
    this.#failure.hidden = message === undefined;
    this.#failure.replaceChildren();
    if (message !== undefined) {
      const retry = textButton("Retry", () => {
        this.#sendOrStop();
      });
      this.#failure.append(element("div", {}, message), retry);
    }
  }

  #take(draft: Draft): void {
    this.#draft = draft;
    this.actions.changed(draft);
    this.#context.show(draft.mentions, this.#measured);
    this.#showButton();
    this.measureSoon();
  }

  #question(): Question {
    const { value } = this.#thinking;
    const thinking = value === "model" ? null : value === "on";
    return { ...this.#draft, without: this.#without, thinking };
  }

  #sendOrStop(): void {
    if (this.#isRunning) {
      this.actions.stop();
    } else if (this.#draft.text.trim() !== "" && !this.#isSending) {
      this.fail(undefined);
      this.actions.send(this.#question());
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.isComposing) {
      return;
    }
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (isPlain && this.#suggestions.take(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && isPlain) {
      event.preventDefault();
      if (!this.#isRunning) {
        this.#sendOrStop();
      }
    } else if (event.key === "Escape" && !this.#editing.hidden) {
      this.actions.cancelEditing();
    }
  }

  async #suggest(): Promise<void> {
    const query = queryAt(this.#input.value, this.#input.selectionStart);
    this.#query = query;
    const asked = (this.#asked += 1);
    if (query === undefined) {
      this.#suggestions.hide();
      return;
    }
    // That there is nothing to suggest is no failure of the question.
    const mentions = await this.actions.suggest(query.text).catch(() => []);
    if (asked === this.#asked && document.activeElement === this.#input) {
      this.#suggestions.show(mentions);
    }
  }

  #choose(mention: ChatMention): void {
    if (this.#query !== undefined) {
      const { draft, caret } = withMention(this.#draft, this.#query, mention);
      this.#query = undefined;
      this.#input.value = draft.text;
      this.#input.setSelectionRange(caret, caret);
      this.#take(draft);
      this.focus();
    }
  }

  #remove(mention: ChatMention, isAutomatic: boolean): void {
    if (isAutomatic) {
      this.#without = [...this.#without, mention.ref];
      const chips = this.#measured?.chips.filter(({ ref }) => ref !== mention.ref) ?? [];
      this.#measured = this.#measured && { ...this.#measured, chips };
      this.#take(this.#draft);
    } else {
      const draft = withoutMention(this.#draft, mention);
      this.#input.value = draft.text;
      this.#take(draft);
    }
    this.focus();
  }

  async #measure(): Promise<void> {
    const measuring = (this.#measuring += 1);
    const draft = this.#draft;
    // A server that cannot say has no bar to show; why, it says when the question is sent.
    const measured = await this.actions.measure(this.#question()).catch(() => undefined);
    if (measuring === this.#measuring && draft === this.#draft) {
      this.#measured = measured;
      this.#context.show(draft.mentions, measured);
    }
  }

  #showButton(): void {
    const words = this.#isRunning ? "Stop" : "Send";
    this.#send.replaceChildren(icon(this.#isRunning ? "stop" : "send"), element("span", {}, words));
    this.#send.setAttribute("aria-label", words);
    this.#send.title = this.#isRunning ? words : `${words} (Enter)`;
    this.#send.disabled = !this.#isRunning && (this.#isSending || this.#draft.text.trim() === "");
  }
}
