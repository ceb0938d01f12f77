// ws, events and diagnose.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountChangedError, createTokenClient } from "@exeat/client";
import { diagnose } from "@exeat/client/diagnose";
import { events } from "@exeat/client/events";
import { ws } from "@exeat/client/ws";
import { API, POINTS, codeOf, deferred, jwt, refuse, settled, used, world } from "./world.mjs";

class FakeSocket extends EventTarget {
  static made = [];
  constructor(url, protocols) {
    super();
    if (url.includes("refused")) throw new SyntaxError(`The subprotocol '${protocols[0]}' is invalid.`);
    Object.assign(this, { url, protocols, closed: [] });
    FakeSocket.made.push(this);
  }
  close(...how) {
    this.closed.push(how);
  }
}
const LIVE = "wss://api.example.com/live";
const socket = { WebSocket: FakeSocket };

test("ws: the token goes among the subprotocols as the gate reads it, after those the API may choose none", async () => {
  const it = world();
  const made = await ws(it.client, `${LIVE}?a=b`, ["points.v2", "points.v1"], socket);
  assert.equal(made.url, `${LIVE}?a=b`, "nothing in the URL");
  const [token, ...rest] = made.protocols;
  assert.deepEqual(rest, ["points.v2", "points.v1"]);
  const prefix = "base64url.bearer.authorization.api.example.com.";
  assert.ok(token.startsWith(prefix));
  assert.equal(Buffer.from(token.slice(prefix.length), "base64url").toString(), it.tokens[0]);
  assert.match(token, /^[\w.-]+$/, "no padding, no other alphabet");
  const named = await ws(it.client, new URL(LIVE), "points.v1", { ...socket, namespace: "market" });
  assert.ok(named.protocols[0].startsWith("base64url.bearer.authorization.market."));
});

test("ws: tokens of every length are encoded without padding", async () => {
  for (const token of ["a", "ab", "abc", "?>".replace(/./g, "~"), "a+/=="]) {
    const { client } = world({ exchange: async () => ({ token }) });
    const [entry] = (await ws(client, LIVE, "v1", { ...socket, namespace: "n" })).protocols;
    assert.equal(Buffer.from(entry.split(".n.")[1], "base64url").toString(), token);
    assert.doesNotMatch(entry, /[+/=]/);
  }
});

test("ws: what the handshake could not carry is refused before there is a token", async () => {
  const it = world();
  for (const [url, protocols, options] of [
    [LIVE, []], [LIVE, ""], [LIVE, ["a", "a"]], [LIVE, ["a b"]], [LIVE, ["a,b"]], [LIVE, ["base64url.bearer.authorization.x.abc"]],
    [LIVE, "v1", { namespace: "a/b" }], [LIVE, "v1", { namespace: "" }],
    ["wss://evil.example/", "v1"], ["ws://api.example.com/", "v1"], ["https://api.example.com/", "v1"], ["/live", "v1"],
  ]) await assert.rejects(ws(it.client, url, protocols, { ...socket, ...options }), TypeError, JSON.stringify([url, protocols, options]));
  assert.equal(it.exchanges, 0);
  await assert.doesNotReject(ws(it.client, LIVE, "api.example.com", socket), "a subprotocol may be named as the namespace");
});

test("ws: a socket that cannot be made says so without the token", async () => {
  const it = world();
  await assert.rejects(ws(it.client, "wss://api.example.com/refused", "v1", socket), (error) => !String(error.stack).includes(Buffer.from(it.tokens[0]).toString("base64url").slice(0, 12)) && error instanceof TypeError);
});

test("ws: it closes when the account changes, and is not made if that happened before", async () => {
  const gate = deferred();
  const it = world({ exchange: async (count, _, made) => (count === 2 && (await gate.promise), made.issue()) });
  const made = await ws(it.client, LIVE, "v1", socket);
  it.client.identityChanged();
  assert.deepEqual(made.closed, [[1000, "the account changed"]]);
  const before = FakeSocket.made.length;
  const late = ws(it.client, LIVE, "v1", socket);
  await settled();
  it.client.identityChanged();
  gate.resolve();
  await assert.rejects(late, AccountChangedError);
  assert.equal(FakeSocket.made.length, before);
  const left = { admit: () => {}, accountSignal: AbortSignal.abort(new AccountChangedError()), token: async () => "t" };
  await assert.rejects(ws(left, LIVE, "v1", socket), AccountChangedError, "between the token and the socket");
  assert.equal(FakeSocket.made.length, before);
  const closed = await ws(it.client, LIVE, "v1", socket);
  closed.dispatchEvent(new Event("close"));
  it.client.identityChanged();
  assert.deepEqual(closed.closed, []);
});

