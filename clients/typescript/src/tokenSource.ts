import { Backoff } from "./backoff.js";
import { elapsed, now, type Clock, type Moment } from "./clock.js";
import { aborted, AccountChangedError, TokenClientError } from "./errors.js";
import { exchangeFailure, readAnswer, type Exchange } from "./exchange.js";
import { lifetime, unverifiedClaims, type Lifetime } from "./lifetime.js";

/** Who the page believes is signed in; `null` or `undefined` for nobody. Compared with `===`. */
export type Identity = string | null | undefined;

export interface TokenSourceOptions {
  readonly exchange: Exchange;
  readonly identity?: (() => Identity) | undefined;
  readonly expect?: { readonly sub?: string; readonly tenant?: string } | undefined;
  readonly maxReuseMs?: number | undefined;
  readonly clock: Clock;
}

/** A token that was given out. It stays in this object, and no listing of an object shows a private field. */
export class HeldToken {
  readonly #token: string;
  readonly sent: Moment;
  readonly lifetime: Lifetime;
  readonly skewMs: number | undefined;

  constructor(token: string, sent: Moment, lifetime: Lifetime, skewMs: number | undefined) {
    this.#token = token;
    this.sent = sent;
    this.lifetime = lifetime;
    this.skewMs = skewMs;
  }

  /** The one door. */
  expose(): string {
    return this.#token;
  }
}

/** The claims that say whose a token is. */
const OWNER = ["sub", "tenant"] as const;

/** One signed-in user, from when the page showed it until it showed another. */
interface Account {
  readonly identity: Identity;
  readonly left: AbortController;
  readonly isSignedOut: boolean;
  /** As the first token for this identity had them; every later one must have the same. A session may change while the page does not. */
  owner: Partial<Record<(typeof OWNER)[number], unknown>> | undefined;
}

/** One exchange under way, and how many wait for it. */
interface Flight {
  readonly token: Promise<HeldToken>;
  readonly controller: AbortController;
  waiters: number;
}

/** The longest exchange, in milliseconds. */
const PATIENCE = 10_000;
/** Milliseconds of life that a token must have left to be used although it should have been replaced. */
const LAST_USE = 5_000;
/** How long a token is used when nobody says whose it is. */
const ANONYMOUS_REUSE = 60_000;
/** New tokens in a row that look expired, after which the API decides. */
const ODD_ARRIVALS = 2;

