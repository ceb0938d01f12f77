// The drop-in: what AppDirect's boilerplate promises, and what it gets wrong.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createServiceAuthToken } from "@exeat/client/serviceAuthToken";
import { FakeClock, API, EPOCH, POINTS, INVALID_TOKEN, jwt, settled } from "./world.mjs";

const QUERY = { query: "query personalization { userExternalServiceAuthenticationToken { token } }" };
const OUT_OF_RANGE = "Authentication Token Error: Token invalidation timer must be between 0s and 3min.";

/** A marketplace page with an API: `exchange` and `answer` as in `world`. */
function page({ exchange, answer, ...options } = {}) {
  const made = { clock: new FakeClock(), exchanges: [], requests: [], tokens: [] };
  made.issue = (claims = {}) => {
    const iat = EPOCH + Math.floor(made.clock.time / 1_000);
    made.tokens.push(jwt({ sub: "u-1", name: "a@example.com", tenant: "acme", iat, exp: iat + 300, ...claims }));
    return Response.json({ data: { userExternalServiceAuthenticationToken: { token: made.tokens.at(-1) } } });
  };
  made.api = createServiceAuthToken({
    clock: made.clock,
    fetch: async (input, init) => {
      if (typeof input === "string") {
        made.exchanges.push([input, init]);
        return exchange ? exchange(made.exchanges.length, made) : made.issue();
      }
      made.requests.push(input);
      return answer ? answer(made.requests.length) : Response.json({ points: 7 });
    },
    ...options,
  });
  made.used = () => made.requests.map(({ headers }) => made.tokens.indexOf(headers.get("MP-Authorization")) + 1);
  return made;
}

test("the token comes by the documented query, with the session's cookie", async () => {
  const it = page();
  assert.deepEqual(await it.api.getServiceAuthToken(), { token: it.tokens[0] });
  const [[url, { method, credentials, headers, body }]] = it.exchanges;
  assert.deepEqual([url, method, credentials, headers, JSON.parse(body)], ["/api/v1/personalization/graphql", "POST", "include", { "Content-Type": "application/json" }, QUERY]);
});

test("the data come with the bare token in MP-Authorization and the caller's own options", async () => {
  const it = page();
  const options = Object.freeze({ method: "POST", credentials: "include", headers: Object.freeze({ "Content-Type": "application/json" }), body: "{}" });
  assert.deepEqual(await it.api.fetchExternalData(POINTS, options, 5_000), { response: { points: 7 } });
  const [{ url, method, credentials, headers }] = it.requests;
  assert.deepEqual([url, method, credentials, [...headers]], [POINTS, "POST", "include", [["content-type", "application/json"], ["mp-authorization", it.tokens[0]]]]);
});

test("a timer outside three minutes is an error and no request, one at the edge is none", async () => {
  const it = page();
  for (const timer of [-1, 180_001, NaN, Infinity]) {
    assert.deepEqual(await it.api.getServiceAuthToken(timer), { errorMessage: OUT_OF_RANGE });
    assert.deepEqual(await it.api.fetchExternalData(POINTS, {}, timer), { errorMessage: OUT_OF_RANGE });
  }
  assert.deepEqual([it.exchanges.length, it.requests.length], [0, 0]);
  for (const timer of [0, 180_000]) assert.ok((await it.api.getServiceAuthToken(timer)).token);
});

test("defect (a): the user after the next sign-in has no token of the one before", async () => {
  let user = "u-1";
  const it = page({ identity: () => user });
  await it.api.fetchExternalData(POINTS, {});
  user = "u-2";
  await it.api.fetchExternalData(POINTS, {});
  assert.deepEqual(it.used(), [1, 2]);
});

test("defect (a): a page that cannot say who is signed in keeps a token for a minute, one that can for three", async () => {
  for (const [options, kept] of [[{}, 60_000], [{ identity: () => "u-1" }, 180_000]]) {
    const it = page(options);
    for (const time of [0, kept - 1, kept]) {
      it.clock.time = time;
      await it.api.getServiceAuthToken();
    }
    assert.equal(it.exchanges.length, 2);
  }
});

test("defect (b): a timer of 0 keeps nothing, and no timer outlives its call", async () => {
  const it = page({ identity: () => "u-1" });
  for (const timer of [0, 0, undefined, undefined, 5_000]) await it.api.fetchExternalData(POINTS, {}, timer);
  it.clock.time = 5_000;
  for (const timer of [undefined, 5_000]) await it.api.fetchExternalData(POINTS, {}, timer);
  assert.deepEqual(it.used(), [1, 2, 3, 3, 3, 3, 4]);
});

test("defect (c): without headers of the caller's the token is sent all the same, with any kind of headers too", async () => {
  const it = page();
  for (const options of [{}, undefined, { headers: new Headers({ "X-Own": "1" }) }, { headers: [["X-Own", "1"]] }]) await it.api.fetchExternalData(POINTS, options);
  assert.deepEqual(it.used(), [1, 1, 1, 1]);
});

