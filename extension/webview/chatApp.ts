/** Joins the parts of the view: what the user does becomes requests, what comes back is shown. */
import type { ChatMessage } from "../src/chatProtocol";
import { Conversations, type Changes } from "../src/core/chat/conversations";
import { messageOf, sentence } from "../src/core/chat/failure";
import { EMPTY_DRAFT, joined } from "../src/core/chat/mentions";
import { Banner } from "./banner";
import { Composer, type Question } from "./composer";
import { ConversationList, LIST_ID } from "./conversationList";
import { element, iconButton } from "./elements";
import { Host, type Told } from "./host";
import {
  editOf,
  readKept,
  withEdit,
  withoutConversation,
  withoutWritten,
  withWritten,
  writtenOf,
  type KeptState,
} from "./keptState";
import { TranscriptView } from "./transcriptView";

const ANNOUNCED_CHARACTERS = 400;
const SERVER_GONE = "Sparrow's server ended while it answered.";
const SERVER_GONE_HINT = "It is started again: ask again then.";
const QUESTION_BACK =
  "The conversation of this question is not there any more. The question is: send it again.";

export class ChatApp {
  readonly #host = new Host((notice) => {
    this.#onTold(notice);
  });
  readonly #conversations = new Conversations();
  #kept: KeptState = readKept(this.#host.kept());
  #problemTimer: number | undefined;
  /** Conversations that events were missing of. */
  readonly #reopening = new Set<string>();

  readonly #title = element("h1", { class: "title" });
  readonly #problem = element("div", { class: "problem", attributes: { role: "alert" } });
  readonly #announcer = element("div", { class: "unseen", attributes: { role: "status" } });
  readonly #welcome = element("div", { class: "welcome" });
  readonly #banner = new Banner({
    setUpModel: () => void this.#attempt(this.#host.ask("setUpModel", {})),
    manageTrust: () => void this.#attempt(this.#host.ask("manageTrust", {})),
  });
  readonly #list = new ConversationList({
    open: (id) => void this.#open(id),
    rename: (id, title) => void this.#rename(id, title),
    delete: (id, title) => void this.#delete(id, title),
  });
  readonly #transcript = new TranscriptView({
    follow: (target) => void this.#attempt(this.#host.ask("follow", { target })),
    reveal: (mention) => void this.#attempt(this.#host.ask("reveal", { mention })),
    copy: (text) => void this.#attempt(this.#host.ask("copy", { text }), "Copied"),
    insert: (text) => void this.#attempt(this.#host.ask("insert", { text }), "Inserted"),
    apply: (message, block) => void this.#apply(message, block),
    edit: (message) => {
      this.#edit(message);
    },
    fix: ({ text, mentions }) => void this.#attempt(this.#host.ask("fix", { text, mentions })),
    regenerate: () => void this.#regenerate(),
  });
  readonly #composer = new Composer({
    send: (question) => void this.#send(question),
    stop: () => {
      const id = this.#shown;
      if (id !== null) {
        void this.#attempt(this.#host.ask("stop", { id }));
      }
    },
    cancelEditing: () => {
      this.#keep(withoutWritten(this.#kept, this.#shown));
      this.#showWritten();
    },
    reveal: (mention) => void this.#attempt(this.#host.ask("reveal", { mention })),
    changed: (draft) => {
      this.#kept = withWritten(this.#kept, this.#shown, draft);
      this.#host.keepSoon(this.#kept);
    },
    suggest: async (query) => (await this.#host.ask("suggest", { query })).mentions,
    measure: ({ text, mentions, without }) =>
      this.#host.ask("context", { id: this.#shown, text, mentions, without }),
  });

  readonly #chats = iconButton("chats", "All chats", () => {
    this.#showList(!this.root.classList.contains("listing"));
  });

  constructor(private readonly root: HTMLElement) {}

  get #shown(): string | null {
    return this.#kept.shown;
  }

  start(): void {
    this.#chats.setAttribute("aria-controls", LIST_ID);
    this.#showList(false);
    const add = iconButton("add", "New chat", () => {
      this.#showNew();
    });
    this.#welcome.append(
      element("p", {}, "Ask about the code in this workspace."),
      element("p", {}, "@ mentions a file, a symbol, the selection, problems or changes."),
    );
    this.root.append(
      element("header", {}, this.#chats, this.#title, add),
      this.#list.element,
      element(
        "main",
        {},
        ...[this.#banner.element, this.#welcome, this.#transcript.element],
        ...[this.#problem, this.#composer.element],
      ),
      this.#announcer,
    );
    this.#composer.thinking = this.#kept.thinking;
    this.#showWritten();
    this.#showConversation(true);
    void this.#refresh();
  }

  /** All anew, as the server has it now. */
  async #refresh(): Promise<void> {
    const before = this.#shown;
    const unanswered = before === null ? undefined : this.#conversations.unanswered(before);
    try {
      this.#banner.show(await this.#host.ask("state", {}));
      const listed = this.#host.ask("list", {});
      await this.#conversations.listing(listed.then(({ conversations }) => conversations));
    } catch (error) {
      this.#banner.show(messageOf(error));
      return;
    }
    const id = this.#shown;
    if (id !== null && this.#conversations.summary(id) !== undefined) {
      await this.#open(id);
      return;
    }
    if (id !== null) {
      this.#lose(id, id === before ? unanswered : undefined);
    }
    this.#showConversation(true);
  }

  /** A conversation is not there any more: its question and what was being written go to a new one. */
  #lose(id: string, unanswered: ChatMessage | undefined): void {
    const written = joined(writtenOf(this.#kept, id), writtenOf(this.#kept, null));
    this.#keep({ ...withoutConversation(this.#kept, id), shown: null });
    this.#composer.isEditing = false;
    this.#composer.show(joined(unanswered ?? EMPTY_DRAFT, written));
    this.#composer.fail(unanswered === undefined ? undefined : QUESTION_BACK);
  }

  #onTold(notice: Told): void {
    switch (notice.kind) {
      case "events":
        this.#take(this.#conversations.apply(notice.events));
        return;
      case "state":
        this.#banner.show(notice.state);
        return;
      case "connection":
        if (!notice.isConnected) {
          this.#take(this.#conversations.interrupt(SERVER_GONE, SERVER_GONE_HINT));
        }
        void this.#refresh();
        return;
      case "editor":
        this.#composer.measureSoon();
        return;
      case "newChat":
        this.#showNew();
        return;
      case "attach":
        this.#composer.attach(notice.mention);
        return;
      case "sent":
        this.#arrived(notice);
    }
  }

  /** A question that was sent by a page before this one, for which it still stands in the box. */
  #arrived({ asked: { id, text }, sent }: Extract<Told, { kind: "sent" }>): void {
    if (writtenOf(this.#kept, id).text !== text) {
      void this.#refresh(); // something else is being written by now
      return;
    }
    const isShown = id === this.#shown;
    this.#keep({ ...withoutWritten(this.#kept, id), shown: isShown ? sent.id : this.#shown });
    this.#showWritten();
    void this.#open(sent.id, isShown);
  }

  /** Shows what events have changed. */
  #take({ messages, gaps, summaries }: Changes): void {
    const id = this.#shown;
    if (id !== null) {
      for (const messageId of messages) {
        const message = this.#conversations.message(id, messageId);
        if (message !== undefined) {
          this.#transcript.update(message);
          if (message.state !== "streaming") {
            this.#announce(message);
          }
        }
      }
    }
    if (summaries) {
      this.#showSummaries();
    }
    for (const gap of gaps) {
      if (!this.#reopening.has(gap)) {
        this.#reopening.add(gap);
        void this.#open(gap, false).finally(() => this.#reopening.delete(gap));
      }
    }
  }

  async #open(id: string, isToBeShown = true): Promise<void> {
    if (isToBeShown && id !== this.#shown) {
      this.#keep({ ...this.#kept, shown: id });
      this.#showWritten();
    }
    if (isToBeShown) {
      this.#showList(false);
    }
    try {
      const changes = await this.#conversations.awaiting(
        this.#host.ask("open", { id }),
        (conversation) => {
          this.#conversations.open(conversation);
        },
      );
      if (id === this.#shown) {
        this.#showConversation(true);
      }
      this.#take(changes);
    } catch (error) {
      this.#complain(error);
    }
  }

  #showNew(): void {
    this.#keep({ ...this.#kept, shown: null });
    this.#showList(false);
    this.#showWritten();
    this.#showConversation(true);
    this.#composer.focus();
  }

  async #send({ text, mentions, without, thinking }: Question): Promise<void> {
    const id = this.#shown;
    const replaces = editOf(this.#kept, id)?.messageId ?? null;
    this.#keep({ ...this.#kept, thinking: this.#composer.thinking });
    this.#composer.isSending = true;
    try {
      const reply = this.#host.ask("send", { id, text, mentions, without, thinking, replaces });
      const changes = await this.#conversations.awaiting(reply, (sent) => {
        this.#conversations.sent(sent, { text, mentions, replaces }, Date.now());
        this.#keep(withoutWritten(this.#kept, id));
        // The user may have gone to another conversation meanwhile.
        if (this.#shown === id) {
          this.#keep({ ...this.#kept, shown: sent.id });
          this.#showWritten();
          this.#showConversation(false);
        }
      });
      this.#announcer.textContent = "Sparrow answers.";
      this.#showSummaries();
      this.#take(changes);
    } catch (error) {
      this.#composer.fail(messageOf(error));
    } finally {
      this.#composer.isSending = false;
    }
  }

  async #regenerate(): Promise<void> {
    const id = this.#shown;
    if (id === null) {
      return;
    }
    try {
      const reply = this.#host.ask("regenerate", { id });
      const changes = await this.#conversations.awaiting(reply, (sent) => {
        this.#conversations.regenerated(sent, Date.now());
        this.#showConversation(false);
      });
      this.#take(changes);
    } catch (error) {
      this.#complain(error);
    }
  }

  async #apply({ id: answerId }: ChatMessage, block: number): Promise<void> {
    const id = this.#shown;
    if (id !== null) {
      const reply = this.#host.ask("apply", { id, answerId, block });
      const result = await this.#attempt(reply);
      if (result !== undefined) {
        this.#announcer.textContent = result.isDone ? "Applied." : "Nothing was applied.";
      }
    }
  }

  #edit({ id: messageId, text, mentions }: ChatMessage): void {
    const id = this.#shown;
    if (id !== null) {
      this.#keep(withEdit(this.#kept, id, { messageId, draft: { text, mentions } }));
      this.#showWritten();
      this.#composer.focus();
    }
  }

  /** The box has what is being written in the conversation on the screen. */
  #showWritten(): void {
    this.#composer.isEditing = editOf(this.#kept, this.#shown) !== undefined;
    this.#composer.show(writtenOf(this.#kept, this.#shown));
  }

  #showList(isShown: boolean): void {
    this.root.classList.toggle("listing", isShown);
    this.#chats.setAttribute("aria-expanded", String(isShown));
  }

  async #rename(id: string, title: string): Promise<void> {
    if (title !== this.#conversations.summary(id)?.title) {
      this.#conversations.rename(id, title);
      await this.#attempt(this.#host.ask("rename", { id, title }));
    }
    this.#showSummaries();
  }

  async #delete(id: string, title: string): Promise<void> {
    const result = await this.#attempt(this.#host.ask("delete", { id, title }));
    if (result?.isDone === true) {
      this.#conversations.delete(id);
      this.#keep(withoutConversation(this.#kept, id));
      if (id === this.#shown) {
        this.#showNew();
      }
      this.#showSummaries();
    }
  }

  #showConversation(isOther: boolean): void {
    const id = this.#shown;
    const messages = id === null ? [] : (this.#conversations.transcript(id) ?? []);
    this.#transcript.show(messages, isOther);
    this.#welcome.hidden = messages.length > 0;
    this.#transcript.element.hidden = messages.length === 0;
    void this.#attempt(this.#host.ask("showing", { id }));
    this.#showSummaries();
  }

  #showSummaries(): void {
    const id = this.#shown;
    const summary = id === null ? undefined : this.#conversations.summary(id);
    this.#title.textContent = summary?.title ?? "New chat";
    this.#title.title = this.#title.textContent;
    this.#composer.isRunning = summary?.isRunning ?? false;
    this.#list.show(this.#conversations.summaries, id);
  }

  #announce({ state, text, error }: ChatMessage): void {
    this.#announcer.textContent =
      state === "failed"
        ? `The answer has failed. ${sentence(error)}`
        : `The answer is there. ${text.slice(0, ANNOUNCED_CHARACTERS)}`;
  }

  #keep(kept: KeptState): void {
    this.#kept = kept;
    this.#host.keep(kept);
  }

  /** Says what went wrong; undefined then. */
  async #attempt<T>(reply: Promise<T>, done?: string): Promise<T | undefined> {
    try {
      const result = await reply;
      if (done !== undefined) {
        this.#announcer.textContent = done;
      }
      return result;
    } catch (error) {
      this.#complain(error);
      return undefined;
    }
  }

  #complain(error: unknown): void {
    this.#problem.textContent = messageOf(error);
    clearTimeout(this.#problemTimer);
    this.#problemTimer = window.setTimeout(() => {
      this.#problem.textContent = "";
    }, 10_000);
  }
}
