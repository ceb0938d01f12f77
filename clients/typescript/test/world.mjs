// A client in a world where time passes only when a test says so: its clock, its marketplace, its API.
import { createTokenClient } from "@exeat/client";

export const API = "https://api.example.com";
export const POINTS = `${API}/points`;
export const INVALID_TOKEN = { "WWW-Authenticate": 'Bearer error="invalid_token", error_description="The token expired"' };

export class FakeClock {
  /** Milliseconds since the start; the truth. */
  time = 0;
  /** What the user's clock is wrong by. */
  offset = 0;
  /** What the monotonic clock has slept. */
  slept = 0;
  chance = 0;
  #tasks = new Set();

  monotonic = () => this.time - this.slept;
  wall = () => EPOCH * 1_000 + this.time + this.offset;
  random = () => this.chance;
  schedule = (ms, run) => {
    const task = { at: this.time + ms, run };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  };
  get pending() {
    return this.#tasks.size;
  }
  /** Lets time pass, and what was scheduled happen at its time. */
  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      await settled();
      const next = [...this.#tasks].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#tasks.delete(next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
    await settled();
  }
}

/** Seconds since 1970 when the world begins. */
export const EPOCH = 1_800_000_000;

/** Until everything that can happen without time has happened. */
export async function settled() {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
let serial = 0;

/** A token as an issuer would sign it; the signature is none, and no client can tell. */
export function jwt(claims) {
  serial += 1;
  return `${base64url({ alg: "ES256", typ: "JWT" })}.${base64url({ jti: String(serial), ...claims })}.c2lnbmF0dXJl${serial}`;
}

/**
 * A client and its world. `exchange` and `answer` stand for the marketplace and the API; what they are given first is the number of the
 * request, from 1. `options` are those of the client.
 */
export function world({ exchange, answer, ttl = 300, ...options } = {}) {
  const clock = new FakeClock();
  const seconds = () => EPOCH + Math.floor(clock.time / 1_000);
  const made = { clock, exchanges: 0, requests: [], tokens: [], seconds };
  made.mint = (claims = {}) => {
    const token = jwt({ sub: "u-1", tenant: "acme", iat: seconds(), exp: seconds() + ttl, ...claims });
    made.tokens.push(token);
    return token;
  };
  made.issue = (more = {}, claims = {}) => Response.json({ token: made.mint(claims), ...more });
  made.client = createTokenClient({
    apiOrigins: [API],
    identity: () => "u-1",
    channel: null,
    clock,
    exchange: async (given) => {
      made.exchanges += 1;
      return exchange ? exchange(made.exchanges, given, made) : made.issue();
    },
    fetch: async (request) => {
      made.requests.push(request);
      return answer ? answer(made.requests.length, request, made) : new Response("{}");
    },
    ...options,
  });
  return made;
}

/** The number of the token, from 1, with which each request was sent. */
export const used = ({ requests, tokens }) => requests.map(({ headers }) => tokens.indexOf(headers.get("Authorization")?.replace("Bearer ", "")) + 1);

/** The failure of a promise, as its code. */
export const codeOf = (promise) => promise.then(() => "none", (error) => error.code ?? error.name);

export const refuse = (headers = INVALID_TOKEN) => new Response("{}", { status: 401, headers });

export const deferred = () => {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
};