/** Opens the next socket; `happens` to it in turn: "open", or the code with which it is closed. Resolves to the number of its token, from 1. */
async function live(it, ...happens) {
  const made = await ws(it.client, LIVE, "v1", { ...socket, namespace: "n" });
  for (const what of happens) made.dispatchEvent(what === "open" ? new Event("open") : Object.assign(new Event("close"), { code: what }));
  return it.tokens.indexOf(Buffer.from(made.protocols[0].split(".n.")[1], "base64url").toString()) + 1;
}

for (const [name, happens, next] of [
  ["was closed with 4401", ["open", 4401], 2],
  ["was closed before it was open", [1006], 2],
  ["was closed by the API for another reason", ["open", 1011], 1],
  ["broke off", ["open", 1006], 1],
  ["was closed as it should be", ["open", 1000], 1],
  ["is open", ["open"], 1],
]) {
  test(`ws: after a socket that ${name} the next one has ${next === 1 ? "the same token" : "another token"}`, async () => {
    const it = world();
    assert.deepEqual([await live(it, ...happens), await live(it)], [1, next]);
    assert.equal(it.exchanges, next);
  });
}

test("ws: sockets that are closed together cost one exchange, and one that is closed late none", async () => {
  const it = world();
  const sockets = await Promise.all([1, 2, 3].map(() => ws(it.client, LIVE, "v1", socket)));
  const expire = (made) => made.dispatchEvent(Object.assign(new Event("close"), { code: 4401 }));
  for (const made of sockets.slice(1)) expire(made);
  assert.equal(await live(it), 2);
  expire(sockets[0]);
  assert.equal(await live(it), 2);
});

test("ws: an API that closes every socket gets no exchange for each, also if it opens them first", async () => {
  for (const happens of [[1006], ["open", 4401]]) {
    const it = world();
    for (let call = 0; call < 20; call += 1) await live(it, ...happens);
    assert.equal(it.exchanges, 4, "the first, and one for each of three refusals");
    it.clock.time = 500;
    for (const _ of [1, 2]) await live(it, ...happens);
    assert.equal(it.exchanges, 5, "one more when the wait is over");
  }
});

test("what fetch takes has no late refusal forgotten: sockets that never open, and answers that are refused later, are backed off all the same", async () => {
  for (const refuseLate of [async (it) => (await live(it, 1006), await it.client.fetch(POINTS)), async (it) => it.client.refused(await it.client.fetch(POINTS))]) {
    const it = world();
    for (let round = 0; round < 50; round += 1) await refuseLate(it);
    await it.client.fetch(POINTS);
    assert.equal(it.exchanges, 4, "the first, and one for each of three refusals");
  }
});

test("nor do late refusals keep fetch from its retry", async () => {
  const it = world({ answer: (count) => (count === 1 ? refuse() : new Response("{}")) });
  for (let call = 0; call < 4; call += 1) await live(it, 1006);
  assert.equal(await codeOf(it.client.fetch(POINTS)), "none");
  assert.deepEqual([used(it), it.exchanges], [[4, 5], 5]);
});

/** A marketplace that gives one token, and then asks to wait. */
const once = async (count, _, made) => (count === 1 ? made.issue() : new Response("", { status: 429, headers: { "Retry-After": "300" } }));

test("ws: a handshake that failed takes no token away that the API may take, while no other can be had", async () => {
  const it = world({ exchange: once });
  await live(it, 1006);
  for (const _ of [1, 2]) assert.equal(await codeOf(it.client.fetch(POINTS)), "none");
  assert.equal(await it.client.token(), it.tokens[0]);
  assert.equal(await live(it), 1);
  assert.deepEqual([used(it), it.exchanges], [[1, 1], 2]);
});

test("ws: a token that another API refused is used for a socket while no other can be had", async () => {
  const OTHER = "https://other.example.com";
  const it = world({ apiOrigins: [API, OTHER], exchange: once });
  it.client.refused(await it.client.token(), OTHER);
  assert.deepEqual([await live(it), it.exchanges], [1, 2]);
});

