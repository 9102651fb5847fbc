/** The way to the extension: requests with their replies, what it tells unasked, and what is kept. */
import type {
  Method,
  ParamsOf,
  ResultOf,
  ViewNotice,
  ViewRequest,
} from "../src/core/chat/viewMessages";

interface VsCodeApi {
  postMessage(message: ViewRequest): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** What the extension tells unasked. */
export type Told = Exclude<ViewNotice, { kind: "reply" | "refusal" }>;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What changes with each key is written down so much later: all of it is, however large. */
const KEEP_PAUSE_MS = 300;

export class Host {
  readonly #page = crypto.getRandomValues(new Uint32Array(4)).join("-");
  readonly #api = acquireVsCodeApi();
  readonly #waiting = new Map<number, Waiting>();
  #tickets = 0;
  #unkept: { readonly state: unknown } | undefined;
  #pause: number | undefined;

  constructor(onTold: (notice: Told) => void) {
    window.addEventListener("message", ({ data }: MessageEvent<ViewNotice>) => {
      if (data.kind !== "reply" && data.kind !== "refusal") {
        onTold(data);
        return;
      }
      const waiting = data.page === this.#page ? this.#take(data.ticket) : undefined;
      if (data.kind === "reply") {
        waiting?.resolve(data.result);
      } else {
        waiting?.reject(new Error(data.message));
      }
    });
    // The page may be gone at once when it is left.
    for (const [target, event] of [
      [window, "blur"],
      [window, "pagehide"],
      [document, "visibilitychange"],
    ] as const) {
      target.addEventListener(event, () => {
        this.#keepNow();
      });
    }
  }

  /** Rejects with a message for the user. */
  ask<M extends Method>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> {
    const ticket = (this.#tickets += 1);
    return new Promise<ResultOf<M>>((resolve, reject) => {
      this.#waiting.set(ticket, {
        resolve: (result) => {
          resolve(result as ResultOf<M>);
        },
        reject,
      });
      this.#api.postMessage({ page: this.#page, ticket, method, params });
    });
  }

  /** What a page before this one kept: from ourselves, but maybe of another version. */
  kept(): unknown {
    return this.#api.getState();
  }

  keep(state: unknown): void {
    this.#unkept = { state };
    this.#keepNow();
  }

  /** For what changes with each key. */
  keepSoon(state: unknown): void {
    this.#unkept = { state };
    this.#pause ??= window.setTimeout(() => {
      this.#keepNow();
    }, KEEP_PAUSE_MS);
  }

  #keepNow(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    if (this.#unkept !== undefined) {
      this.#api.setState(this.#unkept.state);
      this.#unkept = undefined;
    }
  }

  #take(ticket: number): Waiting | undefined {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    return waiting;
  }
}