test("defect (d): errors in a GraphQL answer are told, with a message also where HTTP has no status text", async () => {
  const unauthenticated = { data: null, errors: [{ message: "x", extensions: { code: "Unauthenticated" } }] };
  for (const [exchange, expected] of [
    [() => Response.json(unauthenticated), { status: 200, errorMessage: "Authentication Token Error: the exchange answered 200 Unauthenticated" }],
    [() => Response.json(unauthenticated, { status: 401 }), { status: 401, errorMessage: "Authentication Token Error: the exchange answered 401 Unauthenticated" }],
    [() => new Response("", { status: 500 }), { status: 500, errorMessage: "Authentication Token Error: the exchange answered 500" }],
    [() => new Response("<oops>"), { errorMessage: "Authentication Token Error: the answer has no token" }],
    [() => Response.json({ data: { userExternalServiceAuthenticationToken: null } }), { errorMessage: "Authentication Token Error: the answer has no token" }],
    [() => { throw new TypeError("Failed to fetch"); }, { errorMessage: "Authentication Token Error: the exchange failed: TypeError" }],
  ]) {
    assert.deepEqual(await page({ exchange }).api.getServiceAuthToken(), expected);
    if (expected.status) assert.deepEqual(await page({ exchange }).api.fetchExternalData(POINTS, {}), expected);
  }
});

test("what the API answers is told as before", async () => {
  for (const [answer, expected] of [
    [() => new Response("", { status: 404, statusText: "Not Found" }), { status: 404, errorMessage: "Not Found" }],
    [() => new Response("", { status: 404 }), { status: 404, errorMessage: "HTTP 404" }],
    [() => new Response("no json"), { errorMessage: "External API call Error: There was a SyntaxError." }],
    [() => { throw new TypeError("Failed to fetch"); }, { errorMessage: `External API call Error: ${API} gave no answer: TypeError: Failed to fetch` }],
    [() => new Response("", { status: 401, headers: INVALID_TOKEN }), { status: 401, errorMessage: "External API call Error: the API refused the token" }],
  ]) assert.deepEqual(await page({ answer }).api.fetchExternalData(POINTS, {}), expected);
});

test("defect (e): a token is not used beyond its life, and a refused one is replaced once", async () => {
  const old = page({ identity: () => "u-1", exchange: (_, made) => made.issue({ exp: EPOCH + 60 + Math.floor(made.clock.time / 1_000) }) });
  for (const time of [0, 47_999, 48_000]) {
    old.clock.time = time;
    await old.api.fetchExternalData(POINTS, {});
  }
  assert.deepEqual(old.used(), [1, 1, 2]);
  const refused = page({ answer: (count) => (count === 1 ? new Response("", { status: 401, headers: INVALID_TOKEN }) : Response.json("fine")) });
  assert.deepEqual(await refused.api.fetchExternalData(POINTS, {}), { response: "fine" });
  assert.deepEqual(refused.used(), [1, 2]);
});

test("many calls at once make one exchange, and reset forgets the token", async () => {
  const it = page();
  await Promise.all([1, 2, 3].map(() => it.api.fetchExternalData(POINTS, {})));
  assert.equal(it.exchanges.length, 1);
  it.api.reset();
  await it.api.getServiceAuthToken();
  assert.equal(it.exchanges.length, 2);
});

test("a page that says who is signed in gets no other user's token, until it says reset", async () => {
  for (const [identity, told] of [[() => "ada", { errorMessage: "Authentication Token Error: the token is for another sub" }], [undefined, undefined]]) {
    let sub = "u-1";
    const it = page({ identity, exchange: (_, made) => made.issue({ sub }) });
    await it.api.getServiceAuthToken();
    sub = "u-2";
    it.clock.time = 270_000;
    const second = await it.api.getServiceAuthToken();
    assert.deepEqual(second, told ?? { token: it.tokens[1] });
    it.api.reset();
    assert.deepEqual(await it.api.getServiceAuthToken(), { token: it.tokens[2] });
  }
});

test("a token goes over https or nowhere, and only where the page allows if it says so", async () => {
  const open = page();
  assert.deepEqual(await open.api.fetchExternalData("http://api.example.com/", {}), { errorMessage: "External API call Error: http://api.example.com is not https" });
  assert.ok((await open.api.fetchExternalData("http://localhost:8090/", {})).response);
  const strict = page({ apiOrigins: [API] });
  assert.deepEqual(await strict.api.fetchExternalData("https://evil.example/", {}), { errorMessage: "External API call Error: https://evil.example is not among apiOrigins" });
  assert.ok((await strict.api.fetchExternalData(POINTS, {})).response);
  assert.deepEqual([strict.exchanges.length, strict.requests.length], [1, 1]);
});

test("a relative URL is one of the page, and the module changes nothing by being loaded", async () => {
  globalThis.location = { href: "https://market.example.com/page" };
  try {
    const it = page();
    await it.api.fetchExternalData("/api/auth/v1/sessions/userinfo", { method: "GET" });
    assert.equal(it.requests[0].url, "https://market.example.com/api/auth/v1/sessions/userinfo");
  } finally {
    delete globalThis.location;
  }
  const { BroadcastChannel } = globalThis;
  globalThis.BroadcastChannel = class { constructor() { assert.fail("a channel"); } };
  try {
    await import("../dist/serviceAuthToken.js?again");
    await settled();
  } finally {
    globalThis.BroadcastChannel = BroadcastChannel;
  }
});
