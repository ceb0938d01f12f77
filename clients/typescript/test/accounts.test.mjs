// One page, several users: no token of one is ever used for another.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { AccountChangedError, createTokenClient } from "@exeat/client";
import { API, POINTS, codeOf, deferred, refuse, settled, used, world } from "./world.mjs";

test("J132: a token of the user before is not used for the next", async () => {
  let user = "u-1";
  const it = world({ identity: () => user });
  await it.client.fetch(POINTS);
  user = "u-2";
  await it.client.fetch(POINTS);
  user = "u-1";
  await it.client.fetch(POINTS);
  assert.deepEqual(used(it), [1, 2, 3]);
});

test("J132: a change during the exchange discards its result", async () => {
  let user = "u-1";
  const gate = deferred();
  const it = world({ identity: () => user, exchange: async (count, _, made) => (count === 1 && (await gate.promise), made.issue()) });
  const calls = [it.client.fetch(POINTS), it.client.token()];
  await settled();
  user = "u-2";
  gate.resolve();
  for (const call of calls) await assert.rejects(call, AccountChangedError);
  assert.equal(it.requests.length, 0);
  assert.equal(await codeOf(it.client.fetch(POINTS)), "none");
  assert.deepEqual(used(it), [2]);
});

test("J132: a change that the next call notices ends the exchange of the one before", async () => {
  let user = "u-1";
  const signals = [];
  const it = world({ identity: () => user, exchange: async (count, { signal }, made) => (signals.push(signal), count === 1 ? new Promise(() => {}) : made.issue()) });
  const call = codeOf(it.client.fetch(POINTS));
  await settled();
  user = "u-2";
  await it.client.fetch(POINTS);
  assert.equal(await call, "account_changed");
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, false]);
});

test("J132: a change while the API works throws its answer away", async () => {
  let user = "u-1";
  let cancelled = false;
  const gate = deferred();
  const it = world({ identity: () => user, answer: async () => (await gate.promise, new Response(new ReadableStream({ cancel: () => { cancelled = true; } }))) });
  const call = it.client.fetch(POINTS);
  await settled();
  user = "u-2";
  gate.resolve();
  await assert.rejects(call, AccountChangedError);
  assert.equal(cancelled, true);
});

for (const what of ["identityChanged", "signOut", "close"]) {
  test(`J132: ${what} aborts requests under way and their bodies, at once`, async () => {
    const it = world({ answer: (count, request) => count === 1
      ? new Response(new ReadableStream({ start: (body) => request.signal.addEventListener("abort", () => body.error(request.signal.reason)) }))
      : new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(new DOMException("gone", "AbortError")))) });
    const { accountSignal } = it.client;
    const text = (await it.client.fetch(POINTS)).text();
    const call = it.client.fetch(POINTS);
    await settled();
    it.client[what]();
    await assert.rejects(text, AccountChangedError);
    await assert.rejects(call, AccountChangedError);
    assert.ok(accountSignal.reason instanceof AccountChangedError);
    assert.equal(it.requests[1].signal.aborted, true);
  });
}

test("J132: a refused request is not retried with another user's token", async () => {
  let user = "u-1";
  const it = world({ identity: () => user, answer: () => (user = "u-2", refuse()) });
  assert.equal(await codeOf(it.client.fetch(POINTS)), "account_changed");
  assert.deepEqual(used(it), [1]);
});

test("an identity that changes between two looks sends nothing", async () => {
  const told = ["u-1", "u-2"];
  const it = world({ identity: () => told.shift() ?? "u-2" });
  await assert.rejects(it.client.fetch(POINTS), AccountChangedError);
  assert.equal(it.requests.length, 0);
});

for (const nobody of [null, undefined]) {
  test(`where identity is ${nobody} nobody is asked`, async () => {
    const it = world({ identity: () => nobody });
    assert.equal(await codeOf(it.client.fetch(POINTS)), "signed_out");
    assert.deepEqual([it.exchanges, it.requests.length], [0, 0]);
  });
}

test("after signOut no exchange is made, even if the session still lives, until the identity changes or somebody signs in", async () => {
  let user = "u-1";
  const it = world({ identity: () => user });
  await it.client.token();
  it.client.signOut();
  assert.equal(await codeOf(it.client.token()), "signed_out");
  assert.equal(it.exchanges, 1);
  it.client.identityChanged();
  assert.equal(await codeOf(it.client.token()), "none");
  it.client.signOut();
  user = "u-2";
  assert.equal(await codeOf(it.client.token()), "none");
  assert.equal(it.exchanges, 3);
});

