// Built from clients/typescript by `npm run build`. Change it there.

// src/announcements.ts
function announcements(source, name) {
  let channel = name !== null && "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : void 0;
  if (channel) {
    channel.onmessage = ({ data }) => source.changeAccount(data === "signed-out");
    channel.unref?.();
  }
  const onShow = ((event) => event.persisted && source.changeAccount());
  const isPage = "onpageshow" in globalThis;
  if (isPage) addEventListener("pageshow", onShow);
  return {
    change(what) {
      if (what === "signed-out") source.changeAccount(true);
      else source.identityChanged();
      channel?.postMessage(what);
    },
    close() {
      source.close();
      channel?.close();
      channel = void 0;
      if (isPage) removeEventListener("pageshow", onShow);
    }
  };
}

// src/clock.ts
var systemClock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  }
};
var now = (clock) => ({ monotonic: clock.monotonic(), wall: clock.wall() });
var elapsed = (clock, then) => Math.max(clock.monotonic() - then.monotonic, clock.wall() - then.wall);

// src/challenge.ts
var MOST_CHARACTERS = 8192;
var TOKEN = String.raw`[!#$%&'*+\-.^_\`|~0-9A-Za-z]+`;
var SEPARATOR = /[ \t]*(?:,[ \t]*)*/y;
var SCHEME = new RegExp(`(${TOKEN})(?: +|(?=[ \\t]*(?:,|$)))`, "y");
var TOKEN68 = /([-.~+/\w]+=*)[ \t]*(?=,|$)/y;
var PARAMETER = new RegExp(`(${TOKEN})[ \\t]*=[ \\t]*(?:(${TOKEN})|"((?:[^"\\\\\\x00-\\x08\\x0a-\\x1f\\x7f]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*)")[ \\t]*(?=,|$)`, "y");
var END_OR_PARAMETER = new RegExp(`[ \\t]*(?:,|$)|${PARAMETER.source}`, "y");
function parseChallenges(header) {
  if (header.length > MOST_CHARACTERS) return [];
  const challenges = [];
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(header);
    if (found) at = pattern.lastIndex;
    return found;
  };
  let open;
  while (take(SEPARATOR), at < header.length) {
    const parameter = open ? take(PARAMETER) : null;
    if (open && parameter) {
      const name = parameter[1].toLowerCase();
      if (Object.hasOwn(open.parameters, name)) return [];
      open.parameters[name] = parameter[2] ?? parameter[3].replace(/\\(.)/g, "$1");
      continue;
    }
    const scheme = take(SCHEME);
    if (!scheme) return [];
    open = { scheme: scheme[1].toLowerCase(), parameters: /* @__PURE__ */ Object.create(null) };
    const token68 = header[at - 1] === " " && !matches(PARAMETER, header, at) ? take(TOKEN68) : null;
    challenges.push(token68 ? { ...open, token68: token68[1] } : open);
    if (token68) open = void 0;
    else if (!matches(END_OR_PARAMETER, header, at)) return [];
  }
  return challenges;
}
var invalidToken = (header) => parseChallenges(header ?? "").find(({ scheme, parameters }) => scheme === "bearer" && parameters["error"] === "invalid_token");
function matches(pattern, text2, at) {
  pattern.lastIndex = at;
  return pattern.test(text2);
}

// src/errors.ts
var TokenClientError = class extends Error {
  code;
  #response;
  constructor(code, message, details = {}, response) {
    const { cause, ...known } = details;
    super(message, cause === void 0 ? void 0 : { cause });
    this.name = code === "aborted" ? "AbortError" : new.target.name;
    this.code = code;
    this.#response = response;
    for (const [key, value] of Object.entries(known)) if (value !== void 0) Object.assign(this, { [key]: value });
  }
  /** `auth_rejected` only: the API's answer, its body unread. Apart from the fields, so that no log writes it. */
  get response() {
    return this.#response;
  }
  /** All fields, and the message. */
  toJSON() {
    return { ...this, message: this.message };
  }
};
var AccountChangedError = class extends TokenClientError {
  constructor(message = "the account changed") {
    super("account_changed", message);
  }
};
var aborted = (signal) => new TokenClientError("aborted", "aborted by the caller", { cause: signal.reason });

