/** The list of conversations: open, rename, delete. */
import type { ChatSummary } from "../src/chatProtocol";
import { element, iconButton } from "./elements";

export interface ListActions {
  readonly open: (id: string) => void;
  readonly rename: (id: string, title: string) => void;
  readonly delete: (id: string, title: string) => void;
}

export class ConversationList {
  readonly #items = element("ul");
  readonly element = element(
    "nav",
    { class: "conversations", attributes: { "aria-label": "Chats" } },
    this.#items,
  );
  #isRenaming = false;

  constructor(private readonly actions: ListActions) {}

  show(summaries: readonly ChatSummary[], shown: string | null): void {
    if (this.#isRenaming) {
      return; // the box is not taken away from the one who types in it
    }
    const focused = document.activeElement?.getAttribute("data-id");
    this.#items.replaceChildren(
      ...(summaries.length === 0
        ? [element("li", { class: "note" }, "No chats yet.")]
        : summaries.map((summary) => this.#item(summary, summary.id === shown))),
    );
    if (focused !== null && focused !== undefined) {
      this.#items.querySelector<HTMLElement>(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  #item(summary: ChatSummary, isShown: boolean): HTMLElement {
    const { id, title, isRunning } = summary;
    const item = element("li", { class: isShown ? "shown" : "" });
    const open = element(
      "button",
      {
        class: "conversation",
        attributes: {
          type: "button",
          "data-id": id,
          ...(isShown ? { "aria-current": "true" } : {}),
        },
        onClick: () => {
          this.actions.open(id);
        },
      },
      element("span", { class: "title" }, title),
      element("span", { class: "note" }, isRunning ? "answers…" : ago(summary.updatedAt)),
    );
    item.append(
      open,
      iconButton("edit", `Rename “${title}”`, () => {
        this.#rename(item, summary);
      }),
      iconButton("remove", `Delete “${title}”`, () => {
        this.actions.delete(id, title);
      }),
    );
    return item;
  }

  #rename(item: HTMLElement, { id, title }: ChatSummary): void {
    const input = element("input", { attributes: { "aria-label": "New title" } });
    input.value = title;
    let isLeft = false;
    const leave = (isTaken: boolean): void => {
      if (isLeft) {
        return;
      }
      isLeft = true;
      this.#isRenaming = false;
      const next = input.value.trim();
      this.actions.rename(id, isTaken && next !== "" ? next : title);
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        leave(event.key === "Enter");
      }
    });
    input.addEventListener("blur", () => {
      leave(true);
    });
    this.#isRenaming = true;
    item.replaceChildren(input);
    input.focus();
    input.select();
  }
}

function ago(time: number): string {
  const minutes = Math.max(0, Math.round((Date.now() - time) / 60_000));
  if (minutes < 1) {
    return "now";
  }
  if (minutes < 60) {
    return `${minutes} min`;
  }
  return minutes < 24 * 60
    ? `${Math.round(minutes / 60)} h`
    : new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}
