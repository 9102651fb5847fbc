/** How long to wait before the next start: 1, 2, 4 … 60 s, and 1 s again after a healthy minute. */
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
const HEALTHY_MS = 60_000;

export class Backoff {
  #nextMs = FIRST_MS;

  /** The wait after a run that was up for `healthyMs`. */
  next(healthyMs: number): number {
    if (healthyMs >= HEALTHY_MS) {
      this.reset();
    }
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(2 * waitMs, LONGEST_MS);
    return waitMs;
  }

  reset(): void {
    this.#nextMs = FIRST_MS;
  }
}