// src/fetch.ts
var SAFE = ["GET", "HEAD", "OPTIONS"];
var sentWith = /* @__PURE__ */ new WeakMap();
async function authorizedFetch(source, carrier, input, init = {}, maxReuseMs) {
  const isStream = init.body != null && typeof init.body === "object" && (init.body instanceof ReadableStream || Symbol.asyncIterator in init.body);
  const caller = init.signal ?? (input instanceof Request ? input.signal : void 0);
  const account = source.account();
  const request = new Request(input, {
    ...init,
    signal: AbortSignal.any([account.left.signal, ...caller ? [caller] : []]),
    mode: "cors",
    credentials: carrier.credentials,
    redirect: "error",
    cache: carrier.cache,
    referrerPolicy: "no-referrer",
    // Node refuses a stream without it.
    ...isStream && { duplex: "half" }
  });
  const url = new URL(request.url);
  const { origin } = url;
  carrier.admit(url);
  const send = async (attempt, held2) => {
    const token2 = held2.expose();
    attempt.headers.set(carrier.header, carrier.header.toLowerCase() === "authorization" ? `Bearer ${token2}` : token2);
    let response2;
    try {
      response2 = await carrier.fetch(attempt);
    } catch (error) {
      if (account.left.signal.aborted) throw account.left.signal.reason;
      if (caller?.aborted) throw aborted(caller);
      throw new TokenClientError("network_or_cors", `${origin} gave no answer: ${String(error).replaceAll(token2, "[token]")}`);
    }
    if (source.account() === account) return response2;
    response2.body?.cancel().catch(() => {
    });
    throw new AccountChangedError();
  };
  let held = await token();
  let response = await send(isStream ? request : request.clone(), held);
  let challenge = refusal(response);
  if (challenge && source.refused(held, origin) && !isStream && mayRepeat(request.method, response)) {
    response.body?.cancel().catch(() => {
    });
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
  async function token() {
    const found = await source.token(caller ?? void 0, maxReuseMs, origin);
    if (source.account() === account) return found;
    throw new AccountChangedError();
  }
}
var refusal = (response) => response.status === 401 ? invalidToken(response.headers.get("WWW-Authenticate")) : void 0;
var mayRepeat = (method, response) => SAFE.includes(method) || response.headers.get("Exeat-Handler") === "not-run";

// src/origins.ts
var LOOPBACK = /^(?:(?:[^.]+\.)*localhost|127\.0\.0\.1|\[::1\])$/;
function unsafeBecause({ protocol, hostname }) {
  if (protocol === "https:" || protocol === "http:" && LOOPBACK.test(hostname)) return void 0;
  return `${protocol}//${hostname} is not https`;
}
function originProblem(entry) {
  let url;
  try {
    url = new URL(entry);
  } catch {
    return `apiOrigins: ${String(entry)} is no origin`;
  }
  const unsafe = unsafeBecause(url);
  if (unsafe) return `apiOrigins: ${unsafe}`;
  if (url.hostname.includes("*")) return `apiOrigins: ${url.origin} is a pattern; list the origins`;
  return url.origin === entry ? void 0 : `apiOrigins: ${url.origin} is meant by ${String(entry)}`;
}

// src/backoff.ts
var FREE = 2;
var FIRST = 1e3;
var LONGEST = 6e4;
var BELIEVED = 3e5;
var Backoff = class {
  #clock;
  #failures = 0;
  #until = -Infinity;
  constructor(clock) {
    this.#clock = clock;
  }
  /** Milliseconds until the next attempt may be made; 0 or less: now. */
  get wait() {
    return this.#until - this.#clock.monotonic();
  }
  failed(retryAfterMs = 0) {
    this.#failures += 1;
    const step = this.#failures > FREE ? Math.min(FIRST * 2 ** (this.#failures - FREE - 1), LONGEST) : 0;
    const jittered = step * (0.5 + this.#clock.random() / 2);
    this.#until = this.#clock.monotonic() + Math.max(jittered, Math.min(retryAfterMs, BELIEVED));
  }
  succeeded() {
    this.#failures = 0;
    this.#until = -Infinity;
  }
};

// src/exchange.ts
var LONGEST_TOKEN = 8192;
var LONGEST_ANSWER = 65536;
var B64TOKEN = /^[-.~+/\w]+=*$/;
async function readAnswer(answer) {
  const read = isResponse(answer) ? await fromResponse(answer) : answer;
  if (typeof read?.token !== "string" || read.token.length > LONGEST_TOKEN || !B64TOKEN.test(read.token)) throw failure("the answer has no token");
  return read;
}
var isResponse = (answer) => typeof answer?.text === "function";
function exchangeFailure(error) {
  if (error instanceof TokenClientError) return error;
  const name = text(error?.name);
  return failure(`the exchange failed${name ? `: ${name}` : ""}`, {}, error instanceof TypeError ? "network_or_cors" : "exchange_failed");
}
async function fromResponse(response) {
  const date = Date.parse(response.headers.get("Date") ?? "") / 1e3;
  const body = parse(await response.text());
  const refusal2 = body.errors?.[0];
  if (!response.ok || refusal2) {
    const serverCode = text(refusal2?.extensions?.code) ?? text(body.code);
    const retryAfterMs = retryAfter(response.headers.get("Retry-After"), date);
    const signedOut = response.status === 401 || /^unauthenticated$/i.test(serverCode ?? "");
    throw failure(
      `the exchange answered ${response.status}${serverCode ? ` ${serverCode}` : ""}`,
      { status: response.status, serverCode, retryAfterMs },
      signedOut ? "signed_out" : response.status === 429 ? "rate_limited" : "exchange_failed"
    );
  }
  const token = body.token ?? body.access_token ?? Object.values(body.data ?? {})[0]?.token;
  return { server_time: date, ...body, token };
}
function parse(answer) {
  if (answer.length > LONGEST_ANSWER) return {};
  try {
    const body = JSON.parse(answer);
    return typeof body === "object" && body ? body : { token: body };
  } catch {
    return { token: answer.trim() };
  }
}
function retryAfter(header, date) {
  const seconds = /^\d+$/.test(header ?? "") ? Number(header) : Date.parse(header ?? "") / 1e3 - date;
  return seconds >= 0 ? Math.min(seconds * 1e3, BELIEVED) : void 0;
}
var text = (value) => typeof value === "string" && /^[\w.-]{1,64}$/.test(value) ? value : void 0;
var failure = (message, details, code = "exchange_failed") => new TokenClientError(code, message, details);

// src/lifetime.ts
var LEEWAY = 0.2;
var LEAST_LEEWAY = 5e3;
var MOST_LEEWAY = 3e4;
function lifetime({ refresh_after, expires_in, server_time }, { iat, exp }) {
  const known = [expires_in, minus(exp, iat), minus(exp, server_time)].filter(isNumber);
  const life = known.length ? Math.min(...known) * 1e3 : Infinity;
  const leeway = Math.min(Math.max(life * LEEWAY, LEAST_LEEWAY), MOST_LEEWAY);
  const isUsable = isNumber(refresh_after) && refresh_after > 0 && refresh_after * 1e3 <= life;
  return { life, reuse: isUsable ? refresh_after * 1e3 : life - leeway };
}
function unverifiedClaims(token) {
  try {
    const [, payload = ""] = token.split(".");
    const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (byte) => byte.charCodeAt(0))));
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}
var isNumber = (value) => Number.isFinite(value);
var minus = (a, b) => isNumber(a) && isNumber(b) ? a - b : void 0;

