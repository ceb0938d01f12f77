/** What the marketplace said about a token. Seconds, as on the wire. */
export interface TokenAnswer {
  /** The token: RFC 6750's b64token, at most 8 KiB. */
  readonly token: string;
  /** Seconds after which a new one should be asked for: more than 0, and no more than the token lives; otherwise as if not given. */
  readonly refresh_after?: number | undefined;
  /** Seconds that the token lives (RFC 6749 §5.1). */
  readonly expires_in?: number | undefined;
  /** The marketplace's clock, in seconds since 1970. A `Response` has it in `Date`. */
  readonly server_time?: number | undefined;
}

/** The claims that the client looks at. Nobody has verified them: that is the API's work. */
export interface UnverifiedClaims {
  readonly sub?: unknown;
  readonly tenant?: unknown;
  readonly iat?: unknown;
  readonly exp?: unknown;
}

/** Milliseconds from before the exchange was sent. `Infinity`: until the API says otherwise. */
export interface Lifetime {
  /** How long the token is valid. */
  readonly life: number;
  /** How long it is used while a new one can be had. */
  readonly reuse: number;
}

/** Share of a token's life that is kept in reserve, and its bounds in milliseconds. */
const LEEWAY = 0.2;
const LEAST_LEEWAY = 5_000;
const MOST_LEEWAY = 30_000;

/**
 * The life of a token without the user's clock. Its length is `exp` − `iat`; the server's own clock can only shorten it, for a
 * token that is not new. Without any length the token is used until the API refuses it.
 */
export function lifetime({ refresh_after, expires_in, server_time }: TokenAnswer, { iat, exp }: UnverifiedClaims): Lifetime {
  const known = [expires_in, minus(exp, iat), minus(exp, server_time)].filter(isNumber);
  const life = known.length ? Math.min(...known) * 1_000 : Infinity;
  const leeway = Math.min(Math.max(life * LEEWAY, LEAST_LEEWAY), MOST_LEEWAY);
  // One that is over at once would make an exchange of every call; one after the end says nothing.
  const isUsable = isNumber(refresh_after) && refresh_after > 0 && refresh_after * 1_000 <= life;
  return { life, reuse: isUsable ? refresh_after * 1_000 : life - leeway };
}

/** The claims as the token states them; none if it is no JWT. */
export function unverifiedClaims(token: string): UnverifiedClaims {
  try {
    const [, payload = ""] = token.split(".");
    const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const claims: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (byte) => byte.charCodeAt(0))));
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

const isNumber = (value: unknown): value is number => Number.isFinite(value);

const minus = (a: unknown, b: unknown): number | undefined => (isNumber(a) && isNumber(b) ? a - b : undefined);