for (const [name, refuseLate] of [
  ["a socket that was closed with 4401", (it) => live(it, "open", 4401)],
  ["a stream that expired", async (it) => it.client.refused(await it.client.fetch(POINTS))],
  ["a refusal by other means", async (it) => it.client.refused(await it.client.token(), POINTS)],
]) {
  test(`after ${name} the API is not sent that token again, even while no other can be had`, async () => {
    const it = world({ exchange: once });
    await refuseLate(it);
    const before = it.requests.length;
    for (const _ of [1, 2]) for (const call of [() => it.client.fetch(POINTS), () => live(it), () => it.client.token()]) assert.equal(await codeOf(call()), "rate_limited");
    assert.deepEqual([it.requests.length, it.exchanges], [before, 2]);
  });
}

test("ws: a change of account that nobody told of is noticed while a refresh fails, and between the token and the socket", async () => {
  let told = [];
  let user = "u-1";
  const gate = deferred();
  const it = world({ identity: () => told.shift() ?? user, exchange: async (count, _, made) => (count === 1 ? made.issue() : (await gate.promise, new Response("", { status: 503 }))) });
  await it.client.token();
  const before = FakeSocket.made.length;
  told = ["u-1", "u-1"];
  user = "u-2";
  await assert.rejects(ws(it.client, LIVE, "v1", socket), AccountChangedError);
  assert.equal(FakeSocket.made.length, before);

  const slow = world({ identity: () => user, exchange: async (count, _, made) => (count === 1 ? made.issue() : (await gate.promise, new Response("", { status: 503 }))) });
  await slow.client.token();
  slow.clock.time = 270_000;
  const late = ws(slow.client, LIVE, "v1", socket);
  await settled();
  user = "u-3";
  gate.resolve();
  await assert.rejects(late, AccountChangedError);
  assert.equal(FakeSocket.made.length, before);
});

test("ws: a socket of the user before costs the next one no token", async () => {
  const it = world();
  const made = await ws(it.client, LIVE, "v1", socket);
  it.client.identityChanged();
  assert.equal(await live(it), 2);
  made.dispatchEvent(Object.assign(new Event("close"), { code: 1006 }));
  assert.equal(await live(it), 2);
});

test("whoever sends a token by other means can say that it was refused, for an API that may have it", async () => {
  const it = world();
  const token = await it.client.token();
  assert.throws(() => it.client.refused(token, "https://evil.example/"), TypeError);
  it.client.refused("another", POINTS);
  assert.equal(await it.client.token(), token);
  assert.equal(it.client.refused(token, POINTS), undefined);
  assert.notEqual(await it.client.token(), token);
});

