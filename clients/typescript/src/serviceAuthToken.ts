import { announcements, type Announcements } from "./announcements.js";
import { systemClock, type Clock } from "./clock.js";
import { TokenClientError } from "./errors.js";
import { authorizedFetch } from "./fetch.js";
import { unsafeBecause } from "./origins.js";
import { TokenSource, type Identity } from "./tokenSource.js";

export interface TokenResponse {
  token?: string;
  status?: number;
  errorMessage?: string;
}

export interface ExternalDataFetchResponse {
  status?: number;
  errorMessage?: string;
  response?: unknown;
}

/** What AppDirect's `serviceAuthToken` has. The timers are in milliseconds, 0 to 180,000. */
export interface ServiceAuthTokenAPI {
  getServiceAuthToken(customTokenInvalidTimer?: number): Promise<TokenResponse>;
  fetchExternalData(url: string, fetchOptions: RequestInit, customTokenInvalidTimer?: number): Promise<ExternalDataFetchResponse>;
  reset(): void;
}

export interface ServiceAuthTokenOptions {
  /** Who is signed in. With it a token serves for up to 3 minutes by default, without it for one. */
  readonly identity?: () => Identity;
  /** Where tokens may be sent. Default: wherever the caller says, if it is https (http on loopback). */
  readonly apiOrigins?: readonly string[];
  readonly fetch?: (request: Request | string, init?: RequestInit) => Promise<Response>;
  readonly clock?: Clock;
}

const TOKEN_ERROR = "Authentication Token Error";
const CALL_ERROR = "External API call Error";
const LONGEST_TIMER = 180_000;
const QUERY = "query personalization { userExternalServiceAuthenticationToken { token } }";

/** A `serviceAuthToken` of one's own. */
export function createServiceAuthToken(options: ServiceAuthTokenOptions = {}): ServiceAuthTokenAPI {
  const { identity, apiOrigins, clock = systemClock } = options;
  const send = options.fetch ?? ((input: Request | string, init?: RequestInit) => globalThis.fetch(input, init));
  const source = new TokenSource({
    identity,
    clock,
    exchange: ({ signal }) =>
      send("/api/v1/personalization/graphql", {
        method: "POST",
        credentials: "include",
        cache: "no-store",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query: QUERY }),
        signal,
      }),
  });
  const admit = (url: URL): void => {
    const problem = apiOrigins && !apiOrigins.includes(url.origin) ? `${url.origin} is not among apiOrigins` : unsafeBecause(url);
    if (problem) throw new TypeError(problem);
  };
  // Not when the module is loaded: importing it changes nothing.
  let listening: Announcements | undefined;
  /** The limit on reuse, for this call alone. */
  const reuse = (timer = identity ? LONGEST_TIMER : undefined): number | undefined => {
    listening ??= announcements(source, "exeat");
    return timer;
  };
  const isOutOfRange = (timer: number | undefined): boolean => timer !== undefined && !(timer >= 0 && timer <= LONGEST_TIMER);
  const outOfRange = { errorMessage: `${TOKEN_ERROR}: Token invalidation timer must be between 0s and 3min.` };

  return {
    async getServiceAuthToken(timer) {
      if (isOutOfRange(timer)) return outOfRange;
      try {
        return { token: (await source.token(undefined, reuse(timer))).expose() };
      } catch (error) {
        return failed(TOKEN_ERROR, error);
      }
    },

    async fetchExternalData(url, fetchOptions, timer) {
      if (isOutOfRange(timer)) return outOfRange;
      try {
        const carrier = { admit, header: "MP-Authorization", credentials: fetchOptions?.credentials === "include" ? "include" : "omit", cache: "no-store", fetch: send } as const;
        const answer = await authorizedFetch(source, carrier, new URL(url, globalThis.location?.href), fetchOptions, reuse(timer));
        if (!answer.ok) return { status: answer.status, errorMessage: answer.statusText || `HTTP ${answer.status}` };
        return { response: await answer.json() };
      } catch (error) {
        const isExchange = error instanceof TokenClientError && ["signed_out", "exchange_failed", "rate_limited"].includes(error.code);
        return failed(isExchange ? TOKEN_ERROR : CALL_ERROR, error);
      }
    },

    reset: () => source.identityChanged(),
  };
}

/** In place of the file of that name in AppDirect's boilerplate: the same functions, the same answers. */
const serviceAuthToken = createServiceAuthToken();
export default serviceAuthToken;

function failed(what: string, error: unknown): { status?: number; errorMessage: string } {
  // The parser's complaint would quote the answer.
  const why = error instanceof SyntaxError ? "There was a SyntaxError." : error instanceof Error ? error.message : "unknown";
  const status = error instanceof TokenClientError ? error.status : undefined;
  return { ...(status !== undefined && { status }), errorMessage: `${what}: ${why}` };
}
