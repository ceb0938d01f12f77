// Getting, keeping and losing tokens. "J127" and the like are the numbers of the cases in the CORS specification's list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountChangedError, createTokenClient, TokenClientError } from "@exeat/client";
import { API, EPOCH, POINTS, codeOf, deferred, jwt, refuse, settled, used, world } from "./world.mjs";

const DAY = 86_400_000;

test("J127: fifty calls at once make one exchange", async () => {
  const it = world();
  const answers = await Promise.all(Array.from({ length: 50 }, () => it.client.fetch(POINTS)));
  assert.deepEqual([answers.length, it.exchanges, new Set(used(it)).size], [50, 1, 1]);
});

for (const offset of [-DAY, -3_600_000, 0, 3_600_000, DAY, 50 * 365 * DAY]) {
  test(`J128: a simulated hour, a call every second, with the user's clock wrong by ${offset / 3_600_000} h: one exchange per token life`, async (t) => {
    const it = world();
    it.clock.offset = offset;
    for (let second = 0; second < 3_600; second += 1) {
      await it.client.fetch(POINTS);
      it.clock.time += 1_000;
    }
    assert.equal(it.exchanges, Math.ceil(3_600 / 270));
    assert.equal(it.requests.length, 3_600);
    const perToken = used(it).reduce((counts, token) => ({ ...counts, [token]: (counts[token] ?? 0) + 1 }), {});
    const uses = Object.values(perToken);
    t.diagnostic(`clock off by ${offset / 3_600_000} h: ${it.requests.length} calls, ${it.exchanges} exchanges; calls per token ${uses.join(" ")}`);
    assert.deepEqual(uses, [...Array(13).fill(270), 90]);
  });
}

test("a token is used until just before the end of its time, counted from before the exchange was sent", async () => {
  const it = world({ exchange: async (_, __, made) => (made.clock.time += 4_000, made.issue({}, { iat: EPOCH, exp: EPOCH + 300 })) });
  await it.client.fetch(POINTS);
  it.clock.time = 269_999;
  await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 1);
  it.clock.time = 270_000;
  await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 2);
});

test("refresh_after decides when the marketplace gives it", async () => {
  const it = world({ exchange: async (_, __, made) => made.issue({ refresh_after: 100 }) });
  for (const time of [0, 99_999, 100_000]) {
    it.clock.time = time;
    await it.client.token();
  }
  assert.equal(it.exchanges, 2);
});

for (const refresh_after of [0, -210, 301]) {
  test(`a refresh_after of ${refresh_after} is no reason for an exchange at every call, nor for none in time`, async () => {
    const it = world({ exchange: async (_, __, made) => made.issue({ refresh_after }) });
    for (const [time, exchanges] of [[0, 1], [269_999, 1], [270_000, 2]]) {
      it.clock.time = time;
      await it.client.fetch(POINTS);
      assert.equal(it.exchanges, exchanges);
    }
  });
}

test("J129: after a sleep that the monotonic clock did not see, the next call makes an exchange", async () => {
  const it = world();
  await it.client.fetch(POINTS);
  it.clock.time += 3_600_000;
  it.clock.slept += 3_600_000;
  await it.client.fetch(POINTS);
  assert.deepEqual(used(it), [1, 2]);
});

test("a clock that is set back while a token is held makes it no younger", async () => {
  const it = world();
  await it.client.fetch(POINTS);
  it.clock.offset = -DAY;
  it.clock.time = 269_999;
  await it.client.fetch(POINTS);
  it.clock.time = 270_000;
  await it.client.fetch(POINTS);
  assert.deepEqual(used(it), [1, 1, 2]);
});

test("without a life a token is used until the API refuses it", async () => {
  const it = world({
    exchange: async (count) => ({ token: `opaque-${count}` }),
    answer: (count) => (count === 3 ? refuse() : new Response("{}")),
  });
  for (const _ of [1, 2, 3]) {
    await it.client.fetch(POINTS);
    it.clock.time += DAY;
  }
  assert.deepEqual(it.requests.map(({ headers }) => headers.get("Authorization")), ["opaque-1", "opaque-1", "opaque-1", "opaque-2"].map((token) => `Bearer ${token}`));
});