test("failures of the user before keep the next one waiting for nothing", async () => {
  let user = "u-1";
  const it = world({ identity: () => user, exchange: async (_, __, made) => (user === "u-1" ? new Response("", { status: 401, headers: { "Retry-After": "60" } }) : made.issue()) });
  for (let call = 0; call < 5; call += 1) await codeOf(it.client.token());
  assert.equal(it.exchanges, 1);
  user = "u-2";
  assert.equal(await codeOf(it.client.token()), "none");
});

test("a token that is not of the expected user or tenant is dropped, and asked for again only with back-off", async () => {
  for (const [expect, claims, code] of [
    [{ sub: "u-1", tenant: "acme" }, {}, "none"],
    [{ sub: "u-2" }, {}, "account_changed"],
    [{ tenant: "other" }, {}, "account_changed"],
    [{ tenant: "acme" }, { tenant: undefined }, "account_changed"],
    [{ tenant: "acme" }, { tenant: ["acme"] }, "account_changed"],
    [{}, { sub: undefined }, "none"],
  ]) {
    const it = world({ expect, exchange: async (_, __, made) => made.issue({}, claims) });
    for (let call = 0; call < 10; call += 1) assert.equal(await codeOf(it.client.fetch(POINTS)), code, JSON.stringify([expect, claims]));
    assert.deepEqual([it.exchanges, it.requests.length], code === "none" ? [1, 10] : [3, 0]);
  }
  const opaque = world({ expect: { sub: "u-1" }, exchange: async () => ({ token: "opaque" }) });
  assert.equal(await codeOf(opaque.client.token()), "account_changed");
});

for (const [name, options, claim] of [
  ["user, where there is no identity", { identity: undefined }, "sub"],
  ["tenant of the same identity", {}, "tenant"],
]) {
  /** A page that expects "one" first; `session` is whom the marketplace makes tokens for. */
  const expecting = (more) => {
    const made = { page: "one" };
    const it = world({ ...options, cache: { maxReuseMs: Infinity }, expect: { get [claim]() { return made.page; } }, exchange: async (_, __, { issue }) => issue({}, { [claim]: made.page }), ...more(made) });
    return Object.assign(made, { it });
  };

  test(`a token is not used any more when another is expected: ${name}`, async () => {
    const tab = expecting(() => ({}));
    await tab.it.client.fetch(POINTS);
    tab.page = "two";
    for (const _ of [1, 2]) await tab.it.client.fetch(POINTS);
    tab.page = null;
    assert.equal(await codeOf(tab.it.client.fetch(POINTS)), "none", "nobody is what that token says");
    assert.deepEqual(used(tab.it), [1, 2, 2, 3]);
  });

  test(`nor while a refresh fails: ${name}`, async () => {
    const gate = deferred();
    const tab = expecting((made) => ({ exchange: async (count, _, { issue }) => (count === 1 ? issue({}, { [claim]: made.page }) : (await gate.promise, new Response("", { status: 503 }))) }));
    await tab.it.client.fetch(POINTS);
    tab.it.clock.time = 270_000;
    const call = codeOf(tab.it.client.fetch(POINTS));
    await settled();
    tab.page = "two";
    gate.resolve();
    assert.equal(await call, "exchange_failed");
    for (let more = 0; more < 5; more += 1) assert.equal(await codeOf(tab.it.client.fetch(POINTS)), "exchange_failed");
    assert.deepEqual(used(tab.it), [1]);
  });
}

test("what is expected of nobody is no token of somebody", async () => {
  const it = world({ identity: undefined, expect: { sub: null } });
  for (let call = 0; call < 10; call += 1) assert.equal(await codeOf(it.client.token()), "account_changed");
  assert.equal(it.exchanges, 3);
});

test("where what is expected cannot be told nothing is sent, not even to the marketplace", async () => {
  const it = world({ expect: { get sub() { throw new Error("not yet"); } } });
  for (let call = 0; call < 5; call += 1) await assert.rejects(it.client.fetch(POINTS), { message: "not yet" });
  assert.deepEqual([it.exchanges, it.requests.length], [0, 0]);
});

test("J132: a change that nobody told of is noticed when a refresh fails: the token of the user before is not given out", async () => {
  let user = "u-1";
  const gate = deferred();
  const it = world({ identity: () => user, exchange: async (count, _, made) => (count === 1 ? made.issue() : (await gate.promise, new Response("", { status: 503 }))) });
  await it.client.token();
  it.clock.time = 270_000;
  const calls = [it.client.token(), it.client.fetch(POINTS)];
  await settled();
  user = "u-2";
  gate.resolve();
  for (const call of calls) await assert.rejects(call, AccountChangedError);
  assert.equal(it.requests.length, 0);
});