/** A stream that sends these pieces and ends. */
const stream = (...pieces) => new Response(new ReadableStream({
  start(body) {
    for (const piece of pieces) body.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
    body.close();
  },
}), { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
const NO_MORE = () => new Response(null, { status: 204 });

async function collect(client, clock, url = POINTS, options = {}) {
  const found = [];
  let failure;
  const all = (async () => {
    for await (const event of events(client, url, { clock, ...options })) found.push(event);
  })().catch((error) => (failure = error));
  await clock.pass(600_000);
  await all;
  return failure ? [...found, failure.code ?? failure.message] : found;
}

for (const [name, pieces, expected] of [
  ["one event", ["data: a\n\n"], [["message", "a", ""]]],
  ["lines of one event", ["data: a\ndata:b\ndata:  c\ndata\n\n"], [["message", "a\nb\n c\n", ""]]],
  ["a name and an id that stays", ["event: points\nid: 7\ndata: a\n\ndata: b\n\n"], [["points", "a", "7"], ["message", "b", "7"]]],
  ["comments and unknown fields", [": hello\nfoo: bar\ndata: a\n:\n\n"], [["message", "a", ""]]],
  ["an event without data is none, its id counts", ["id: 1\nevent: x\n\ndata: a\n\n"], [["message", "a", "1"]]],
  ["an id with a null is ignored, an empty one resets", ["id: 1\ndata: a\n\nid: \0\ndata: b\n\nid\ndata: c\n\n"], [["message", "a", "1"], ["message", "b", "1"], ["message", "c", ""]]],
  ["line ends of all kinds", ["data: a\r\n\r\ndata: b\r\rdata: c\n\n"], [["message", "a", ""], ["message", "b", ""], ["message", "c", ""]]],
  ["line ends that fall apart", ["data: a\r", "\n\r", "\ndata: b\r", "\r", "data: c\n", "\n"], [["message", "a", ""], ["message", "b", ""], ["message", "c", ""]]],
  ["a line end that falls apart within an event", ["data: a\r", "\ndata: b\r\n\r", "\n"], [["message", "a\nb", ""]]],
  ["letters that fall apart, and a byte order mark", [Uint8Array.of(0xef, 0xbb), Uint8Array.of(0xbf), "data: ", Uint8Array.of(0xf0, 0x9f), Uint8Array.of(0xa6, 0x8a), "\n\n"], [["message", "🦊", ""]]],
  ["what no empty line ends is dropped", ["data: a\n\ndata: b\n"], [["message", "a", ""]]],
]) {
  test(`events: ${name}`, async () => {
    const it = world({ answer: (count) => (count === 1 ? stream(...pieces) : NO_MORE()) });
    assert.deepEqual((await collect(it.client, it.clock)).map(({ type, data, lastEventId }) => [type, data, lastEventId]), expected);
    assert.equal(it.requests[0].headers.get("Accept"), "text/event-stream");
    assert.ok(it.requests[0].headers.get("Authorization"));
  });
}

test("events: each piece comes when it is sent, not when the next one is", async () => {
  let body;
  const it = world({ answer: () => new Response(new ReadableStream({ start: (made) => (body = made) }), { headers: { "Content-Type": "text/event-stream" } }) });
  const reading = events(it.client, POINTS, { clock: it.clock });
  const first = reading.next();
  await settled();
  body.enqueue(new TextEncoder().encode("data: a\r\r"));
  assert.equal((await first).value.data, "a");
  await reading.return();
});

test("events: the stream is taken up again after a pause, with the last id in the URL and a token that is valid then", async () => {
  const times = [];
  const it = world({ ttl: 60, answer: (count) => {
    times.push(it.clock.time);
    return count === 1 ? stream("retry: 100000\nid: 5\ndata: a\n\n") : count === 2 ? stream("data: b\n\n") : NO_MORE();
  } });
  const found = await collect(it.client, it.clock, (last) => `${POINTS}?after=${last}`);
  assert.deepEqual(found.map(({ data }) => data), ["a", "b"]);
  assert.deepEqual(it.requests.map(({ url }) => new URL(url).search), ["?after=", "?after=5", "?after=5"]);
  assert.deepEqual(times, [0, 60_000, 120_000], "a minute at most");
  assert.equal(it.exchanges, 3);
});

const EXPIRED = "event: expired\ndata: expired\n\n";

for (const [name, last, options, expected, tokens] of [
  ["has another token, and the reader nothing to filter", EXPIRED, {}, ["a", "b"], [1, 2, 2]],
  ["also without data", "event: expired\n\n", {}, ["a", "b"], [1, 2, 2]],
  ["named as the API names it", "event: token\ndata: gone\n\n", { expired: "token" }, ["a", "b"], [1, 2, 2]],
  ["but not where the name means something else", EXPIRED, { expired: null }, ["a", "expired", "never", "b"], [1, 1, 1]],
  ["nor for another name", "event: expire\ndata: soon\n\n", {}, ["a", "soon", "never", "b"], [1, 1, 1]],
]) {
  test(`events: after the event that says that the token has expired the next stream ${name}`, async () => {
    const it = world({ answer: (count) => (count === 1 ? stream(`id: 7\ndata: a\n\n${last}data: never\n\n`) : count === 2 ? stream("data: b\n\n") : NO_MORE()) });
    const found = await collect(it.client, it.clock, (id) => `${POINTS}?after=${id}`, options);
    assert.deepEqual([found.map(({ data }) => data), used(it), it.requests[1].url], [expected, tokens, `${POINTS}?after=7`]);
  });
}

test("events: an expired stream is closed, and connects again after the pause even if the API leaves it open", async () => {
  let cancelled = false;
  const it = world({ answer: (count) => (count === 1 ? new Response(new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode(EXPIRED)), cancel: () => (cancelled = true) }), { headers: { "Content-Type": "text/event-stream" } }) : NO_MORE()) });
  assert.deepEqual(await collect(it.client, it.clock), []);
  assert.deepEqual([cancelled, used(it)], [true, [1, 2]]);
});