test("the marketplace's Date stands in for a missing iat, and shortens a token that is not new", async () => {
  for (const [claims, date, expected] of [
    [{ iat: undefined, exp: EPOCH + 60 }, EPOCH, 48_000],
    [{ iat: EPOCH - 290, exp: EPOCH + 10 }, EPOCH, 5_000],
  ]) {
    const it = world({ exchange: async (_, __, made) => Response.json({ token: made.mint(claims) }, { headers: { Date: new Date(date * 1_000).toUTCString() } }) });
    await it.client.token();
    it.clock.time = expected - 1;
    await it.client.token();
    assert.equal(it.exchanges, 1);
    it.clock.time = expected;
    await it.client.token();
    assert.equal(it.exchanges, 2);
  }
});

test("a second new token in a row that looks expired ends the exchanges: the API decides", async () => {
  const it = world({ exchange: async (_, __, made) => made.issue({ server_time: EPOCH + 3_600 }, { iat: EPOCH, exp: EPOCH + 300 }) });
  for (let call = 0; call < 100; call += 1) await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 2);
  assert.deepEqual(used(it), [1, ...Array(99).fill(2)]);
});

test("one new token that looks expired is not believed to be the rule", async () => {
  const it = world({ exchange: async (count, _, made) => made.issue({ server_time: count === 2 ? EPOCH : EPOCH + 3_600 }, { iat: EPOCH, exp: EPOCH + 300 }) });
  for (let call = 0; call < 10; call += 1) await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 2, "the second was good, and is kept for its time");
  it.clock.time = 270_000;
  await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 3, "and the count began anew");
  await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 4);
});

for (const [name, options, last, next] of [
  ["a minute without identity", { identity: undefined }, 59_999, 60_000],
  ["as told with identity", { cache: { maxReuseMs: 1_000 } }, 999, 1_000],
  ["as told without identity", { identity: undefined, cache: { maxReuseMs: 120_000 } }, 119_999, 120_000],
]) {
  test(`reuse is limited: ${name}`, async () => {
    const it = world(options);
    for (const time of [0, last]) {
      it.clock.time = time;
      await it.client.token();
    }
    assert.equal(it.exchanges, 1);
    it.clock.time = next;
    await it.client.token();
    assert.equal(it.exchanges, 2);
  });
}

test("a reuse of zero is an exchange for every request, also for those at once, and nothing is kept", async () => {
  const it = world({ cache: { maxReuseMs: 0 } });
  await Promise.all([1, 2, 3].map(() => it.client.fetch(POINTS)));
  await it.client.fetch(POINTS);
  assert.deepEqual(used(it).sort(), [1, 2, 3, 4]);
});

test("J133: while a refresh fails, the old token is used as long as it has five seconds to live", async () => {
  const it = world({ exchange: async (count, _, made) => (count === 1 ? made.issue() : new Response("", { status: 503 })) });
  await it.client.fetch(POINTS);
  for (const time of [270_000, 280_000, 295_000]) {
    it.clock.time = time;
    assert.equal((await it.client.fetch(POINTS)).status, 200);
  }
  it.clock.time = 295_001;
  await assert.rejects(it.client.fetch(POINTS), { code: "exchange_failed" });
  assert.deepEqual(used(it), [1, 1, 1, 1]);
});

test("the old token is not used beyond the limit on reuse, nor after a sign-out, nor after a refusal", async () => {
  for (const [options, status, code] of [
    [{ identity: undefined }, 503, "exchange_failed"],
    [{}, 401, "signed_out"],
  ]) {
    const it = world({ ...options, exchange: async (count, _, made) => (count === 1 ? made.issue() : new Response("", { status })) });
    await it.client.token();
    it.clock.time = options.identity === undefined && "identity" in options ? 60_000 : 270_000;
    for (let call = 0; call < 5; call += 1) assert.equal(await codeOf(it.client.token()), code, "also while the exchange is backed off");
  }
  const it = world({
    exchange: async (count, _, made) => (count === 1 ? made.issue() : new Response("", { status: 503 })),
    answer: () => refuse(),
  });
  assert.equal(await codeOf(it.client.fetch(POINTS)), "exchange_failed");
  assert.equal(await codeOf(it.client.token()), "exchange_failed");
});

test("nor when it was invalidated while the refresh was under way", async () => {
  const gate = deferred();
  const it = world({ exchange: async (count, _, made) => (count === 1 ? made.issue() : (await gate.promise, new Response("", { status: 503 }))) });
  await it.client.token();
  it.clock.time = 270_000;
  const call = codeOf(it.client.token());
  await settled();
  it.client.invalidate();
  gate.resolve();
  assert.equal(await call, "exchange_failed");
});

