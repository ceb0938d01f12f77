/** Time and chance, given from outside: nothing else in this package reads a clock, sets a timer or draws a number. */
export interface Clock {
  /** Milliseconds from any fixed point, never set back. May stand still while the computer sleeps. */
  monotonic(): number;
  /** Milliseconds since 1970 as the user's computer believes. May be wrong by days, and may jump. */
  wall(): number;
  /** A number in `0..1`, for jitter. */
  random(): number;
  /** Calls `run` once after `ms` milliseconds; the result cancels it. */
  schedule(ms: number, run: () => void): () => void;
}

/** The clocks of the page or worker. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** A moment on both clocks. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export const now = (clock: Clock): Moment => ({ monotonic: clock.monotonic(), wall: clock.wall() });

/**
 * Milliseconds since `then`, rather too many than too few: the monotonic clock may have slept, the wall clock may have been set
 * back. A wall clock that is wrong but steady does not matter.
 */
export const elapsed = (clock: Clock, then: Moment): number =>
  Math.max(clock.monotonic() - then.monotonic, clock.wall() - then.wall);