/** One token for one user and one audience: gets it, keeps it, and forgets it. */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #maxReuseMs: number;
  #account: Account | undefined;
  #held: HeldToken | undefined;
  #flight: Flight | undefined;
  #exchanges: Backoff;
  /** By API and how it tells, as long as it refuses: one that takes no token must not keep the others from getting a new one. */
  readonly #refusals = new Map<string, Backoff>();
  #lastFailure: TokenClientError | undefined;
  #oddArrivals = 0;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#maxReuseMs = options.maxReuseMs ?? (options.identity ? Infinity : ANONYMOUS_REUSE);
    this.#exchanges = new Backoff(options.clock);
  }

  /** The account of now. Its signal aborts when the page shows another. */
  account(): Account {
    const identity = this.#options.identity?.();
    if (this.#account?.identity !== identity) this.changeAccount(false, identity);
    this.#account ??= { identity, left: new AbortController(), isSignedOut: false, owner: undefined };
    return this.#account;
  }

  /** The page itself says that its user is another one, who may have the same identity. */
  identityChanged(): void {
    if (this.#account) this.#account.owner = undefined;
    this.changeAccount();
  }

  /**
   * Forgets every token, and ends what is under way. After a sign-out no exchange is made until the account changes. Whose the tokens were is
   * remembered as long as the page names the same identity: what other tabs say changes nothing of what this one shows.
   */
  changeAccount(isSignedOut = false, identity = this.#shown()): void {
    const left = this.#account;
    const { clock } = this.#options;
    this.#account = { identity, left: new AbortController(), isSignedOut, owner: left?.identity === identity ? left?.owner : undefined };
    this.#held = this.#flight = this.#lastFailure = undefined;
    this.#oddArrivals = 0;
    this.#exchanges = new Backoff(clock);
    this.#refusals.clear();
    left?.left.abort(new AccountChangedError());
  }

  /** The token of the account, by an exchange if there is none that may be used. */
  async token(signal?: AbortSignal, maxReuseMs = this.#maxReuseMs): Promise<HeldToken> {
    if (signal?.aborted) throw aborted(signal);
    const account = this.account();
    if (account.isSignedOut || (this.#options.identity && account.identity == null)) throw new TokenClientError("signed_out", "nobody is signed in");
    const held = this.#held;
    if (held && this.#age(held) < Math.min(held.lifetime.reuse, maxReuseMs)) return held;
    // Without reuse every request has an exchange of its own.
    let flight = maxReuseMs > 0 ? this.#flight : undefined;
    if (!flight) {
      const waitMs = this.#exchanges.wait;
      if (waitMs > 0 && this.#lastFailure) {
        if (this.#mayServe(held, maxReuseMs)) return held;
        const { code, message, status, serverCode } = this.#lastFailure;
        throw code === "account_changed" ? this.#lastFailure : new TokenClientError(code, message, { status, serverCode, retryAfterMs: waitMs });
      }
      flight = this.#start(account, maxReuseMs);
    }
    return join(flight, signal, () => {
      if (this.#flight === flight) this.#flight = undefined;
    });
  }

  /** The API of this origin said that this token is not valid. Whether another one may be had for it. */
  refused(token: HeldToken | string, origin: string): boolean {
    // Another request has noticed before.
    if (this.#held !== token && this.#held?.expose() !== token) return true;
    const refusals = this.#refusals.get(origin) ?? new Backoff(this.#options.clock);
    // An API that refuses every new token must not make an exchange of every call.
    if (refusals.wait > 0) return false;
    refusals.failed();
    this.#refusals.set(origin, refusals);
    this.invalidate();
    return true;
  }

  /** The API of this origin took this token. */
  accepted(token: HeldToken, origin: string): void {
    if (this.#held === token) this.#refusals.delete(origin);
  }

  /** The next call makes an exchange. One that is under way was asked before, so its token is given to those who wait and not kept. */
  invalidate(): void {
    this.#held = this.#flight = undefined;
  }

  /** Whom the page shows, or showed before if `identity` throws: forgetting does not wait for it, and the next call rejects with what it threw. */
  #shown(): Identity {
    try {
      return this.#options.identity?.();
    } catch {
      return this.#account?.identity;
    }
  }

  #age(held: HeldToken): number {
    return elapsed(this.#options.clock, held.sent);
  }

  /** May a token that should have been replaced be used, since it cannot be? */
  #mayServe(held: HeldToken | undefined, maxReuseMs: number): held is HeldToken {
    if (!held || held !== this.#held) return false;
    const age = this.#age(held);
    return held.lifetime.life - age >= LAST_USE && age < maxReuseMs;
  }

  #start(account: Account, maxReuseMs: number): Flight {
    const controller = new AbortController();
    const isKept = maxReuseMs > 0;
    const old = this.#held;
    const token = this.#exchange(account, controller, () => this.#flight === flight).catch((error: TokenClientError) => {
      const isOurs = error.code === "aborted" || error.code === "account_changed";
      if (!isOurs && error.code !== "signed_out" && isKept && this.#mayServe(old, maxReuseMs)) return old;
      if (error.code === "signed_out" && this.#held === old) this.#held = undefined;
      throw error;
    }).finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    const flight: Flight = { token, controller, waiters: 0 };
    if (isKept) this.#flight = flight;
    return flight;
  }

  async #exchange(account: Account, controller: AbortController, isWanted: () => boolean): Promise<HeldToken> {
    const { clock, exchange, expect, identity } = this.#options;
    const { signal } = controller;
    const leave = (): void => controller.abort(account.left.signal.reason);
    account.left.signal.addEventListener("abort", leave);
    const stopWaiting = clock.schedule(PATIENCE, () => controller.abort(new TokenClientError("exchange_failed", `no token within ${PATIENCE} ms`)));
    // Counted from before the request: time on the wire is never counted as life.
    const sent = now(clock);
    const backoff = this.#exchanges;
    try {
      const answer = await unlessAborted(signal, async () => readAnswer(await exchange({ signal })));
      if (this.account() !== account) throw new AccountChangedError();
      const claims = unverifiedClaims(answer.token);
      for (const claim of OWNER) {
        let wanted: unknown = expect?.[claim];
        if (wanted === undefined) wanted = account.owner?.[claim];
        if (wanted !== undefined && wanted !== claims[claim]) {
          this.#held = undefined;
          backoff.failed();
          throw (this.#lastFailure = new AccountChangedError(`the token is for another ${claim}`));
        }
      }
      if (identity) account.owner ??= { sub: plain(claims.sub), tenant: plain(claims.tenant) };
      backoff.succeeded();
      const skewMs = Number.isFinite(answer.server_time) ? Math.round(clock.wall() - answer.server_time! * 1_000) : undefined;
      const held = new HeldToken(answer.token, sent, this.#plausible(lifetime(answer, claims), sent), skewMs);
      if (isWanted()) this.#held = held;
      return held;
    } catch (error) {
      const failure = signal.aborted ? (signal.reason as TokenClientError) : exchangeFailure(error);
      if (failure.code !== "aborted" && failure.code !== "account_changed") {
        backoff.failed(failure.retryAfterMs);
        if (backoff === this.#exchanges) this.#lastFailure = failure;
      }
      throw failure;
    } finally {
      stopWaiting();
      account.left.signal.removeEventListener("abort", leave);
    }
  }

  /** A second new token in a row that looks expired means that somebody's idea of time is wrong: then the API decides. */
  #plausible(found: Lifetime, sent: Moment): Lifetime {
    const isOdd = elapsed(this.#options.clock, sent) >= found.life;
    this.#oddArrivals = isOdd ? this.#oddArrivals + 1 : 0;
    return this.#oddArrivals >= ODD_ARRIVALS ? { life: Infinity, reuse: Infinity } : found;
  }
}

/** Two arrays or objects are never the same. */
const plain = (claim: unknown): unknown => (typeof claim === "object" ? undefined : claim);

/** Waits for a flight. Who leaves leaves alone; the last one ends the flight. */
function join(flight: Flight, signal: AbortSignal | undefined, onEnd: () => void): Promise<HeldToken> {
  flight.waiters += 1;
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      flight.waiters -= 1;
      if (flight.waiters === 0) {
        onEnd();
        flight.controller.abort(aborted(signal!));
      }
      reject(aborted(signal!));
    };
    signal?.addEventListener("abort", leave, { once: true });
    void flight.token.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
  });
}

/** What `run` gives, or the reason of the signal, even if `run` does not listen to it. */
async function unlessAborted<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  let stop: (() => void) | undefined;
  const end = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([end, run()]);
  } finally {
    signal.removeEventListener("abort", stop!);
  }
}