test("J134: a caller's abort frees the caller alone; the last one's ends the exchange", async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const signals = [];
  const it = world({ exchange: (_, { signal }) => (signals.push(signal), new Promise(() => {})) });
  const calls = [codeOf(it.client.fetch(POINTS, { signal: first.signal })), codeOf(it.client.token({ signal: second.signal }))];
  await settled();
  first.abort();
  assert.equal(await calls[0], "aborted");
  assert.equal(signals[0].aborted, false);
  second.abort();
  assert.equal(await calls[1], "aborted");
  assert.equal(signals[0].aborted, true);
  assert.equal(it.clock.pending, 0, "and its timer");
  void codeOf(it.client.token());
  await settled();
  assert.equal(it.exchanges, 2, "the next caller has an exchange of its own");
});

test("an exchange that says aborted or account_changed by itself has failed, and is backed off", async () => {
  for (const failure of [new AccountChangedError(), new TokenClientError("aborted", "by the page")]) {
    const it = world({ exchange: async () => { throw failure; } });
    for (let call = 0; call < 20; call += 1) assert.equal(await codeOf(it.client.token()), failure.code);
    assert.equal(it.exchanges, 3);
  }
});

test("an abort is no failure of the marketplace, and one that came before asks nobody", async () => {
  const it = world({ exchange: () => new Promise(() => {}) });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const controller = new AbortController();
    const call = codeOf(it.client.token({ signal: controller.signal }));
    await settled();
    controller.abort();
    assert.equal(await call, "aborted");
  }
  assert.equal(it.exchanges, 5, "no back-off");
  assert.equal(await codeOf(it.client.token({ signal: AbortSignal.abort() })), "aborted");
  assert.equal(it.exchanges, 5);
});

test("a caller who leaves while a token is replaced is not given the old one", async () => {
  const it = world({ exchange: (count, _, made) => (count === 1 ? made.issue() : new Promise(() => {})) });
  await it.client.token();
  it.clock.time = 270_000;
  const controller = new AbortController();
  const call = codeOf(it.client.token({ signal: controller.signal }));
  await settled();
  controller.abort();
  assert.equal(await call, "aborted");
});

test("an exchange that was under way when a token was refused was asked before: the next call makes its own", async () => {
  const gate = deferred();
  const it = world({ exchange: async (count, _, made) => (count === 2 && (await gate.promise), made.issue()) });
  const token = await it.client.token();
  it.clock.time = 270_000;
  const early = it.client.token();
  await settled();
  it.client.refused(token, POINTS);
  const next = await it.client.token();
  gate.resolve();
  assert.notEqual(await early, next);
  assert.equal(await it.client.token(), next);
});

test("an abort after the answer ends nothing", async () => {
  const it = world();
  const controller = new AbortController();
  await it.client.token({ signal: controller.signal });
  controller.abort();
  assert.equal(await codeOf(it.client.token()), "none");
  assert.equal(it.exchanges, 1);
});

test("an exchange is given up after ten seconds, even if it does not listen", async () => {
  let signal;
  const it = world({ exchange: (_, given) => ((signal = given.signal), new Promise(() => {})) });
  const call = codeOf(it.client.token());
  await it.clock.pass(9_999);
  assert.equal(signal.aborted, false);
  await it.clock.pass(1);
  assert.equal(await call, "exchange_failed");
  assert.equal(signal.aborted, true);
  for (let more = 0; more < 3; more += 1) {
    const later = codeOf(it.client.token());
    await it.clock.pass(more < 2 ? 10_000 : 0);
    assert.equal(await later, "exchange_failed");
  }
  assert.equal(it.exchanges, 3, "and counts as a failure");
});

test("J138: Retry-After is honoured to the millisecond, and nobody asks meanwhile", async () => {
  const it = world({ exchange: async (count, _, made) => (count === 1 ? new Response("", { status: 429, headers: { "Retry-After": "7" } }) : made.issue()) });
  await assert.rejects(it.client.token(), { code: "rate_limited", status: 429, retryAfterMs: 7_000 });
  it.clock.time = 6_999;
  await assert.rejects(it.client.token(), { code: "rate_limited", status: 429, retryAfterMs: 1 });
  assert.equal(it.exchanges, 1);
  it.clock.time = 7_000;
  assert.equal(await codeOf(it.client.token()), "none");
});

