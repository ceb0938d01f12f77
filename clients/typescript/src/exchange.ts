import { BELIEVED } from "./backoff.js";
import { TokenClientError, type FailureCode, type FailureDetails } from "./errors.js";
import type { TokenAnswer } from "./lifetime.js";

/**
 * Asks the marketplace for a token. It may resolve to the marketplace's `Response` as it came (REST, GraphQL or a bare token), which
 * the client then reads, failures included; or to the token with what is known of its life. A rejection is `exchange_failed`, with no more than
 * the name of the error, unless it is a {@link TokenClientError}, which is taken as it is.
 */
export type Exchange = (options: { signal: AbortSignal }) => Promise<Response | TokenAnswer>;

const LONGEST_TOKEN = 8_192;
const LONGEST_ANSWER = 65_536;
/** RFC 6750 §2.1. Anything else would not pass a header, and the browser's complaint would quote it. */
const B64TOKEN = /^[-.~+/\w]+=*$/;

/** What the exchange resolved to, as one type. */
export async function readAnswer(answer: Response | TokenAnswer): Promise<TokenAnswer> {
  // By what it can do: a response may come from another realm, or from a stand-in for fetch.
  const read = isResponse(answer) ? await fromResponse(answer) : answer;
  if (typeof read?.token !== "string" || read.token.length > LONGEST_TOKEN || !B64TOKEN.test(read.token)) throw failure("the answer has no token");
  return read;
}

const isResponse = (answer: Response | TokenAnswer): answer is Response => typeof (answer as Response | undefined)?.text === "function";

/** What the exchange rejected with, as one type. */
export function exchangeFailure(error: unknown): TokenClientError {
  if (error instanceof TokenClientError) return error;
  // Its text and its fields may have the answer, and so the token: a parser quotes what it cannot read.
  const name = text((error as Error | undefined)?.name);
  // A fetch that fails is a TypeError in every browser.
  return failure(`the exchange failed${name ? `: ${name}` : ""}`, {}, error instanceof TypeError ? "network_or_cors" : "exchange_failed");
}

interface Body {
  token?: string;
  access_token?: string;
  code?: unknown;
  data?: Record<string, { token?: string } | null> | null;
  errors?: { message?: unknown; extensions?: { code?: unknown } }[];
}

async function fromResponse(response: Response): Promise<TokenAnswer> {
  const date = Date.parse(response.headers.get("Date") ?? "") / 1_000;
  const body = parse(await response.text());
  // A GraphQL endpoint may say 200 to everything.
  const refusal = body.errors?.[0];
  if (!response.ok || refusal) {
    const serverCode = text(refusal?.extensions?.code) ?? text(body.code);
    const retryAfterMs = retryAfter(response.headers.get("Retry-After"), date);
    const signedOut = response.status === 401 || /^unauthenticated$/i.test(serverCode ?? "");
    throw failure(
      `the exchange answered ${response.status}${serverCode ? ` ${serverCode}` : ""}`,
      { status: response.status, serverCode, retryAfterMs },
      signedOut ? "signed_out" : response.status === 429 ? "rate_limited" : "exchange_failed",
    );
  }
  const token = body.token ?? body.access_token ?? Object.values(body.data ?? {})[0]?.token;
  return { server_time: date, ...body, token: token as string };
}

/** JSON, or a token alone. What is neither has no token in it; the engine's complaint is dropped, since it would quote one. */
function parse(answer: string): Body {
  if (answer.length > LONGEST_ANSWER) return {};
  try {
    const body: unknown = JSON.parse(answer);
    return typeof body === "object" && body ? body : { token: body as string };
  } catch {
    return { token: answer.trim() };
  }
}

/** Seconds or a date (RFC 9110 §10.2.3), the latter by the server's own clock. */
function retryAfter(header: string | null, date: number): number | undefined {
  const seconds = /^\d+$/.test(header ?? "") ? Number(header) : Date.parse(header ?? "") / 1_000 - date;
  return seconds >= 0 ? Math.min(seconds * 1_000, BELIEVED) : undefined;
}

/** A code is a word; anything longer is not ours to repeat. */
const text = (value: unknown): string | undefined => (typeof value === "string" && /^[\w.-]{1,64}$/.test(value) ? value : undefined);

const failure = (message: string, details?: FailureDetails, code: FailureCode = "exchange_failed"): TokenClientError =>
  new TokenClientError(code, message, details);
