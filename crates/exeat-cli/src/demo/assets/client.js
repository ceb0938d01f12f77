// A careful token client. The token lives in the closure of `tokenSource` and in the header of a call: never in storage,
// in a global, in the page or in a URL.

/** Share of a token's life, and its bounds in seconds, that is not used when the issuer names no `refresh_after`. */
const LEEWAY = { share: 0.2, least: 5, most: 30 };

/**
 * Keeps one token for one signed-in user.
 * `exchange` asks the issuer: it resolves to `{ token, refresh_after }` and rejects when there is no token.
 */
export function tokenSource(exchange) {
  let held = null;
  let flight = null;
  let generation = 0;

  // The monotonic clock may stand still while a laptop sleeps; the wall clock may be set back. The larger one is safe.
  const elapsed = ({ sent }) => Math.max(performance.now() - sent.monotonic, Date.now() - sent.wall) / 1000;

  async function fresh() {
    const asked = generation;
    // Counted from before the request, so that time on the wire is never counted as life.
    const sent = { monotonic: performance.now(), wall: Date.now() };
    const answer = await exchange();
    if (asked !== generation) throw new Error("the account changed during the exchange");
    const { claims } = decode(answer.token);
    const life = claims.exp - claims.iat;
    const leeway = Math.min(Math.max(life * LEEWAY.share, LEEWAY.least), LEEWAY.most);
    held = { token: answer.token, life, reuse: answer.refresh_after ?? life - leeway, sent };
    return held.token;
  }

  return {
    /** The token, a new one when the old one should not be used any more; one exchange at a time. */
    token() {
      if (held && elapsed(held) < held.reuse) return Promise.resolve(held.token);
      if (!flight) {
        const started = fresh().finally(() => { if (flight === started) flight = null; });
        flight = started;
      }
      return flight;
    },
    /** Seconds of life, or null without a token. */
    life: () => held && { total: held.life, remaining: Math.max(held.life - elapsed(held), 0) },
    /** The token is not to be used again: it was refused, or the account changed. */
    invalidate() {
      generation += 1;
      held = null;
      flight = null;
    },
  };
}

/** Calls the API with a token, or with none. Resolves for every HTTP answer, rejects when the browser shows none. */
export async function callApi(url, token) {
  const began = performance.now();
  const response = await fetch(url, {
    headers: token ? { Authorization: `Bearer ${token}` } : {},
    mode: "cors",
    credentials: "omit",
    redirect: "error",
    cache: "no-store",
    referrerPolicy: "no-referrer",
  });
  const body = await response.json().catch(() => ({}));
  return {
    status: response.status,
    challenge: response.headers.get("www-authenticate"),
    body,
    type: response.type,
    took: performance.now() - began,
  };
}

/** Like `callApi`, with one new token and one more try when the API says that this one is not valid. */
export async function callApiAsUser(url, source) {
  const first = await callApi(url, await source.token());
  if (first.status !== 401 || !/^bearer\b.*\berror="invalid_token"/i.test(first.challenge ?? "")) return first;
  source.invalidate();
  return callApi(url, await source.token());
}

/** Header and claims as the token states them. Nothing here is verified: that is the API's work. */
export function decode(token) {
  const [header, claims] = token.split(".");
  return { header: fromBase64Url(header), claims: fromBase64Url(claims) };
}

/** The same token with other claims under the old signature. */
export function tamper(token, change) {
  const [header, claims, signature] = token.split(".");
  return [header, toBase64Url({ ...fromBase64Url(claims), ...change }), signature].join(".");
}

function fromBase64Url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
}

function toBase64Url(value) {
  const binary = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value)));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
