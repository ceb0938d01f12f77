import { Backoff } from "./backoff.js";
import { elapsed, now, type Clock, type Moment } from "./clock.js";
import { aborted, AccountChangedError, TokenClientError } from "./errors.js";
import { exchangeFailure, readAnswer, type Exchange } from "./exchange.js";
import { lifetime, unverifiedClaims, type Lifetime, type TokenAnswer, type UnverifiedClaims } from "./lifetime.js";

/** The longest exchange, in milliseconds. */
const PATIENCE = 10_000;
/** Milliseconds of life that a token must have left to be used although it should have been replaced. */
const LAST_USE = 5_000;
/** How long a token is used when nobody says whose it is. */
const ANONYMOUS_REUSE = 60_000;
/** New tokens in a row that look expired, after which the API decides. */
const ODD_ARRIVALS = 2;

/** Who the page believes is signed in; `null` or `undefined` for nobody. Compared with `===`. */
export type Identity = string | null | undefined;

/** What a token must say; `null` is what no token of anybody says. */
export interface Expected {
  readonly sub?: string | null | undefined;
  readonly tenant?: string | null | undefined;
}

export interface TokenSourceOptions {
  readonly exchange: Exchange;
  readonly identity?: (() => Identity) | undefined;
  readonly expect?: Expected | undefined;
  readonly maxReuseMs?: number | undefined;
  readonly clock: Clock;
}

/** A token that was given out. It stays in this object, and no listing of an object shows a private field. */
export class HeldToken {
  readonly #token: string;
  declare readonly sent: Moment;
  declare readonly lifetime: Lifetime;
  declare readonly claims: UnverifiedClaims;
  declare readonly skewMs: number | undefined;
  /** Once it was refused, or is supposed to be: by whom. It is then used while no other can be had, and never again for those. */
  declare refusedBy?: Set<string>;

  constructor(token: string, sent: Moment, lifetime: Lifetime, claims: UnverifiedClaims, skewMs: number | undefined) {
    this.#token = token;
    this.sent = sent;
    this.lifetime = lifetime;
    this.claims = claims;
    this.skewMs = skewMs;
  }

  /** The one door. */
  expose(): string {
    return this.#token;
  }
}

/** The claims that say whose a token is. */
const OWNER = ["sub", "tenant"] as const;

/** Stands for whom the page shows as long as it has not told. */
const UNTOLD = {};