test("a Retry-After that is a date is read by the marketplace's clock, whatever the user's says", async () => {
  const headers = { Date: new Date(EPOCH * 1_000).toUTCString(), "Retry-After": new Date((EPOCH + 20) * 1_000).toUTCString() };
  const it = world({ exchange: async () => new Response("", { status: 503, headers }) });
  it.clock.offset = DAY;
  await assert.rejects(it.client.token(), { code: "exchange_failed", status: 503, retryAfterMs: 20_000 });
});

test("nobody is told to come back next year", async () => {
  const it = world({ exchange: async () => new Response("", { status: 429, headers: { "Retry-After": "99999999999" } }) });
  for (const _ of [1, 2]) await assert.rejects(it.client.token(), { code: "rate_limited", retryAfterMs: 300_000 });
  assert.equal(it.exchanges, 1);
});

test("J138: from the third failure on the exchange is backed off, with jitter, and a success ends it", async () => {
  let status = 500;
  const it = world({ exchange: async (_, __, made) => (status === 200 ? made.issue() : new Response("", { status })) });
  for (let call = 0; call < 100; call += 1) await codeOf(it.client.token());
  assert.equal(it.exchanges, 3, "a hundred calls in a row");
  it.clock.time = 499;
  await codeOf(it.client.token());
  assert.equal(it.exchanges, 3);
  it.clock.time = 500;
  status = 200;
  assert.equal(await codeOf(it.client.token()), "none");
  it.client.invalidate();
  status = 500;
  for (let call = 0; call < 3; call += 1) await codeOf(it.client.token());
  assert.equal(it.exchanges, 7, "counted anew");
});

test("J137: a GraphQL answer with errors is a failure although it says 200", async () => {
  for (const [body, code, serverCode] of [
    [{ data: null, errors: [{ message: "x", extensions: { code: "Unauthenticated" } }] }, "signed_out", "Unauthenticated"],
    [{ data: { a: { token: "t" } }, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] }, "signed_out", "UNAUTHENTICATED"],
    [{ errors: [{ message: "x", extensions: { code: "InternalError" } }] }, "exchange_failed", "InternalError"],
    [{ errors: [{ message: "x" }] }, "exchange_failed", undefined],
    [{ data: { userExternalServiceAuthenticationToken: null } }, "exchange_failed", undefined],
    [{ data: null }, "exchange_failed", undefined],
  ]) {
    const it = world({ exchange: async () => Response.json(body) });
    await assert.rejects(it.client.token(), (error) => error.code === code && error.serverCode === serverCode, JSON.stringify(body));
  }
});

test("J137: somebody who is signed out starts no loop", async () => {
  const it = world({ exchange: async () => Response.json({ code: "no_session" }, { status: 401 }) });
  for (let call = 0; call < 100; call += 1) assert.equal(await codeOf(it.client.fetch(POINTS)), "signed_out");
  assert.deepEqual([it.exchanges, it.requests.length], [3, 0]);
});

for (const [name, answer] of [
  ["REST", (token) => Response.json({ token, token_type: "Bearer" })],
  ["OAuth", (token) => Response.json({ access_token: token })],
  ["GraphQL", (token) => Response.json({ data: { userExternalServiceAuthenticationToken: { token } } })],
  ["bare text", (token) => new Response(`${token}\n`)],
  ["a JSON string", (token) => Response.json(token)],
  ["no response but the token", (token) => ({ token })],
]) test(`the answer of the exchange may be ${name}`, async () => {
  const token = jwt({ iat: 0, exp: 300 });
  assert.equal(await world({ exchange: async () => answer(token) }).client.token(), token);
});

test("what is no token is none, and is not repeated", async () => {
  const long = "a".repeat(8_192);
  assert.equal(await world({ exchange: async () => ({ token: long }) }).client.token(), long);
  for (const answer of [{ token: `${long}a` }, { token: "" }, { token: "a b" }, { token: "a\r\nb" }, { token: "tök" }, { token: "a=b" }, { token: 7 }, {}, null, undefined, new Response("<html>no</html>"), new Response(""), new Response("null"), Response.json([]), Response.json({ token: { a: 1 } }), new Response(`"${"a".repeat(70_000)}"`), Response.json({ token: "t", more: "a".repeat(65_536) })]) {
    await assert.rejects(world({ exchange: async () => answer }).client.token(), { code: "exchange_failed", message: "the answer has no token" });
  }
});

