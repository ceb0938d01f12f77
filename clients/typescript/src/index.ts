import { announcements } from "./announcements.js";
import { systemClock, type Clock } from "./clock.js";
import { authorizedFetch, sentWith, type Carrier } from "./fetch.js";
import type { Exchange } from "./exchange.js";
import { originProblem } from "./origins.js";
import { TokenSource, type Expected, type Identity, type TokenSourceOptions } from "./tokenSource.js";

export type { Challenge } from "./challenge.js";
export type { Clock } from "./clock.js";
export { AccountChangedError, TokenClientError } from "./errors.js";
export type { FailureCode, FailureDetails } from "./errors.js";
export type { Exchange } from "./exchange.js";
export type { TokenAnswer } from "./lifetime.js";
export type { Expected, Identity } from "./tokenSource.js";

/** Functions of the subpath exports, each taking the client first. */
export type Parts = Readonly<Record<string, (client: TokenClient, ...rest: never[]) => unknown>>;

/** The same functions as methods. */
export type Bound<P extends Parts> = {
  readonly [Name in keyof P]: P[Name] extends (client: TokenClient, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;
};

export interface TokenClientOptions<P extends Parts = Parts> {
  /** Asks the marketplace for a token for one audience. Given up after 10 s. */
  readonly exchange: Exchange;
  /**
   * Who is signed in, as the page knows it; `null` for nobody. Asked before a token is used, after an exchange and when an answer
   * comes; a change ends everything that is under way. A later token for the same identity with another `sub` or `tenant` than the first is
   * dropped with `account_changed`: the session changed, and the page does not know. Without it a token is used for at most a minute.
   */
  readonly identity?: () => Identity;
  /** Where the token may be sent: exact origins, https (http on loopback). At least one. */
  readonly apiOrigins: readonly string[];
  /**
   * What the token must say, the first one too; otherwise it is dropped with `account_changed`. Read when a token comes and before it is used, so a
   * getter will do: a token that is not of whom it names any more is dropped for a new one. `null` is nobody, and `undefined` anybody.
   */
  readonly expect?: Expected;
  /** `maxReuseMs`: the longest use of one token, in milliseconds; 0: an exchange for every request. Default: no limit with `identity`, else 60,000. */
  readonly cache?: { readonly maxReuseMs?: number };
  /** `include` only for an API that answers no other way. Default `omit`. */
  readonly credentials?: "omit" | "include";
  /**
   * What the browser may keep of the API's answers. Default `no-store`: nothing, and so Chromium asks with a preflight before every
   * request. With `default` it remembers preflights, and every answer that the API does not forbid to keep, also for the user after this
   * one: only for APIs that answer with `Cache-Control: no-store`, as exeat's gate does unless the handler says otherwise.
   */
  readonly httpCache?: "no-store" | "default";
  /** The header of the token. Default `Authorization`, with the scheme `Bearer`; another one has the token alone. */
  readonly header?: string;
  /** Name of the `BroadcastChannel` on which clients of one origin tell each other of sign-outs; `null` for none. Default `exeat`. */
  readonly channel?: string | null;
  /** Sends the requests to the API. Default: the global `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
  /** Subpath exports that the client shall have as methods: `{ ws, events, diagnose }`. */
  readonly with?: P;
}

export interface TokenClient {
  /** As the global `fetch`, for URLs of `apiOrigins` only, with a token. Rejects with {@link TokenClientError}; a `TypeError` is a mistake of the caller. */
  readonly fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  /** The token itself, for what is no `fetch`; with `url` one that the API there has not refused, though another may have. */
  readonly token: (options?: { readonly signal?: AbortSignal; readonly url?: string | URL }) => Promise<string>;
  /** Gets a token before it is needed. Never rejects: the first call tells of a failure. */
  readonly prewarm: () => Promise<void>;
  /** The next call makes an exchange. */
  readonly invalidate: () => void;
  /**
   * For what `fetch` cannot see: the API of that URL says that the token is not valid, or the API of that answer of `fetch` says so later. The
   * next call makes an exchange, if the token is still the one that is held, and unless one token after the other was refused. While there is no
   * other token, this one is used for other APIs; if the refusal `isGuess`, for that API too.
   */
  readonly refused: {
    (token: string, url: string | URL, isGuess?: boolean): void;
    (answer: Response): void;
  };
  /** Somebody signed in, or as somebody else: everything is forgotten and ended; in the page's other clients and the origin's other tabs all but whose the tokens were. */
  readonly identityChanged: () => void;
  /** The user signed out: the same, and no exchange is made until the identity changes. */
  readonly signOut: () => void;
  /** Ends everything and lets go of the channel. There is no token from then on: `signed_out`. */
  readonly close: () => void;
  /** Aborts with {@link AccountChangedError} when the account of now is left. */
  readonly accountSignal: AbortSignal;
  /** The URL, if a token may be sent there; throws a `TypeError` otherwise. */
  readonly admit: (url: string | URL) => URL;
  readonly apiOrigins: readonly string[];
}

/**
 * A client for one audience. Throws a `TypeError` with every problem of the options at once.
 *
 * ```js
 * const api = createTokenClient({
 *   apiOrigins: ["https://api.example.com"],
 *   identity: () => page.userId,
 *   expect: { get sub() { return page.userId; } },
 *   exchange: ({ signal }) => fetch("/v1/token", {
 *     method: "POST", signal, credentials: "same-origin", cache: "no-store",
 *     headers: { "Content-Type": "application/json", "X-Requested-By": "extension" },
 *     body: JSON.stringify({ audience: "loyalty-api" }),
 *   }),
 * });
 * const answer = await api.fetch("https://api.example.com/points");
 * ```
 */
export function createTokenClient<P extends Parts = Record<never, never>>(options: TokenClientOptions<P>): TokenClient & Bound<P> {
  const { exchange, identity, expect, cache, clock = systemClock } = options;
  const apiOrigins = Object.freeze([...(options.apiOrigins ?? [])]);
  const header = options.header ?? "Authorization";
  reject([
    typeof exchange === "function" ? undefined : "exchange: no function",
    apiOrigins.length ? undefined : "apiOrigins: none",
    ...apiOrigins.map(originProblem),
    (cache?.maxReuseMs ?? 0) >= 0 ? undefined : "cache.maxReuseMs: negative or no number",
    /^[\w-]+$/.test(header) ? undefined : "header: no header's name",
  ]);

  const source = new TokenSource({ exchange, identity, expect, maxReuseMs: cache?.maxReuseMs, clock } satisfies TokenSourceOptions);
  const admit = (url: string | URL): URL => {
    const parsed = new URL(url);
    if (!apiOrigins.includes(parsed.origin)) throw new TypeError(`${parsed.origin} is not among apiOrigins`);
    return parsed;
  };
  const carrier: Carrier = {
    admit,
    header,
    credentials: options.credentials ?? "omit",
    cache: options.httpCache ?? "no-store",
    fetch: options.fetch ?? ((request) => globalThis.fetch(request)),
  };
  const accounts = announcements(source, options.channel === undefined ? "exeat" : options.channel);

  const client: TokenClient = {
    fetch: (input, init) => authorizedFetch(source, carrier, input, init),
    token: async ({ signal, url } = {}) => (await source.token(signal, undefined, url && admit(url).origin)).expose(),
    prewarm: () => source.token().then(
      () => {},
      () => {},
    ),
    invalidate: () => source.invalidate(),
    refused(what: string | Response, url?: string | URL, isGuess?: boolean) {
      const [token, origin] = sentWith.get(what as Response) ?? ([what as string, admit(url!).origin] as const);
      // Counted apart from what `fetch` sees: an answer that it takes says nothing of what is refused after the answer.
      source.refused(token, isGuess ? undefined : origin, `${origin} later`);
    },
    identityChanged: () => accounts.change("identity-changed"),
    signOut: () => accounts.change("signed-out"),
    close: accounts.close,
    get accountSignal() {
      return source.account().left.signal;
    },
    admit,
    apiOrigins,
  };
  for (const [name, part] of Object.entries(options.with ?? {})) {
    Object.defineProperty(client, name, { value: part.bind(null, client), enumerable: true });
  }
  return Object.freeze(client) as TokenClient & Bound<P>;
}

function reject(problems: readonly (string | undefined)[]): void {
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length) throw new TypeError(found.join("; "));
}
