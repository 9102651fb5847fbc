/**
 * Keeps one session of the server open until told to stop, and opens it again with back-off when
 * it ends. At most one session is open at a time: a restart waits until the old one is closed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Backoff } from "./backoff";

export interface Session {
  /** Settles, never rejects, when the session is over; says why. */
  readonly ended: Promise<string>;
  /** Never rejects; `ended` settles as well. */
  close(): Promise<void>;
}

/** A start that would fail the same way again: the supervisor rests until the next `start`. */
export class NotRetryable extends Error {}

export interface Observer {
  opening(): void;
  waiting(reason: string, waitMs: number): void;
  resting(error: NotRetryable): void;
}

export interface Clock {
  now(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
};

export class Supervisor<S extends Session> {
  readonly #backoff = new Backoff();
  #stopping = new AbortController();
  #run: Promise<void> = Promise.resolve();
  #session: S | undefined;

  constructor(
    private readonly open: (signal: AbortSignal) => Promise<S>,
    private readonly observer: Observer,
    private readonly clock: Clock = systemClock,
  ) {}

  /** The open session, where there is one. */
  get session(): S | undefined {
    return this.#session;
  }

  /** Starts, or starts anew; resolves when the old session is closed, not when the new one is open. */
  async start(): Promise<void> {
    const stopping = this.#replaceSignal();
    await this.#run;
    if (stopping.signal.aborted) {
      return;
    }
    this.#backoff.reset();
    this.#run = this.#keepOpen(stopping.signal);
  }

  async stop(): Promise<void> {
    this.#replaceSignal().abort();
    await this.#run;
  }

  #replaceSignal(): AbortController {
    this.#stopping.abort();
    this.#stopping = new AbortController();
    return this.#stopping;
  }

  async #keepOpen(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const { reason, healthyMs } = await this.#openOnce(signal);
        signal.throwIfAborted();
        const waitMs = this.#backoff.next(healthyMs);
        this.observer.waiting(reason, waitMs);
        await this.clock.sleep(waitMs, signal);
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (!(error instanceof NotRetryable)) {
        throw error;
      }
      this.observer.resting(error);
    }
  }

  async #openOnce(signal: AbortSignal): Promise<{ reason: string; healthyMs: number }> {
    this.observer.opening();
    let session: S;
    try {
      session = await this.open(signal);
    } catch (error) {
      if (error instanceof NotRetryable) {
        throw error;
      }
      return { reason: error instanceof Error ? error.message : String(error), healthyMs: 0 };
    }
    const openedAt = this.clock.now();
    const reason = await this.#attend(session, signal);
    return { reason, healthyMs: this.clock.now() - openedAt };
  }

  async #attend(session: S, signal: AbortSignal): Promise<string> {
    const close = (): void => void session.close();
    signal.addEventListener("abort", close, { once: true });
    this.#session = session;
    if (signal.aborted) {
      close();
    }
    try {
      return await session.ended;
    } finally {
      signal.removeEventListener("abort", close);
      this.#session = undefined;
    }
  }
}
