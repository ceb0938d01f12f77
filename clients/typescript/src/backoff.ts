import type { Clock } from "./clock.js";

/** From this failure in a row on, waiting begins. */
const FREE = 2;
/** The first wait and the longest, in milliseconds. */
const FIRST = 1_000;
const LONGEST = 60_000;
/** The longest `Retry-After` that is believed, in milliseconds. */
export const BELIEVED = 300_000;

/** Counts failures in a row, and says how long nothing may be asked. It waits for nobody: who asks too early is told so. */
export class Backoff {
  readonly #clock: Clock;
  #failures = 0;
  #until = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the next attempt may be made; 0 or less: now. */
  get wait(): number {
    return this.#until - this.#clock.monotonic();
  }

  failed(retryAfterMs = 0): void {
    this.#failures += 1;
    const step = this.#failures > FREE ? Math.min(FIRST * 2 ** (this.#failures - FREE - 1), LONGEST) : 0;
    const jittered = step * (0.5 + this.#clock.random() / 2);
    this.#until = this.#clock.monotonic() + Math.max(jittered, Math.min(retryAfterMs, BELIEVED));
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = -Infinity;
  }
}