test("after a token of another user the one before is gone, also when the marketplace fails next", async () => {
  const it = world({ exchange: async (count, _, made) => (count < 3 ? made.issue({}, { sub: `u-${count}` }) : new Response("", { status: 503 })) });
  await it.client.token();
  it.clock.time = 270_000;
  for (const code of ["account_changed", "exchange_failed", "exchange_failed"]) assert.equal(await codeOf(it.client.token()), code);
});

test("what is expected is read at every exchange", async () => {
  const it = world({ expect: { get sub() { return it.exchanges === 1 ? "u-1" : "u-2"; } } });
  assert.equal(await codeOf(it.client.token()), "none");
  it.client.invalidate();
  assert.equal(await codeOf(it.client.token()), "account_changed");
});

/** A stale tab: its page shows "alice" whoever signs in. `session` is whose cookie the browser has. */
function staleTab(options = {}) {
  const made = { session: "alice", page: "alice" };
  const it = world({ identity: () => made.page, exchange: async (_, __, { issue }) => issue({}, { sub: made.session }), ...options });
  return Object.assign(made, { it, call: () => codeOf(it.client.fetch(POINTS)) });
}

/** Another tab says these in turn; resolves when the client has heard the last. */
async function hear({ client }, channel, ...announcements) {
  // Those of clients keep no process; this one does, until it is closed.
  const other = new BroadcastChannel(channel);
  for (const what of announcements) {
    const gone = once(client.accountSignal, "abort");
    other.postMessage(what);
    await gone;
  }
  other.close();
}

/** Runs `story` where there is a page, with what shows it as the browser does. */
async function onPage(story) {
  const page = new EventTarget();
  const put = { onpageshow: null, addEventListener: page.addEventListener.bind(page), removeEventListener: page.removeEventListener.bind(page) };
  Object.assign(globalThis, put);
  try {
    await story((persisted) => page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted })));
  } finally {
    for (const name of Object.keys(put)) delete globalThis[name];
  }
}

for (const announcements of [["identity-changed"], ["signed-out", "identity-changed"], ["forged"]]) {
  test(`J132: a page that still shows the user before uses no token of the next one when it hears ${announcements.join(", then ")}`, async () => {
    const channel = `stale ${announcements}`;
    const tab = staleTab({ channel });
    assert.equal(await tab.call(), "none");
    tab.session = "bob";
    await hear(tab.it, channel, ...announcements);
    for (let call = 0; call < 10; call += 1) await assert.rejects(tab.it.client.fetch(POINTS), (error) => error instanceof AccountChangedError && error.message === "the token is for another sub");
    assert.deepEqual([tab.it.exchanges, used(tab.it)], [4, [1]], "refused as expect refuses: with back-off");
    tab.session = "alice";
    tab.it.clock.time = 1_000;
    assert.equal(await tab.call(), "none", "alice is back");
    tab.page = tab.session = "bob";
    assert.equal(await tab.call(), "none", "or the page shows bob");
    tab.it.client.close();
  });
}

test("J132: nor when it comes back from the browser's memory, nor when nobody says anything", () => onPage(async (show) => {
  for (const pass of [() => show(true), ({ client }) => client.invalidate(), ({ clock }) => (clock.time = 270_000)]) {
    const tab = staleTab();
    assert.equal(await tab.call(), "none");
    tab.session = "bob";
    pass(tab.it);
    assert.equal(await tab.call(), "account_changed");
    assert.deepEqual(used(tab.it), [1]);
    tab.it.client.close();
  }
}));

test("what the page itself says of its user ends the memory of whose the tokens were; a sign-out does not", async () => {
  const channel = "stale, and told";
  const tab = staleTab({ channel });
  assert.equal(await tab.call(), "none");
  tab.session = "bob";
  tab.it.client.identityChanged();
  assert.equal(await tab.call(), "none", "the page knows");
  tab.session = "carol";
  tab.it.client.signOut();
  await hear(tab.it, channel, "identity-changed");
  assert.equal(await tab.call(), "account_changed", "a sign-out, and somebody signs in elsewhere");
  tab.it.client.identityChanged();
  assert.equal(await tab.call(), "none");
  tab.it.client.close();
});