// src/tokenSource.ts
var PATIENCE = 1e4;
var LAST_USE = 5e3;
var ANONYMOUS_REUSE = 6e4;
var ODD_ARRIVALS = 2;
var HeldToken = class {
  #token;
  constructor(token, sent, lifetime2, claims, skewMs) {
    this.#token = token;
    this.sent = sent;
    this.lifetime = lifetime2;
    this.claims = claims;
    this.skewMs = skewMs;
  }
  /** The one door. */
  expose() {
    return this.#token;
  }
};
var OWNER = ["sub", "tenant"];
var UNTOLD = {};
var TokenSource = class {
  #options;
  #maxReuseMs;
  #account = { identity: UNTOLD, left: new AbortController(), isSignedOut: false, owner: void 0 };
  #isClosed = false;
  #held;
  #flight;
  #exchanges;
  /** By API and how it tells, as long as it refuses: one that takes no token must not keep the others from getting a new one. */
  #refusals = /* @__PURE__ */ new Map();
  #lastFailure;
  #oddArrivals = 0;
  constructor(options) {
    this.#options = options;
    this.#maxReuseMs = options.maxReuseMs ?? (options.identity ? Infinity : ANONYMOUS_REUSE);
    this.#exchanges = new Backoff(options.clock);
  }
  /** The account of now. Its signal aborts when the page shows another. */
  account() {
    const identity = this.#options.identity?.();
    const { identity: before, isSignedOut } = this.#account;
    if (before !== identity) this.changeAccount(isSignedOut && before === UNTOLD, identity);
    return this.#account;
  }
  /** The page itself says that its user is another one, who may have the same identity. */
  identityChanged() {
    this.#account.owner = void 0;
    this.changeAccount();
  }
  /**
   * Forgets every token, and ends what is under way. After a sign-out no exchange is made until the account changes. Whose the tokens were is
   * remembered as long as the page names the same identity: what other tabs say changes nothing of what this one shows.
   */
  changeAccount(isSignedOut = false, identity = this.#shown()) {
    const { left, identity: before, owner } = this.#account;
    this.#account = { identity, left: new AbortController(), isSignedOut: isSignedOut || this.#isClosed, owner: before === identity ? owner : void 0 };
    this.#held = this.#flight = this.#lastFailure = void 0;
    this.#oddArrivals = 0;
    this.#exchanges = new Backoff(this.#options.clock);
    this.#refusals.clear();
    left.abort(new AccountChangedError());
  }
  /** Nobody is signed in here from now on, whoever the page shows. */
  close() {
    this.#isClosed = true;
    this.changeAccount();
  }
  /** The token of the account, by an exchange if there is none that may be used. `origin` is the API that it is for, if that is known. */
  async token(signal, maxReuseMs = this.#maxReuseMs, origin) {
    if (signal?.aborted) throw aborted(signal);
    const account = this.account();
    if (account.isSignedOut || this.#options.identity && account.identity == null) throw new TokenClientError("signed_out", "nobody is signed in");
    if (this.#otherClaim(account, this.#held?.claims)) this.#held = void 0;
    const held = this.#held;
    if (held && !held.refusedBy && this.#age(held) < Math.min(held.lifetime.reuse, maxReuseMs)) return held;
    try {
      return await this.#next(account, signal, maxReuseMs);
    } catch (error) {
      if (signal?.aborted) throw error;
      if (this.account() !== account) throw new AccountChangedError();
      if (/^(signed|account)_/.test(error.code) && this.#held === held) this.#held = void 0;
      if (this.#mayServe(account, held, maxReuseMs, origin)) return held;
      throw error;
    }
  }
  /** By an exchange: one that is under way, or a new one, unless the marketplace shall not be asked yet. */
  async #next(account, signal, maxReuseMs) {
    let flight = maxReuseMs > 0 ? this.#flight : void 0;
    if (!flight) {
      const waitMs = this.#exchanges.wait;
      if (waitMs > 0 && this.#lastFailure) {
        const { code, message, status, serverCode } = this.#lastFailure;
        throw code === "account_changed" ? this.#lastFailure : new TokenClientError(code, message, { status, serverCode, retryAfterMs: waitMs });
      }
      flight = this.#start(account, maxReuseMs > 0);
    }
    return join(flight, signal, () => {
      if (this.#flight === flight) this.#flight = void 0;
    });
  }
  /**
   * This token is not valid, said the API of this origin, or somebody supposes it who names none. Whether another one may be had. Refusals in a
   * row are counted by `series`.
   */
  refused(token, origin, series = origin) {
    const held = this.#held;
    if (!held || held !== token && held.expose() !== token) return true;
    if (!held.refusedBy) {
      const refusals = this.#refusals.get(series) ?? new Backoff(this.#options.clock);
      if (refusals.wait > 0) return false;
      refusals.failed();
      this.#refusals.set(series, refusals);
      held.refusedBy = /* @__PURE__ */ new Set();
      this.#flight = void 0;
    }
    if (origin) held.refusedBy.add(origin);
    return true;
  }
  /** The API of this origin took this token. */
  accepted(token, origin) {
    if (this.#held === token && !token.refusedBy?.has(origin)) this.#refusals.delete(origin);
  }
  /** The next call makes an exchange. One that is under way was asked before, so its token is given to those who wait and not kept. */
  invalidate() {
    this.#held = this.#flight = void 0;
  }
  /** Whom the page shows, or showed before if `identity` throws: forgetting does not wait for it, and the next call rejects with what it threw. */
  #shown() {
    try {
      return this.#options.identity?.();
    } catch {
      return this.#account.identity;
    }
  }
  #age(held) {
    return elapsed(this.#options.clock, held.sent);
  }
  /** May a token that should have been replaced be used, since it cannot be? */
  #mayServe(account, held, maxReuseMs, origin) {
    if (!held || held !== this.#held || this.#otherClaim(account, held.claims)) return false;
    if (origin ? held.refusedBy?.has(origin) : held.refusedBy?.size) return false;
    const age = this.#age(held);
    return held.lifetime.life - age >= LAST_USE && age < maxReuseMs;
  }
  /** The claim, if there is one, by which a token is not for this account. */
  #otherClaim(account, claims) {
    return OWNER.find((claim) => {
      let wanted = this.#options.expect?.[claim];
      if (wanted === void 0) wanted = account.owner?.[claim];
      return wanted !== void 0 && wanted !== claims?.[claim];
    });
  }
  #start(account, isKept) {
    const controller = new AbortController();
    const token = this.#exchange(account, controller, () => this.#flight === flight).finally(() => {
      if (this.#flight === flight) this.#flight = void 0;
    });
    const flight = { token, controller, waiters: 0 };
    if (isKept) this.#flight = flight;
    return flight;
  }
  async #exchange(account, controller, isWanted) {
    const { clock, exchange, identity } = this.#options;
    const { signal } = controller;
    const leave = () => controller.abort(account.left.signal.reason);
    account.left.signal.addEventListener("abort", leave);
    const stopWaiting = clock.schedule(PATIENCE, () => controller.abort(new TokenClientError("exchange_failed", `no token within ${PATIENCE} ms`)));
    const sent = now(clock);
    const backoff = this.#exchanges;
    const failed = (failure2) => {
      backoff.failed(failure2.retryAfterMs);
      return this.#lastFailure = failure2;
    };
    let answer;
    try {
      answer = await unlessAborted(signal, async () => readAnswer(await exchange({ signal })));
    } catch (error) {
      const failure2 = signal.aborted ? signal.reason : exchangeFailure(error);
      throw signal.aborted && failure2.code !== "exchange_failed" ? failure2 : failed(failure2);
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
    const skewMs = Number.isFinite(answer.server_time) ? Math.round(clock.wall() - answer.server_time * 1e3) : void 0;
    const held = new HeldToken(answer.token, sent, this.#plausible(lifetime(answer, claims), sent), claims, skewMs);
    if (isWanted()) this.#held = held;
    return held;
  }
  /** A second new token in a row that looks expired means that somebody's idea of time is wrong: then the API decides. */
  #plausible(found, sent) {
    const isOdd = elapsed(this.#options.clock, sent) >= found.life;
    this.#oddArrivals = isOdd ? this.#oddArrivals + 1 : 0;
    return this.#oddArrivals >= ODD_ARRIVALS ? { life: Infinity, reuse: Infinity } : found;
  }
};
var plain = (claim) => typeof claim === "object" ? void 0 : claim;
function join(flight, signal, onEnd) {
  flight.waiters += 1;
  return new Promise((resolve, reject2) => {
    const leave = () => {
      flight.waiters -= 1;
      if (flight.waiters === 0) {
        onEnd();
        flight.controller.abort(aborted(signal));
      }
      reject2(aborted(signal));
    };
    signal?.addEventListener("abort", leave, { once: true });
    void flight.token.then(resolve, reject2).finally(() => signal?.removeEventListener("abort", leave));
  });
}
var unlessAborted = (signal, run) => Promise.race([new Promise((_, reject2) => signal.addEventListener("abort", () => reject2(signal.reason))), run()]);

// src/index.ts
function createTokenClient(options) {
  const { exchange, identity, expect, cache, clock = systemClock } = options;
  const apiOrigins = Object.freeze([...options.apiOrigins ?? []]);
  const header = options.header ?? "Authorization";
  reject([
    typeof exchange === "function" ? void 0 : "exchange: no function",
    apiOrigins.length ? void 0 : "apiOrigins: none",
    ...apiOrigins.map(originProblem),
    (cache?.maxReuseMs ?? 0) >= 0 ? void 0 : "cache.maxReuseMs: negative or no number",
    /^[\w-]+$/.test(header) ? void 0 : "header: no header's name"
  ]);
  const source = new TokenSource({ exchange, identity, expect, maxReuseMs: cache?.maxReuseMs, clock });
  const admit = (url) => {
    const parsed = new URL(url);
    if (!apiOrigins.includes(parsed.origin)) throw new TypeError(`${parsed.origin} is not among apiOrigins`);
    return parsed;
  };
  const carrier = {
    admit,
    header,
    credentials: options.credentials ?? "omit",
    cache: options.httpCache ?? "no-store",
    fetch: options.fetch ?? ((request) => globalThis.fetch(request))
  };
  const accounts = announcements(source, options.channel === void 0 ? "exeat" : options.channel);
  const client = {
    fetch: (input, init) => authorizedFetch(source, carrier, input, init),
    token: async ({ signal, url } = {}) => (await source.token(signal, void 0, url && admit(url).origin)).expose(),
    prewarm: () => source.token().then(
      () => {
      },
      () => {
      }
    ),
    invalidate: () => source.invalidate(),
    refused(what, url, isGuess) {
      const [token, origin] = sentWith.get(what) ?? [what, admit(url).origin];
      source.refused(token, isGuess ? void 0 : origin, `${origin} later`);
    },
    identityChanged: () => accounts.change("identity-changed"),
    signOut: () => accounts.change("signed-out"),
    close: accounts.close,
    get accountSignal() {
      return source.account().left.signal;
    },
    admit,
    apiOrigins
  };
  for (const [name, part] of Object.entries(options.with ?? {})) {
    Object.defineProperty(client, name, { value: part.bind(null, client), enumerable: true });
  }
  return Object.freeze(client);
}
function reject(problems) {
  const found = problems.filter((problem) => problem !== void 0);
  if (found.length) throw new TypeError(found.join("; "));
}
export {
  AccountChangedError,
  TokenClientError,
  createTokenClient
};
