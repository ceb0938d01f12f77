import type { Challenge } from "./challenge.js";

/**
 * What went wrong, by what the caller can do about it:
 *
 * - `signed_out`: nobody is signed in. Offer the sign-in.
 * - `exchange_failed`: the marketplace gave no token, and it is not about the user. Try later.
 * - `rate_limited`: the marketplace asks to wait `retryAfterMs`.
 * - `auth_rejected`: the API says that the token is not valid (`challenge`), and a new one does not help or the request must not be sent twice.
 * - `account_changed`: another user than the one this request was for. Start over with what the page now shows.
 * - `network_or_cors`: no answer, or none that the browser shows to this page; `diagnose` tells them apart.
 * - `aborted`: by the caller's own signal.
 */
export type FailureCode =
  | "signed_out"
  | "exchange_failed"
  | "rate_limited"
  | "auth_rejected"
  | "account_changed"
  | "network_or_cors"
  | "aborted";

/** What is known about a failure. Never a token. */
export interface FailureDetails {
  /** HTTP status of the answer that caused it. */
  readonly status?: number | undefined;
  /** The server's own code: `code` of a problem body (RFC 9457), or `extensions.code` of a GraphQL error. */
  readonly serverCode?: string | undefined;
  /** Milliseconds until asking again makes sense. Until then the marketplace is not asked. */
  readonly retryAfterMs?: number | undefined;
  /** `auth_rejected` only: the API's Bearer challenge. */
  readonly challenge?: Challenge | undefined;
  /** `auth_rejected` only: the user's clock minus the marketplace's, in milliseconds. For a message; nothing is decided by it. */
  readonly skewMs?: number | undefined;
  /** `aborted` only: the reason of the caller's signal. What others throw may have a token in it. */
  readonly cause?: unknown;
}

/** Every failure of the client. `code` says which. */
export class TokenClientError extends Error implements FailureDetails {
  readonly code: FailureCode;
  declare readonly status?: number;
  declare readonly serverCode?: string;
  declare readonly retryAfterMs?: number;
  declare readonly challenge?: Challenge;
  declare readonly skewMs?: number;
  readonly #response: Response | undefined;

  constructor(code: FailureCode, message: string, details: FailureDetails = {}, response?: Response) {
    const { cause, ...known } = details;
    super(message, cause === undefined ? undefined : { cause });
    // The name that callers of `fetch` look for.
    this.name = code === "aborted" ? "AbortError" : new.target.name;
    this.code = code;
    this.#response = response;
    for (const [key, value] of Object.entries(known)) if (value !== undefined) Object.assign(this, { [key]: value });
  }

  /** `auth_rejected` only: the API's answer, its body unread. Apart from the fields, so that no log writes it. */
  get response(): Response | undefined {
    return this.#response;
  }

  /** All fields, and the message. */
  toJSON(): object {
    return { ...this, message: this.message };
  }
}

/** `account_changed`: the request was for another user than the one who is signed in now. */
export class AccountChangedError extends TokenClientError {
  constructor(message = "the account changed") {
    super("account_changed", message);
  }
}

/** The caller's own abort. */
export const aborted = (signal: AbortSignal): TokenClientError =>
  new TokenClientError("aborted", "aborted by the caller", { cause: signal.reason });