test("the memory of whose the tokens were ends when the page shows another user, with a token or without", async () => {
  for (const between of [async (tab) => assert.equal(await tab.call(), "none"), async (tab) => void tab.it.client.accountSignal]) {
    const tab = staleTab();
    assert.equal(await tab.call(), "none");
    tab.page = tab.session = "bob";
    await between(tab);
    tab.page = "alice";
    // The account of that name was made anew meanwhile.
    tab.session = "alice-2";
    assert.equal(await tab.call(), "none");
    tab.session = "alice";
    tab.it.client.invalidate();
    assert.equal(await tab.call(), "account_changed");
  }
});

for (const [name, options, first, then, code] of [
  ["the same user and tenant", {}, { sub: "u-1", tenant: "acme" }, { sub: "u-1", tenant: "acme" }, "none"],
  ["another tenant", {}, { sub: "u-1", tenant: "acme" }, { sub: "u-1", tenant: "other" }, "account_changed"],
  ["a claim that is gone", {}, { sub: "u-1", tenant: "acme" }, { sub: "u-1", tenant: undefined }, "account_changed"],
  ["the digits of a number", {}, { sub: 1 }, { sub: "1" }, "account_changed"],
  ["the same number", {}, { sub: 1 }, { sub: 1 }, "none"],
  ["a claim that the first token had not", {}, { sub: "u-1", tenant: undefined }, { sub: "u-1", tenant: "acme" }, "none"],
  ["the claims of which the first had none", {}, { sub: undefined, tenant: undefined }, { sub: "u-1", tenant: "acme" }, "none"],
  ["a list, which is not compared", {}, { sub: "u-1", tenant: ["acme"] }, { sub: "u-1", tenant: ["acme"] }, "none"],
  ["a name where null was", {}, { sub: "u-1", tenant: null }, { sub: "u-1", tenant: "acme" }, "none"],
  ["another user, where each is for one request", { cache: { maxReuseMs: 0 } }, { sub: "u-1" }, { sub: "u-2" }, "account_changed"],
  ["another user, where there is no identity", { identity: undefined }, { sub: "u-1" }, { sub: "u-2" }, "none"],
]) {
  test(`a later token with ${name}: ${code}`, async () => {
    const it = world({ ...options, exchange: async (count, _, { issue }) => issue({}, count === 1 ? first : then) });
    assert.equal(await codeOf(it.client.token()), "none");
    it.client.invalidate();
    assert.equal(await codeOf(it.client.token()), code);
  });
}

test("what is expected counts more than what the first token said", async () => {
  let sub;
  const it = world({ expect: { get sub() { return sub; } }, exchange: async (count, _, { issue }) => issue({}, { sub, tenant: count < 3 ? "acme" : "other" }) });
  for (const [next, code] of [["u-1", "none"], ["u-2", "none"], ["u-2", "account_changed"]]) {
    sub = next;
    it.client.invalidate();
    assert.equal(await codeOf(it.client.token()), code, "the tenant is not expected, and is remembered");
  }
});

test("J140: a sign-out in one tab reaches the clients of the others, and so does a sign-in", async () => {
  const tabs = [1, 2].map(() => world({ channel: "J140" }));
  // Those of clients keep no process; this one does, until it is closed.
  const awake = new BroadcastChannel("awake");
  const left = async (act) => {
    const gone = once(tabs[1].client.accountSignal, "abort");
    act();
    await gone;
  };
  await Promise.all(tabs.map(({ client }) => client.token()));
  await left(() => tabs[0].client.signOut());
  assert.equal(await codeOf(tabs[1].client.token()), "signed_out");
  await left(() => tabs[0].client.identityChanged());
  assert.equal(await codeOf(tabs[1].client.token()), "none");
  assert.equal(tabs[1].exchanges, 2);
  for (const { client } of tabs) client.close();
  awake.close();
});

test("J140: no message between tabs has a token, and a message of anybody can only make a client forget", async () => {
  const it = world({ channel: "J140 heard" });
  const channel = new BroadcastChannel("J140 heard");
  const heard = [];
  const message = new Promise((resolve) => (channel.onmessage = ({ data }) => (heard.push(data), heard.length === 2 && resolve())));
  await it.client.token();
  it.client.identityChanged();
  it.client.signOut();
  await message;
  assert.deepEqual(heard, ["identity-changed", "signed-out"]);
  it.client.identityChanged();
  await it.client.token();
  const gone = once(it.client.accountSignal, "abort");
  channel.postMessage({ token: "forged", then: 1 });
  await gone;
  await it.client.token();
  assert.notEqual(await it.client.token(), "forged");
  channel.close();
  it.client.close();
});