/** A stream that says after `ms` that its token has expired. */
const expiring = (clock, ms, first = "") => new Response(new ReadableStream({ start: (body) => void clock.schedule(ms, () => body.enqueue(new TextEncoder().encode(first + EXPIRED))) }), { headers: { "Content-Type": "text/event-stream" } });

for (const [lasts, last] of [[5_000, 17_000], [4_999, 25_999]]) {
  test(`events: streams that expire at once are further and further apart; one that lasts ${lasts} ms ${last === 17_000 ? "is none of them" : "is one too"}`, async () => {
    const times = [];
    const it = world({ answer: (count) => (times.push(it.clock.time), count < 4 ? expiring(it.clock, count === 3 ? lasts : 0) : NO_MORE()) });
    it.clock.chance = 1;
    assert.deepEqual(await collect(it.client, it.clock), []);
    assert.deepEqual(times, [0, 3_000, 9_000, last]);
  });
}

test("events: an API to which every token is expired gets no stream of exchanges, whatever pause it asks for", async () => {
  const it = world({ answer: () => stream(`retry: 1\n${EXPIRED}`) });
  it.clock.chance = 1;
  const controller = new AbortController();
  it.clock.schedule(600_000, () => controller.abort());
  assert.deepEqual(await collect(it.client, it.clock, POINTS, { signal: controller.signal }), ["aborted"]);
  assert.equal(it.exchanges, 17, "eight in the first minute, then one a minute");
});

test("events: nor one to which a token is expired as soon as a stream is none that expired at once", async () => {
  const it = world({ answer: () => (it.clock.time < 590_000 ? expiring(it.clock, 5_000, "retry: 1\n") : NO_MORE()) });
  assert.deepEqual(await collect(it.client, it.clock), []);
  assert.ok(it.requests.length > 100);
  assert.equal(it.exchanges, 26, "ten in the first minute, then two a minute");
});

test("events: streams that expire together cost one exchange, and an answer is only known to the client that gave it", async () => {
  const it = world();
  const [first, second] = [await it.client.fetch(POINTS), await it.client.fetch(POINTS)];
  it.client.refused(first);
  await it.client.token();
  it.client.refused(second);
  await it.client.token();
  assert.equal(it.exchanges, 2);
  const other = world();
  other.client.refused(await it.client.fetch(POINTS));
  assert.throws(() => it.client.refused(new Response("")), TypeError);
  await it.client.token();
  assert.equal(it.exchanges, 2);
});

test("events: failures that pass are waited for, longer each time, and Retry-After is kept to", async () => {
  const times = [];
  const it = world({ answer: (count) => {
    times.push(it.clock.time);
    if (count === 1) throw new TypeError("Failed to fetch");
    if (count === 2) return new Response("", { status: 503 });
    if (count === 3) return new Response("", { status: 503, headers: { "Retry-After": "90" } });
    return count === 4 ? stream("data: a\n\n") : NO_MORE();
  } });
  it.clock.chance = 1;
  assert.equal((await collect(it.client, it.clock)).length, 1);
  assert.deepEqual(times, [0, 3_000, 9_000, 99_000, 102_000]);
});

test("events: a connection that breaks within the stream is made again", async () => {
  const it = world({ answer: (count) => count === 1
    ? new Response(new ReadableStream({ pull: (body) => body.error(new TypeError("network error")) }), { headers: { "Content-Type": "text/event-stream" } })
    : count === 2 ? stream("data: a\n\n") : NO_MORE() });
  assert.deepEqual((await collect(it.client, it.clock)).map(({ data }) => data), ["a"]);
});

test("events: what another attempt would not help is thrown, once", async () => {
  for (const [answer, expected] of [
    [() => new Response("", { status: 403 }), "the API answered 403 and no event stream"],
    [() => new Response("{}", { headers: { "Content-Type": "application/json" } }), "the API answered 200 and no event stream"],
    [() => new Response("{}", { headers: { "Content-Type": "text/event-streams" } }), "the API answered 200 and no event stream"],
    [() => refuse(), "auth_rejected"],
    [() => stream(`data: ${"a".repeat(1_048_577)}\n\n`), "an event is too long"],
    [() => stream(..."data: ".padEnd(1_000_000, "a").concat("\n").repeat(2).match(/[^]{1,65536}/g)), "an event is too long"],
  ]) {
    const it = world({ answer });
    assert.deepEqual(await collect(it.client, it.clock), [expected]);
    assert.ok(it.requests.length <= 2);
  }
  assert.deepEqual(await collect(world({ identity: () => null }).client, world().clock), ["signed_out"]);
});

