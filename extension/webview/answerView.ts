/** An answer with all that led to it: context, thinking, steps, found code, usage. */
import type { ChatChip, ChatFound, ChatMessage, ChatStep, ChatUsage } from "../src/chatProtocol";
import { sentence } from "../src/core/chat/failure";
import { AnswerText } from "./answerText";
import { runs } from "./codeView";
import { element, iconButton, textButton } from "./elements";
import { GrowingText } from "./growingText";
import type { MessageActions } from "./messageView";

const MAX_SNIPPET_CHARACTERS = 4_000;

export class AnswerView {
  #shown: ChatMessage | undefined;
  #message: ChatMessage;
  readonly #context = element("details", { class: "context", hidden: true });
  readonly #thinking = new GrowingText();
  readonly #thought = element("details", { class: "thinking", hidden: true });
  readonly #steps = element("ol", { class: "steps", hidden: true });
  readonly #found = element("div", { class: "found", hidden: true });
  readonly #answer: AnswerText;
  readonly #waiting = element("div", { class: "waiting", hidden: true }, "Waiting for the model…");
  readonly #failure = element("div", { class: "failure", hidden: true });
  readonly #footer = element("div", { class: "footer" });

  constructor(
    message: ChatMessage,
    private readonly parent: HTMLElement,
    private readonly actions: MessageActions,
  ) {
    this.#message = message;
    this.#answer = new AnswerText({
      ...actions,
      apply: (block) => {
        actions.apply(this.#message, block);
      },
    });
    this.#thought.append(element("summary"), this.#thinking.element);
    parent.append(
      ...[this.#context, this.#thought, this.#steps, this.#found, this.#answer.element],
      ...[this.#waiting, this.#failure, this.#footer],
    );
  }

  /** Whether all of it is on the screen; where not, the next frame goes on. */
  update(message: ChatMessage, isLast: boolean): boolean {
    this.#message = message;
    const shown = this.#shown;
    const isStreaming = message.state === "streaming";
    if (message.context !== shown?.context) {
      this.#showContext(message.context);
    }
    if (message.thinking !== shown?.thinking || message.text !== shown.text) {
      this.#showThinking(message, isStreaming);
    }
    if (message.steps !== shown?.steps) {
      this.#steps.hidden = message.steps.length === 0;
      this.#steps.replaceChildren(...message.steps.map(stepItem));
    }
    if (message.found !== shown?.found) {
      this.#showFound(message.found);
    }
    if (message.state !== shown?.state || message.usage !== shown.usage) {
      this.#showFailure(message);
      this.showFooter(message, isLast);
    }
    const isEmpty = message.text === "" && message.thinking === "" && message.found.length === 0;
    this.#waiting.hidden = !isStreaming || !isEmpty;
    this.parent.classList.toggle("streaming", isStreaming);
    this.#shown = message;
    return this.#answer.update(message.text, !isStreaming);
  }

  #showContext(context: readonly ChatChip[]): void {
    this.#context.hidden = context.length === 0;
    const tokens = context.reduce((sum, chip) => sum + chip.tokens, 0);
    const parts = context.length === 1 ? "1 part" : `${context.length} parts`;
    const items = context.map((chip) => {
      const name = element("button", {
        class: "text-link",
        attributes: { type: "button" },
        onClick: () => {
          this.actions.reveal(chip);
        },
      });
      name.append(chip.label);
      const size = ` ${count(chip.tokens)} tokens${chip.isTrimmed ? ", shortened" : ""}`;
      return element("li", { title: chip.detail }, name, size);
    });
    this.#context.replaceChildren(
      element("summary", {}, `Context: ${parts}, ${count(tokens)} tokens`),
      element("ul", {}, ...items),
    );
  }

  #showThinking({ thinking, text }: ChatMessage, isStreaming: boolean): void {
    this.#thought.hidden = thinking === "";
    this.#thinking.update(thinking);
    const isThinking = isStreaming && text === "";
    const summary = this.#thought.firstElementChild;
    const words = isThinking ? "Thinking…" : "Thought";
    if (summary !== null && summary.textContent !== words) {
      summary.textContent = words;
    }
  }

  #showFound(found: readonly ChatFound[]): void {
    this.#found.hidden = found.length === 0;
    this.#found.replaceChildren(...found.map((it) => foundCard(it, this.actions)));
  }

  #showFailure({ state, error, hint }: ChatMessage): void {
    const isWrong = state === "failed" || (state === "stopped" && error !== "");
    this.#failure.hidden = !isWrong;
    this.#failure.replaceChildren();
    if (isWrong) {
      const told = element("strong", {}, sentence(error));
      const text = element("div", {}, told, hint === "" ? "" : ` ${hint}`);
      this.#failure.append(text, textButton("Retry", this.actions.regenerate));
      this.#failure.setAttribute("role", "alert");
    }
  }

  /** The newest answer can be generated anew. */
  showFooter({ state, error, usage, text }: ChatMessage, isLast: boolean): void {
    this.#footer.replaceChildren();
    if (state === "streaming") {
      return;
    }
    if (state === "stopped" && error === "") {
      this.#footer.append(element("span", { class: "note" }, "Stopped"));
    }
    if (text !== "") {
      this.#footer.append(
        iconButton("copy", "Copy the answer", () => {
          this.actions.copy(this.#message.text);
        }),
      );
    }
    if (isLast) {
      this.#footer.append(iconButton("retry", "Answer again", this.actions.regenerate));
    }
    if (usage !== null) {
      this.#footer.append(usageDetails(usage));
    }
  }
}

