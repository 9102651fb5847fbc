/** The list of conversations: open, rename, delete. */
import type { ChatSummary } from "../src/chatProtocol";
import { element, iconButton } from "./elements";

export interface ListActions {
  readonly open: (id: string) => void;
  readonly rename: (id: string, title: string) => void;
  readonly delete: (id: string, title: string) => void;
}

/** For the button that shows it. */
export const LIST_ID = "chats";

export class ConversationList {
  readonly #items = element("ul");
  readonly element = element(
    "nav",
    { class: "conversations", attributes: { id: LIST_ID, "aria-label": "Chats" } },
    this.#items,
  );
  #isRenaming = false;
  /** The conversation that has the focus when the box for its title is gone. */
  #renamed: string | undefined;

  constructor(private readonly actions: ListActions) {}

  show(summaries: readonly ChatSummary[], shown: string | null): void {
    if (this.#isRenaming) {
      return; // the box is not taken away from the one who types in it
    }
    const items = [...this.#items.children];
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const focused = this.#renamed ?? document.activeElement?.getAttribute("data-id");
    this.#renamed = undefined;
    this.#items.replaceChildren(
      ...(summaries.length === 0
        ? [element("li", { class: "note" }, "No chats yet.")]
        : summaries.map((summary) => this.#item(summary, summary.id === shown))),
    );
    if (at >= 0) {
      this.#focus(focused ?? "", at);
    }
  }

  /** What had the focus, or where it is gone what stands in its place now. */
  #focus(id: string, at: number): void {
    const same = this.#items.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
    const near = this.#items.children[Math.min(at, this.#items.children.length - 1)];
    (same ?? near?.querySelector("button"))?.focus();
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
    const rename = iconButton("edit", `Rename “${title}”`, () => {
      this.#rename(item, summary);
    });
    const remove = iconButton("remove", `Delete “${title}”`, () => {
      this.actions.delete(id, title);
    });
    rename.dataset["id"] = `${id} rename`;
    remove.dataset["id"] = `${id} delete`;
    item.append(open, rename, remove);
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
        this.#renamed = id;
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
