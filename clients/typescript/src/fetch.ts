import { invalidToken } from "./challenge.js";
import { aborted, AccountChangedError, TokenClientError } from "./errors.js";
import type { HeldToken, TokenSource } from "./tokenSource.js";

/** How a token goes onto a request. */
export interface Carrier {
  /** The URL itself, if the token may be sent there; throws otherwise. */
  readonly admit: (url: URL) => void;
  /** `Authorization` has the scheme `Bearer`; any other header has the token alone, as AppDirect's `MP-Authorization`. */
  readonly header: string;
  /** `include` only for APIs that insist on it. */
  readonly credentials: "omit" | "include";
  /** `default` only for APIs that forbid keeping by themselves. */
  readonly cache: "no-store" | "default";
  readonly fetch: (request: Request) => Promise<Response>;
}

/** Methods that may be sent twice whatever the server did with the first (RFC 9110 §9.2.1). */
const SAFE = ["GET", "HEAD", "OPTIONS"];

/** With which token, and to which origin, the request of an answer was sent. */
export const sentWith = new WeakMap<object, readonly [HeldToken, string]>();

/** `fetch` with the token of `source`; the limit on reuse may differ from call to call. */
export async function authorizedFetch(source: TokenSource, carrier: Carrier, input: RequestInfo | URL, init: RequestInit = {}, maxReuseMs?: number): Promise<Response> {
  // A stream is gone once it was read. Everything else the browser keeps and can send again.
  const isStream = init.body != null && typeof init.body === "object" && (init.body instanceof ReadableStream || Symbol.asyncIterator in init.body);
  const caller = init.signal ?? (input instanceof Request ? input.signal : undefined);
  const account = source.account();
  const request = new Request(input, {
    ...init,
    signal: AbortSignal.any([account.left.signal, ...(caller ? [caller] : [])]),
    mode: "cors",
    credentials: carrier.credentials,
    redirect: "error",
    cache: carrier.cache,
    referrerPolicy: "no-referrer",
    // Node refuses a stream without it.
    ...(isStream && { duplex: "half" }),
  });
  const url = new URL(request.url);
  const { origin } = url;
  carrier.admit(url);

  const send = async (attempt: Request, held: HeldToken): Promise<Response> => {
    const token = held.expose();
    attempt.headers.set(carrier.header, carrier.header.toLowerCase() === "authorization" ? `Bearer ${token}` : token);
    let response: Response;
    try {
      response = await carrier.fetch(attempt);
    } catch (error) {
      if (account.left.signal.aborted) throw account.left.signal.reason;
      if (caller?.aborted) throw aborted(caller);
      // In words: who failed had the token, and may have put it into the error.
      throw new TokenClientError("network_or_cors", `${origin} gave no answer: ${String(error).replaceAll(token, "[token]")}`);
    }
    if (source.account() === account) return response;
    // Its signal has just aborted, and a body that has failed refuses to be cancelled.
    response.body?.cancel().catch(() => {});
    throw new AccountChangedError();
  };

  let held = await token();
  let response = await send(isStream ? request : request.clone(), held);
  let challenge = refusal(response);
  if (challenge && source.refused(held, origin) && !isStream && mayRepeat(request.method, response)) {
    response.body?.cancel().catch(() => {});
    held = await token();
    response = await send(request, held);
    challenge = refusal(response);
  }
  if (!challenge) {
    source.accepted(held, origin);
    sentWith.set(response, [held, origin]);
    return response;
  }
  const why = isStream ? "; a stream cannot be sent again" : "";
  throw new TokenClientError("auth_rejected", `the API refused the token${why}`, { status: 401, challenge, skewMs: held.skewMs }, response);

  async function token(): Promise<HeldToken> {
    const found = await source.token(caller ?? undefined, maxReuseMs, origin);
    if (source.account() === account) return found;
    throw new AccountChangedError();
  }
}

const refusal = (response: Response): ReturnType<typeof invalidToken> =>
  response.status === 401 ? invalidToken(response.headers.get("WWW-Authenticate")) : undefined;

/** The gate in front of the API says so when nothing behind it has seen the request. */
const mayRepeat = (method: string, response: Response): boolean =>
  SAFE.includes(method) || response.headers.get("Exeat-Handler") === "not-run";
