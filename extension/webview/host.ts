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

export class Host {
  readonly #api = acquireVsCodeApi();
  readonly #waiting = new Map<number, Waiting>();
  #tickets = 0;

  constructor(onTold: (notice: Told) => void) {
    window.addEventListener("message", ({ data }: MessageEvent<ViewNotice>) => {
      if (data.kind === "reply") {
        this.#take(data.ticket)?.resolve(data.result);
      } else if (data.kind === "refusal") {
        this.#take(data.ticket)?.reject(new Error(data.message));
      } else {
        onTold(data);
      }
    });
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
      this.#api.postMessage({ ticket, method, params });
    });
  }

  /** What a page before this one kept: from ourselves, but maybe of another version. */
  kept(): unknown {
    return this.#api.getState();
  }

  keep(state: unknown): void {
    this.#api.setState(state);
  }

  #take(ticket: number): Waiting | undefined {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    return waiting;
  }
}
