import { BELIEVED } from "./backoff.js";
import { systemClock, type Clock } from "./clock.js";
import { aborted, TokenClientError } from "./errors.js";
import type { TokenClient } from "./index.js";

/** One event of a stream. */
export interface StreamEvent {
  /** `message` unless the server named another. */
  readonly type: string;
  readonly data: string;
  /** The last id the server gave, of this event or one before; empty without. */
  readonly lastEventId: string;
}

export interface EventsOptions {
  readonly signal?: AbortSignal;
  /** The type of the event with which the API says that the token has expired; `null` if it says so with none. Default `expired`. */
  readonly expired?: string | null;
  readonly clock?: Clock;
}

/** Before connecting again, in milliseconds, unless the server says `retry:`; doubled by each failure in a row. */
const PAUSE = 3_000;
const LONGEST_PAUSE = 60_000;
/** Whatever the server says: a stream that ends at once must not keep it busy. */
const SHORTEST_PAUSE = 250;
/** A stream that expires before, in milliseconds, was opened with a token that the API took for expired already. */
const SHORTEST_STREAM = 5_000;
/** More characters than this in one event is none that we keep. */
const LONGEST_EVENT = 1_048_576;
/** The API is there, and not ready. */
const LATER = [429, 502, 503, 504];

/**
 * Server-sent events (HTML §9.2) over `fetch`, because `EventSource` cannot send a header. Connects again when the stream ends, as
 * it does when the token expires, each time with a token that is valid then; an event of type `expired` is the API's word for that, and is
 * not handed on. Ends when the API answers 204, and throws for what another attempt would not help. To resume where it broke off, give a
 * function that puts the last event's id into the URL: a header of its own would need another preflight.
 */
export async function* events(client: TokenClient, url: string | URL | ((lastEventId: string) => string | URL), options: EventsOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
  const { signal, expired = "expired", clock = systemClock } = options;
  // Whose stream this is. Another user's needs another call.
  const account = client.accountSignal;
  let lastEventId = "";
  let pause = PAUSE;
  let failures = 0;
  for (;;) {
    let retryAfterMs = 0;
    try {
      account.throwIfAborted();
      const response = await client.fetch(typeof url === "function" ? url(lastEventId) : url, { headers: { Accept: "text/event-stream" }, ...(signal && { signal }) });
      if (response.status === 204) return;
      const isStream = response.ok && /^text\/event-stream\s*(;|$)/i.test(response.headers.get("Content-Type") ?? "");
      if (!isStream) {
        response.body?.cancel().catch(() => {});
        retryAfterMs = Math.min(Number(response.headers.get("Retry-After")) * 1_000 || 0, BELIEVED);
        if (!LATER.includes(response.status)) throw new TypeError(`the API answered ${response.status} and no event stream`);
        failures += 1;
      } else if (response.body) {
        const before = failures;
        const opened = clock.monotonic();
        failures = 0;
        for await (const { retry, ...event } of parse(response.body, lastEventId)) {
          lastEventId = event.lastEventId;
          if (retry !== undefined) pause = Math.max(retry, SHORTEST_PAUSE);
          else if (event.type === expired) {
            client.refused(response);
            // To some API all new tokens are expired, and it shall not have one for every pause.
            if (clock.monotonic() - opened < SHORTEST_STREAM) failures = before + 1;
            break;
          } else if (event.data !== undefined) yield event as StreamEvent;
        }
      }
    } catch (error) {
      account.throwIfAborted();
      if (signal?.aborted) throw aborted(signal);
      if (error instanceof TokenClientError ? !["network_or_cors", "exchange_failed", "rate_limited"].includes(error.code) : !(error instanceof Broken)) throw error;
      retryAfterMs = (error instanceof TokenClientError && error.retryAfterMs) || 0;
      failures += 1;
    }
    const step = Math.min(pause * 2 ** Math.max(failures - 1, 0), LONGEST_PAUSE);
    await sleep(clock, Math.max(step * (failures ? 0.5 + clock.random() / 2 : 1), retryAfterMs), [account, signal]);
    if (signal?.aborted) throw aborted(signal);
  }
}

/** The connection broke off within the stream. */
class Broken extends Error {}

interface Parsed {
  type: string;
  data?: string;
  lastEventId: string;
  retry?: number;
}

async function* parse(body: ReadableStream<Uint8Array>, lastEventId: string): AsyncGenerator<Parsed> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  let isHalfEnded = false;
  let event: { type: string; data: string[]; size: number } = { type: "message", data: [], size: 0 };
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new Broken();
      });
      // What is not finished by an empty line is dropped.
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      // A carriage return that ended the last chunk may have been half of a line end.
      buffer += isHalfEnded && text.startsWith("\n") ? text.slice(1) : text;
      if (text) isHalfEnded = text.endsWith("\r");
      if (buffer.length > LONGEST_EVENT) throw new TypeError("an event is too long");
      for (let end; (end = /\r\n|\n|\r/.exec(buffer)); ) {
        const line = buffer.slice(0, end.index);
        buffer = buffer.slice(end.index + end[0].length);
        if (line === "") {
          yield { type: event.type, ...(event.data.length && { data: event.data.join("\n") }), lastEventId };
          event = { type: "message", data: [], size: 0 };
          continue;
        }
        const [, field, text = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
        if (field === "data") {
          event.size += text.length + 1;
          if (event.size > LONGEST_EVENT) throw new TypeError("an event is too long");
          event.data.push(text);
        } else if (field === "event") event.type = text || "message";
        else if (field === "id" && !text.includes("\0")) lastEventId = text;
        else if (field === "retry" && /^\d{1,9}$/.test(text)) yield { type: "", lastEventId, retry: Number(text) };
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function sleep(clock: Clock, ms: number, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    // What is aborted already tells nobody again.
    if (signals.some((signal) => signal?.aborted)) return resolve();
    const wake = (): void => {
      cancel();
      for (const signal of signals) signal?.removeEventListener("abort", wake);
      resolve();
    };
    const cancel = clock.schedule(ms, wake);
    for (const signal of signals) signal?.addEventListener("abort", wake);
  });
}