function stepItem({ tool, summary, state, detail }: ChatStep): HTMLElement {
  const words = { running: "running", done: "done", failed: "failed" }[state];
  const title = element(
    "span",
    {},
    element("strong", {}, tool),
    ` ${summary} `,
    element("span", { class: "note" }, words),
  );
  return element(
    "li",
    { class: `step ${state}` },
    detail === ""
      ? title
      : element("details", {}, element("summary", {}, title), element("pre", {}, detail)),
  );
}

function foundCard(found: ChatFound, { follow, copy }: MessageActions): HTMLElement {
  const place = `${found.label}:${found.line + 1}`;
  const open = element("button", {
    class: "text-link",
    title: "Open",
    attributes: { type: "button" },
    onClick: () => {
      follow({ kind: "file", path: found.uri, line: found.line });
    },
  });
  open.append(/:\d+$/.test(found.label) ? found.label : place);
  const snippet = found.snippet.slice(0, MAX_SNIPPET_CHARACTERS);
  const attributes = { tabindex: "0", role: "region", "aria-label": `Code at ${place}` };
  const code = element("code", {}, runs(snippet, found.language));
  return element(
    "section",
    { class: "card" },
    element(
      "div",
      { class: "code-header" },
      open,
      element("span", { class: "why" }, found.why),
      iconButton("copy", "Copy", () => {
        copy(found.snippet);
      }),
    ),
    element("pre", { attributes }, code),
  );
}

function usageDetails(usage: ChatUsage): HTMLElement {
  const seconds = usage.totalMs / 1_000;
  const { promptTokens, cachedTokens, generatedTokens, firstTokenMs } = usage;
  const share = promptTokens === 0 ? 0 : Math.round((100 * cachedTokens) / promptTokens);
  const rows: [string, string][] = [
    ["Read", `${count(promptTokens)} tokens`],
    ["From the cache", `${count(cachedTokens)} tokens (${share}%)`],
    ["Written", `${count(generatedTokens)} tokens`],
    ["First token", firstTokenMs === null ? "none" : `${Math.round(firstTokenMs)} ms`],
    ["In all", `${seconds.toFixed(1)} s`],
  ];
  const table = element(
    "dl",
    {},
    ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
  const noun = generatedTokens === 1 ? "token" : "tokens";
  const summary = `${count(generatedTokens)} ${noun} in ${seconds.toFixed(1)} s`;
  return element("details", { class: "usage" }, element("summary", {}, summary), table);
}

export function count(number: number): string {
  return number.toLocaleString("en");
}