test("J140: a page that comes back from the browser's memory has no token, a page that is shown the first time keeps it", () => onPage(async (show) => {
  const it = world();
  await it.client.fetch(POINTS);
  show(false);
  await it.client.fetch(POINTS);
  show(true);
  await it.client.fetch(POINTS);
  assert.deepEqual(used(it), [1, 1, 2]);
  it.client.close();
  assert.equal(await codeOf(it.client.token()), "signed_out");
}));

test("an identity that cannot be told ends the call, and nothing is sent", async () => {
  const it = world({ identity: () => { throw new Error("not yet"); } });
  await assert.rejects(it.client.fetch(POINTS), { message: "not yet" });
  assert.equal(it.exchanges, 0);
});

test("an identity that cannot be told when the token comes ends the call, and is no failure of the marketplace", async () => {
  let isTold = true;
  const it = world({ identity: () => { if (isTold) return "u-1"; throw new Error("not yet"); }, exchange: async (count, _, made) => (isTold = count > 5, made.issue()) });
  for (let call = 0; call < 5; call += 1) {
    isTold = true;
    await assert.rejects(it.client.fetch(POINTS), { message: "not yet" });
  }
  isTold = true;
  assert.equal(await codeOf(it.client.fetch(POINTS)), "none");
  assert.deepEqual([it.exchanges, it.requests.length], [6, 1]);
});

test("a sign-out before the page has told its first user holds for that one, not for the next", async () => {
  let user;
  const it = world({ identity: () => { if (user) return user; throw new Error("not yet"); } });
  it.client.signOut();
  user = "u-1";
  for (const _ of [1, 2]) assert.equal(await codeOf(it.client.token()), "signed_out");
  user = "u-2";
  assert.equal(await codeOf(it.client.token()), "none");
  assert.equal(it.exchanges, 1);
});

test("close is final, whatever the page shows or says afterwards, and may be followed by anything", async () => {
  let user = "u-1";
  const it = world({ channel: "closed", identity: () => user });
  await it.client.token();
  for (const then of ["close", "signOut", "identityChanged", "invalidate", "close"]) {
    it.client[then]();
    if (then === "close") user += "0";
    for (const call of [it.client.token(), it.client.fetch(POINTS)]) assert.equal(await codeOf(call), "signed_out", then);
  }
  assert.equal(it.exchanges, 1);
});

for (const what of ["signOut", "identityChanged", "close"]) {
  test(`${what} forgets, and says so to other tabs, also where the identity cannot be told`, async () => {
    const channel = `untold ${what}`;
    let isTold = true;
    const it = world({ channel, identity: () => { if (isTold) return "u-1"; throw new Error("not yet"); }, answer: () => new Promise(() => {}) });
    const other = world({ channel });
    const awake = new BroadcastChannel("awake");
    await it.client.token();
    const { accountSignal } = it.client;
    const gone = once(other.client.accountSignal, "abort");
    isTold = false;
    it.client[what]();
    assert.ok(accountSignal.reason instanceof AccountChangedError, "what is under way ends");
    if (what !== "close") await gone;
    await assert.rejects(it.client.fetch(POINTS), { message: "not yet" });
    isTold = true;
    assert.equal(await codeOf(it.client.token()), what === "identityChanged" ? "none" : "signed_out", "it is the same identity as before");
    assert.equal(it.exchanges, what === "identityChanged" ? 2 : 1);
    for (const { client } of [it, other]) client.close();
    awake.close();
  });
}

test("where the identity cannot be told a page that hears of a change forgets the token, and remembers whose it was", async () => {
  const channel = "untold, heard";
  const tab = staleTab({ channel });
  await tab.call();
  const { accountSignal } = tab.it.client;
  const gone = once(accountSignal, "abort");
  Object.defineProperty(tab, "page", { get() { throw new Error("not yet"); }, configurable: true });
  const other = new BroadcastChannel(channel);
  other.postMessage("identity-changed");
  await gone;
  Object.defineProperty(tab, "page", { value: "alice" });
  tab.session = "bob";
  assert.equal(await tab.call(), "account_changed");
  other.close();
  tab.it.client.close();
});

test("without a BroadcastChannel there is a client all the same", async () => {
  const { BroadcastChannel } = globalThis;
  delete globalThis.BroadcastChannel;
  try {
    const client = createTokenClient({ apiOrigins: [API], exchange: async () => ({ token: "t" }) });
    client.signOut();
    assert.equal(await codeOf(client.token()), "signed_out");
  } finally {
    globalThis.BroadcastChannel = BroadcastChannel;
  }
});
