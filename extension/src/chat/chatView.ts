/**
 * The chat in the side bar: a web view that loads its own script and style from the extension's folder
 * and nothing else. Whenever it is shown it begins anew, as another page, with what the server tells;
 * events of a view that is not there go nowhere, and a reply goes to the page that asked, or is told of.
 */
import { randomBytes } from "node:crypto";
import {
  commands,
  Disposable,
  Uri,
  window,
  type WebviewView,
  type WebviewViewProvider,
} from "vscode";
import type { ChatEvent } from "../chatProtocol";
import { messageOf } from "../core/chat/failure";
import { renderPage } from "../core/chat/page";
import type {
  Method,
  ParamsOf,
  ResultOf,
  ViewNotice,
  ViewRequest,
} from "../core/chat/viewMessages";
import { showFailure } from "../trust";
import type { ChatService } from "./chatService";
import { createRelay, type Relay } from "./relay";

const CHAT_VIEW = "sparrow.chat";

/** Events are handed over once for each frame. */
const FRAME_MS = 16;
/** A selection changes with each key. */
const SELECTION_PAUSE_MS = 400;

/** What the page asks by itself, again each time: nobody waits for it when the page is gone. */
const ASKED_BY_PAGE: ReadonlySet<Method> = new Set([
  ...(["list", "state", "open", "suggest", "context", "showing"] as const),
]);

export class ChatView implements WebviewViewProvider, Disposable {
  readonly #relay: Relay;
  readonly #subscription: Disposable;
  #view: WebviewView | undefined;
  /** The page that has asked something, so that it listens. */
  #page: string | undefined;
  #waiting: ViewNotice[] = [];
  #events: ChatEvent[] = [];
  #frame: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  #shown: string | null = null;

  constructor(
    private readonly extension: Uri,
    private readonly chat: ChatService,
  ) {
    this.#relay = createRelay(chat, (id) => {
      this.#shown = id;
    });
    this.#subscription = Disposable.from(
      window.registerWebviewViewProvider(CHAT_VIEW, this),
      chat.onEvent((event) => {
        this.#events.push(event);
        this.#frame ??= setTimeout(() => {
          this.#flush();
        }, FRAME_MS);
      }),
      chat.onState((state) => {
        this.#tell({ kind: "state", state });
      }),
      chat.onConnection(() => {
        this.#flush(); // what it still said
        this.#tell({ kind: "connection", isConnected: chat.isConnected });
      }),
      window.onDidChangeActiveTextEditor(() => {
        this.#tellOfEditor();
      }),
      window.onDidChangeTextEditorSelection(() => {
        this.#tellOfEditor();
      }),
    );
  }

  /** The conversation that is on the screen, or was last. */
  get shown(): string | null {
    return this.#shown;
  }

  resolveWebviewView(view: WebviewView): void {
    this.#view = view;
    const folder = Uri.joinPath(this.extension, "dist", "webview");
    const { webview } = view;
    webview.options = { enableScripts: true, localResourceRoots: [folder] };
    webview.onDidReceiveMessage((request: ViewRequest) => {
      this.#page = request.page;
      this.#waiting.splice(0).forEach((notice) => {
        this.#post(notice);
      });
      void this.#answer(request);
    });
    view.onDidChangeVisibility(() => {
      this.#page = undefined;
    });
    view.onDidDispose(() => {
      if (this.#view === view) {
        this.#view = undefined;
        this.#page = undefined;
      }
    });
    webview.html = renderPage({
      script: webview.asWebviewUri(Uri.joinPath(folder, "chat.js")).toString(),
      style: webview.asWebviewUri(Uri.joinPath(folder, "chat.css")).toString(),
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString("base64url"),
    });
  }

  /**
   * Tells the view what to do and shows it with the focus in it. In this order: what is written from
   * then on is meant for what the notice brings.
   */
  async reveal(notice: ViewNotice): Promise<void> {
    const isTaken = this.#page !== undefined && (await this.#view?.webview.postMessage(notice));
    if (isTaken !== true) {
      this.#waiting.push(notice);
    }
    await commands.executeCommand(`${CHAT_VIEW}.focus`);
    if (this.#page !== undefined) {
      this.#waiting.splice(0).forEach((waiting) => {
        this.#post(waiting);
      });
    }
  }

  dispose(): void {
    clearTimeout(this.#frame);
    clearTimeout(this.#pause);
    this.#subscription.dispose();
  }

  async #answer(request: ViewRequest): Promise<void> {
    const { page, ticket, method } = request;
    try {
      const result = await ask(this.#relay, request);
      this.#flush(); // what the result tells of came behind these
      if (page === this.#page) {
        this.#post({ kind: "reply", page, ticket, result });
      } else {
        this.#tellLate(request, result);
      }
    } catch (error) {
      if (page === this.#page) {
        this.#post({ kind: "refusal", page, ticket, message: messageOf(error) });
      } else if (!ASKED_BY_PAGE.has(method)) {
        await showFailure(error);
      }
    }
  }

  /** The page that asked is gone: the one that is there, or comes, has to know what it has not seen. */
  #tellLate({ method, params }: ViewRequest, result: unknown): void {
    if (method === "send") {
      const asked = params as ParamsOf<"send">;
      this.#tellNext({ kind: "sent", asked, sent: result as ResultOf<"send"> });
    } else if (!ASKED_BY_PAGE.has(method)) {
      this.#tell({ kind: "connection", isConnected: this.chat.isConnected }); // all may be otherwise
    }
  }

  /** Tells the page that is there, or the next one. */
  #tellNext(notice: ViewNotice): void {
    if (this.#page === undefined) {
      this.#waiting.push(notice);
    } else {
      this.#post(notice);
    }
  }

  #tellOfEditor(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#tell({ kind: "editor" });
    }, SELECTION_PAUSE_MS);
  }

  #flush(): void {
    clearTimeout(this.#frame);
    this.#frame = undefined;
    const events = this.#events.splice(0);
    if (events.length > 0) {
      this.#tell({ kind: "events", events });
    }
  }

  #tell(notice: ViewNotice): void {
    if (this.#page !== undefined) {
      this.#post(notice);
    }
  }

  #post(notice: ViewNotice): void {
    void this.#view?.webview.postMessage(notice);
  }
}

/** The page is ours, and what it holds is not: a method that is not in the table is refused. */
async function ask<M extends Method>(
  relay: Relay,
  { method, params }: ViewRequest<M>,
): Promise<unknown> {
  if (!Object.hasOwn(relay, method)) {
    throw new Error(`The chat knows no ${method}.`);
  }
  return relay[method](params);
}