test("events: another account ends the stream, and so does the caller, while it reads and while it waits", async () => {
  const open = () => new Response(new ReadableStream({}), { headers: { "Content-Type": "text/event-stream" } });
  for (const answer of [(_, request) => new Response(new ReadableStream({ start: (body) => request.signal.addEventListener("abort", () => body.error(request.signal.reason)) }), { headers: open().headers }), () => stream()]) {
    for (const [end, code] of [[({ client }) => client.identityChanged(), "account_changed"], [(_, controller) => controller.abort(), "aborted"]]) {
      const it = world({ answer });
      const controller = new AbortController();
      const reading = events(it.client, POINTS, { clock: it.clock, signal: controller.signal }).next();
      await settled();
      end(it, controller);
      await assert.rejects(reading, { code });
      assert.equal(it.requests.length, 1);
      assert.equal(it.clock.pending, 0);
    }
  }
});

test("events: what ended while the reader had the last event is noticed before the pause, not after", async () => {
  for (const [end, code] of [[({ client }) => client.identityChanged(), "account_changed"], [(_, controller) => controller.abort(), "aborted"]]) {
    const it = world({ answer: () => stream("data: a\n\n") });
    const controller = new AbortController();
    const reading = events(it.client, POINTS, { clock: it.clock, signal: controller.signal });
    assert.equal((await reading.next()).value.data, "a");
    end(it, controller);
    await assert.rejects(reading.next(), { code });
    assert.deepEqual([it.clock.pending, it.requests.length], [0, 1]);
  }
});

test("events: a reader that stops closes the connection", async () => {
  let cancelled = false;
  const it = world({ answer: () => new Response(new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode("data: a\n\n")), cancel: () => (cancelled = true) }), { headers: { "Content-Type": "text/event-stream" } }) });
  for await (const event of events(it.client, POINTS, { clock: it.clock })) {
    assert.equal(event.data, "a");
    break;
  }
  await settled();
  assert.equal(cancelled, true);
});

for (const [name, readable, reachable, onLine, expected] of [
  ["a plain request may be read", true, true, true, "readable"],
  ["only an opaque answer comes", false, true, true, "origin_not_allowed"],
  ["nothing comes", false, false, true, "no_answer"],
  ["nothing comes and the browser knows why", false, false, false, "offline"],
]) {
  test(`diagnose: ${name}: ${expected}`, async () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
    Object.defineProperty(globalThis, "navigator", { value: { onLine }, configurable: true });
    const sent = [];
    try {
      const it = world();
      const fetch = async (url, init) => {
        sent.push([url, init]);
        if (!(init.mode === "cors" ? readable : reachable)) throw new TypeError("Failed to fetch");
        return new Response("");
      };
      assert.equal(await diagnose(it.client, { fetch }), expected);
      assert.equal(it.exchanges, 0);
    } finally {
      if (before) Object.defineProperty(globalThis, "navigator", before);
      else delete globalThis.navigator;
    }
    assert.equal(sent.length, readable ? 1 : 2);
    for (const [url, init] of sent) {
      assert.equal(url, `${API}/`);
      assert.deepEqual([init.credentials, init.method, init.headers], ["omit", undefined, undefined], "simple, and without a token");
    }
  });
}

test("diagnose: asks only where tokens may go, and an abort is one", async () => {
  const it = world();
  await assert.rejects(diagnose(it.client, { url: "https://evil.example/" }), TypeError);
  await assert.rejects(diagnose(it.client, { url: `${API}/probe`, signal: AbortSignal.abort("enough"), fetch: async () => { throw new TypeError(); } }), (reason) => reason === "enough");
});

test("the subpath exports become methods of a client that is given them", async () => {
  const client = createTokenClient({ apiOrigins: [API], channel: null, exchange: async () => ({ token: jwt({}) }), fetch: async () => NO_MORE(), with: { ws, events, diagnose } });
  assert.equal((await client.ws(LIVE, "v1", socket)).protocols.length, 2);
  for await (const _ of client.events(POINTS)) assert.fail("no event");
  assert.equal(await client.diagnose({ fetch: async () => new Response("") }), "readable");
});
