/** One message of a conversation: its place at once, and what is in it when it comes near the screen. */
import type { ChatMention, ChatMessage } from "../src/chatProtocol";
import type { AnswerActions } from "./answerText";
import { AnswerView } from "./answerView";
import { isAboutFailure } from "../src/core/chat/problems";
import { element, iconButton, textButton } from "./elements";

export interface MessageActions extends Omit<AnswerActions, "apply"> {
  readonly apply: (message: ChatMessage, block: number) => void;
  readonly edit: (message: ChatMessage) => void;
  readonly fix: (message: ChatMessage) => void;
  readonly regenerate: () => void;
  readonly reveal: (mention: ChatMention) => void;
}

export class MessageView {
  readonly element: HTMLElement;
  #message: ChatMessage;
  #answer: AnswerView | undefined;
  #isLast = false;

  constructor(
    message: ChatMessage,
    private readonly actions: MessageActions,
  ) {
    this.#message = message;
    this.element = element("article", {
      class: `message ${message.role}`,
      attributes: {
        "aria-label": message.role === "user" ? "You" : "Sparrow",
        "data-id": message.id,
      },
    });
  }

  get isFilled(): boolean {
    return this.element.hasChildNodes();
  }

  /** Whether it is the newest of its conversation. */
  set isLast(isLast: boolean) {
    if (isLast !== this.#isLast) {
      this.#isLast = isLast;
      this.#answer?.showFooter(this.#message, isLast);
    }
  }

  /** Whether all of the message is on the screen; where not, the next frame goes on. */
  update(message: ChatMessage): boolean {
    this.#message = message;
    if (message.role === "assistant") {
      this.#answer ??= new AnswerView(message, this.element, this.actions);
      return this.#answer.update(message, this.#isLast);
    }
    if (!this.isFilled) {
      this.#fillQuestion(message);
    }
    return true;
  }

  #fillQuestion(message: ChatMessage): void {
    const mentions = message.mentions.map((mention) => {
      const title = mention.detail === "" ? mention.label : mention.detail;
      const attributes = { type: "button" };
      const onClick = (): void => {
        this.actions.reveal(mention);
      };
      return element("button", { class: "chip", title, attributes, onClick }, mention.label);
    });
    const edit = iconButton("edit", "Edit and ask again", () => {
      this.actions.edit(this.#message);
    });
    const fix = textButton("Fix this", () => {
      this.actions.fix(this.#message);
    });
    const offered = isAboutFailure(message.text, message.mentions) ? [fix] : [];
    this.element.append(
      element("div", { class: "question" }, message.text),
      element("div", { class: "footer" }, ...mentions, ...offered, edit),
    );
  }
}
