/**
 * The messages of the conversation on the screen. Each has its place at once and is filled when it comes
 * near the screen, so that thousands cost no more than the few that are seen; what streams is updated
 * once for each frame. The end stays in sight unless the user has scrolled away from it.
 */
import type { ChatMessage } from "../src/chatProtocol";
import { element } from "./elements";
import { MessageView, type MessageActions } from "./messageView";

/** How far from the end still counts as being there. */
const NEAR_END_PX = 48;
/** What filling may take of a frame. */
const BUDGET_MS = 10;

export class TranscriptView {
  readonly element = element("div", {
    class: "transcript",
    attributes: { role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0" },
  });
  readonly #messagesElement = element("div");
  readonly #views = new Map<string, MessageView>();
  readonly #messages = new Map<string, ChatMessage>();
  readonly #due = new Set<string>();
  readonly #observer: IntersectionObserver;
  #frame = 0;
  #isAtEnd = true;
  /** Where the end was when it was last scrolled to. */
  #endTop = 0;
  /** The last question and its answer. */
  #exchange: readonly ChatMessage["id"][] = [];
  /** The answer whose beginning was scrolled to. */
  #begun = "";

  constructor(private readonly actions: MessageActions) {
    const options = { root: this.element, rootMargin: "600px 0px" };
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const id = target.getAttribute("data-id");
        if (isIntersecting && id !== null && this.#views.get(id)?.isFilled === false) {
          this.#due.add(id);
        }
      }
      this.#schedule();
    }, options);
    this.element.append(this.#messagesElement);
    const sizes = new ResizeObserver(() => {
      this.#stayAtEnd();
    });
    sizes.observe(this.#messagesElement);
    sizes.observe(this.element); // which shrinks where the question grows
    this.element.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.element;
      if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) {
        this.#isAtEnd = true;
      } else if (scrollTop < this.#endTop) {
        this.#isAtEnd = false; // by the user; else the end has moved away since
      }
    });
  }

  /** Another conversation, or other messages of this one; views of messages that stay are kept. */
  show(messages: readonly ChatMessage[], isOther: boolean): void {
    const ids = new Set(messages.map(({ id }) => id));
    for (const [id, view] of this.#views) {
      if (isOther || !ids.has(id)) {
        this.#observer.unobserve(view.element);
        view.element.remove();
        this.#views.delete(id);
        this.#messages.delete(id);
        this.#due.delete(id);
      }
    }
    for (const message of messages) {
      const known = this.#messages.get(message.id);
      this.#messages.set(message.id, message);
      if (known === undefined) {
        const view = new MessageView(message, this.actions);
        this.#views.set(message.id, view);
        this.#messagesElement.append(view.element);
        this.#observer.observe(view.element);
      } else if (known !== message) {
        this.#due.add(message.id);
      }
    }
    const last = messages.at(-1);
    this.#exchange = messages.slice(-2).map(({ id }) => id);
    this.#views.forEach((view, id) => {
      view.isLast = id === last?.id;
    });
    this.#isAtEnd = true;
    this.#exchange.forEach((id) => this.#due.add(id));
    this.#schedule();
  }

  update(message: ChatMessage): void {
    if (this.#views.has(message.id)) {
      this.#messages.set(message.id, message);
      this.#due.add(message.id);
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#frame === 0 && this.#due.size > 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#render();
      });
    }
  }

  #render(): void {
    const started = performance.now();
    for (const id of [...this.#due].reverse()) {
      const message = this.#messages.get(id);
      const view = this.#views.get(id);
      if (message === undefined || view === undefined || view.update(message)) {
        this.#due.delete(id);
      }
      if (performance.now() - started > BUDGET_MS) {
        break;
      }
    }
    this.#stayAtEnd();
    this.#schedule();
  }

  /** Of code that was found the best comes first: such an answer is begun at its question. */
  #begin(): boolean {
    const [questionId = "", answerId = ""] = this.#exchange;
    const question = this.#views.get(questionId);
    const isFound = (this.#messages.get(answerId)?.found.length ?? 0) > 0;
    const isFilled = this.#views.get(answerId)?.isFilled === true;
    if (question === undefined || !isFound || !isFilled || this.#begun === answerId) {
      return false;
    }
    const { top } = this.#messagesElement.getBoundingClientRect();
    this.element.scrollTop = question.element.getBoundingClientRect().top - top;
    this.#begun = answerId;
    return true;
  }

  #stayAtEnd(): void {
    if (this.#isAtEnd && this.#begin()) {
      this.#isAtEnd = false;
    }
    if (this.#isAtEnd) {
      this.element.scrollTop = this.element.scrollHeight;
      this.#endTop = this.element.scrollTop;
    }
  }
}