/** One signed-in user, from when the page showed it until it showed another. */
interface Account {
  readonly identity: Identity | typeof UNTOLD;
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

/** One token for one user and one audience: gets it, keeps it, and forgets it. */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #maxReuseMs: number;
  #account: Account = { identity: UNTOLD, left: new AbortController(), isSignedOut: false, owner: undefined };
  #isClosed = false;
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
    const { identity: before, isSignedOut } = this.#account;
    // The first that the page tells is no change: a sign-out before holds.
    if (before !== identity) this.changeAccount(isSignedOut && before === UNTOLD, identity);
    return this.#account;
  }

  /** The page itself says that its user is another one, who may have the same identity. */
  identityChanged(): void {
    this.#account.owner = undefined;
    this.changeAccount();
  }

  /**
   * Forgets every token, and ends what is under way. After a sign-out no exchange is made until the account changes. Whose the tokens were is
   * remembered as long as the page names the same identity: what other tabs say changes nothing of what this one shows.
   */
  changeAccount(isSignedOut = false, identity = this.#shown()): void {
    const { left, identity: before, owner } = this.#account;
    this.#account = { identity, left: new AbortController(), isSignedOut: isSignedOut || this.#isClosed, owner: before === identity ? owner : undefined };
    this.#held = this.#flight = this.#lastFailure = undefined;
    this.#oddArrivals = 0;
    this.#exchanges = new Backoff(this.#options.clock);
    this.#refusals.clear();
    left.abort(new AccountChangedError());
  }

  /** Nobody is signed in here from now on, whoever the page shows. */
  close(): void {
    this.#isClosed = true;
    this.changeAccount();
  }

  /** The token of the account, by an exchange if there is none that may be used. `origin` is the API that it is for, if that is known. */
  async token(signal?: AbortSignal, maxReuseMs = this.#maxReuseMs, origin?: string): Promise<HeldToken> {
    if (signal?.aborted) throw aborted(signal);
    const account = this.account();
    if (account.isSignedOut || (this.#options.identity && account.identity == null)) throw new TokenClientError("signed_out", "nobody is signed in");
    // What is expected may have changed since it came.
    if (this.#otherClaim(account, this.#held?.claims)) this.#held = undefined;
    const held = this.#held;
    if (held && !held.refusedBy && this.#age(held) < Math.min(held.lifetime.reuse, maxReuseMs)) return held;
    try {
      return await this.#next(account, signal, maxReuseMs);
    } catch (error) {
      if (signal?.aborted) throw error;
      if (this.account() !== account) throw new AccountChangedError();
      // The session is gone, or another's.
      if (/^(signed|account)_/.test((error as TokenClientError).code) && this.#held === held) this.#held = undefined;
      if (this.#mayServe(account, held, maxReuseMs, origin)) return held;
      throw error;
    }
  }

  /** By an exchange: one that is under way, or a new one, unless the marketplace shall not be asked yet. */
  async #next(account: Account, signal: AbortSignal | undefined, maxReuseMs: number): Promise<HeldToken> {
    // Without reuse every request has an exchange of its own.
    let flight = maxReuseMs > 0 ? this.#flight : undefined;
    if (!flight) {
      const waitMs = this.#exchanges.wait;
      if (waitMs > 0 && this.#lastFailure) {
        const { code, message, status, serverCode } = this.#lastFailure;
        throw code === "account_changed" ? this.#lastFailure : new TokenClientError(code, message, { status, serverCode, retryAfterMs: waitMs });
      }
      flight = this.#start(account, maxReuseMs > 0);
    }
    return join(flight, signal, () => {
      if (this.#flight === flight) this.#flight = undefined;
    });
  }

  /**
   * This token is not valid, said the API of this origin, or somebody supposes it who names none. Whether another one may be had. Refusals in a
   * row are counted by `series`.
   */
  refused(token: HeldToken | string, origin: string | undefined, series = origin!): boolean {
    const held = this.#held;
    // Another request has noticed before.
    if (!held || (held !== token && held.expose() !== token)) return true;
    if (!held.refusedBy) {
      const refusals = this.#refusals.get(series) ?? new Backoff(this.#options.clock);
      // An API that refuses every new token must not make an exchange of every call.
      if (refusals.wait > 0) return false;
      refusals.failed();
      this.#refusals.set(series, refusals);
      held.refusedBy = new Set();
      // It was asked before.
      this.#flight = undefined;
    }
    if (origin) held.refusedBy.add(origin);
    return true;
  }

  /** The API of this origin took this token. */
  accepted(token: HeldToken, origin: string): void {
    if (this.#held === token && !token.refusedBy?.has(origin)) this.#refusals.delete(origin);
  }

  /** The next call makes an exchange. One that is under way was asked before, so its token is given to those who wait and not kept. */
  invalidate(): void {
    this.#held = this.#flight = undefined;
  }

  /** Whom the page shows, or showed before if `identity` throws: forgetting does not wait for it, and the next call rejects with what it threw. */
  #shown(): Account["identity"] {
    try {
      return this.#options.identity?.();
    } catch {
      return this.#account.identity;
    }
  }

  #age(held: HeldToken): number {
    return elapsed(this.#options.clock, held.sent);
  }

  /** May a token that should have been replaced be used, since it cannot be? */
  #mayServe(account: Account, held: HeldToken | undefined, maxReuseMs: number, origin: string | undefined): held is HeldToken {
    if (!held || held !== this.#held || this.#otherClaim(account, held.claims)) return false;
    if (origin ? held.refusedBy?.has(origin) : held.refusedBy?.size) return false;
    const age = this.#age(held);
    return held.lifetime.life - age >= LAST_USE && age < maxReuseMs;
  }

  /** The claim, if there is one, by which a token is not for this account. */
  #otherClaim(account: Account, claims: UnverifiedClaims | undefined): string | undefined {
    return OWNER.find((claim) => {
      let wanted: unknown = this.#options.expect?.[claim];
      if (wanted === undefined) wanted = account.owner?.[claim];
      return wanted !== undefined && wanted !== claims?.[claim];
    });
  }

  #start(account: Account, isKept: boolean): Flight {
    const controller = new AbortController();
    const token = this.#exchange(account, controller, () => this.#flight === flight).finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    const flight: Flight = { token, controller, waiters: 0 };
    if (isKept) this.#flight = flight;
    return flight;
  }

  async #exchange(account: Account, controller: AbortController, isWanted: () => boolean): Promise<HeldToken> {
    const { clock, exchange, identity } = this.#options;
    const { signal } = controller;
    const leave = (): void => controller.abort(account.left.signal.reason);
    account.left.signal.addEventListener("abort", leave);
    const stopWaiting = clock.schedule(PATIENCE, () => controller.abort(new TokenClientError("exchange_failed", `no token within ${PATIENCE} ms`)));
    // Counted from before the request: time on the wire is never counted as life.
    const sent = now(clock);
    const backoff = this.#exchanges;
    const failed = (failure: TokenClientError): TokenClientError => {
      backoff.failed(failure.retryAfterMs);
      return (this.#lastFailure = failure);
    };
    let answer: TokenAnswer;
    try {
      answer = await unlessAborted(signal, async () => readAnswer(await exchange({ signal })));
    } catch (error) {
      const failure = signal.aborted ? (signal.reason as TokenClientError) : exchangeFailure(error);
      // That all who waited left, or the account was, is no failure of the marketplace.
      throw signal.aborted && failure.code !== "exchange_failed" ? failure : failed(failure);
    } finally {
      stopWaiting();
      account.left.signal.removeEventListener("abort", leave);
    }
    if (this.account() !== account) throw new AccountChangedError();
    const claims = unverifiedClaims(answer.token);
    const other = this.#otherClaim(account, claims);
    if (other) throw failed(new AccountChangedError(`the token is for another ${other}`));
    if (identity) account.owner ??= { sub: plain(claims.sub), tenant: plain(claims.tenant) };
    backoff.succeeded();
    const skewMs = Number.isFinite(answer.server_time) ? Math.round(clock.wall() - answer.server_time! * 1_000) : undefined;
    const held = new HeldToken(answer.token, sent, this.#plausible(lifetime(answer, claims), sent), claims, skewMs);
    if (isWanted()) this.#held = held;
    return held;
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

/** What `run` gives, or the reason of the signal, even if `run` does not listen to it. The signal is for this alone. */
const unlessAborted = <T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> =>
  Promise.race([new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))), run()]);