test("failures of the exchange have the code that says what to do", async () => {
  for (const [exchange, code] of [
    [async () => new Response("", { status: 401 }), "signed_out"],
    [async () => new Response("", { status: 403 }), "exchange_failed"],
    [async () => new Response("", { status: 429 }), "rate_limited"],
    [async () => new Response("<html>", { status: 502 }), "exchange_failed"],
    [async () => { throw new TypeError("Failed to fetch"); }, "network_or_cors"],
    [async () => { throw new Error("no"); }, "exchange_failed"],
    [() => { throw new Error("at once"); }, "exchange_failed"],
    [async () => { throw new TokenClientError("signed_out", "a guest"); }, "signed_out"],
  ]) assert.equal(await codeOf(world({ exchange }).client.token()), code);
});

test("of what an exchange throws the name is told, and nothing else", async () => {
  for (const [thrown, message] of [
    [new RangeError("secret"), "the exchange failed: RangeError"],
    [Object.assign(new Error("secret"), { name: "HTTPError" }), "the exchange failed: HTTPError"],
    [Object.assign(new Error("secret"), { name: "a secret" }), "the exchange failed"],
    ["secret", "the exchange failed"],
    [null, "the exchange failed"],
    [undefined, "the exchange failed"],
  ]) {
    await assert.rejects(world({ exchange: async () => { throw thrown; } }).client.token(), (error) => {
      assert.deepEqual([error.message, error.cause, error.code], [message, undefined, "exchange_failed"]);
      return true;
    });
  }
  const told = new TokenClientError("exchange_failed", "as the page says it", { cause: "its own" });
  await assert.rejects(world({ exchange: async () => { throw told; } }).client.token(), (error) => error === told);
});

test("invalidate makes the next call exchange, and a token that was asked for before is not kept", async () => {
  const gate = deferred();
  const it = world({ exchange: async (count, _, made) => (count === 1 ? (await gate.promise, made.issue()) : made.issue()) });
  const early = it.client.token();
  await settled();
  it.client.invalidate();
  const later = await it.client.token();
  gate.resolve();
  assert.notEqual(await early, later);
  assert.equal(await it.client.token(), later);
  assert.equal(it.exchanges, 2);
});

test("prewarm gets the token that the first call uses, and swallows a failure that the first call then tells", async () => {
  const good = world();
  await good.client.prewarm();
  await good.client.fetch(POINTS);
  assert.deepEqual([good.exchanges, used(good)], [1, [1]]);
  const bad = world({ exchange: async () => new Response("", { status: 401 }) });
  assert.equal(await bad.client.prewarm(), undefined);
  assert.equal(await codeOf(bad.client.fetch(POINTS)), "signed_out");
});

test("every problem of the options is told at once", () => {
  assert.throws(() => createTokenClient({ apiOrigins: ["https://a.example/", "http://b.example", "null", "https://C.example"], cache: { maxReuseMs: -1 }, header: "a b" }), (error) => {
    assert.ok(error instanceof TypeError);
    for (const part of ["exchange", "https://a.example is meant by https://a.example/", "http://b.example is not https", "null is no origin", "https://c.example is meant", "maxReuseMs", "header"]) assert.ok(error.message.includes(part), `${part} in ${error.message}`);
    return true;
  });
  const with_ = (options) => () => createTokenClient({ exchange: async () => ({ token: "t" }), apiOrigins: [API], channel: null, ...options });
  for (const apiOrigins of [[], undefined, ["*"], ["https://*.example.com"], ["https://user@a.example"], ["https://a.example:443"], ["http://localhost.evil.example"], ["http://127.0.0.2"], ["ftp://localhost"], ["file:///"], ["https://a.example?"], [7]]) assert.throws(with_({ apiOrigins }), TypeError, String(apiOrigins));
  for (const apiOrigins of [["https://a.example"], ["https://a.example:8443"], ["http://localhost:5173"], ["http://api.localhost"], ["http://127.0.0.1:8090"], ["http://[::1]"]]) assert.doesNotThrow(with_({ apiOrigins }), String(apiOrigins));
  assert.throws(with_({ cache: { maxReuseMs: NaN } }), TypeError);
});
