// Sending the token: where to, how, and how often.
import assert from "node:assert/strict";
import { test } from "node:test";
import { API, INVALID_TOKEN, POINTS, codeOf, deferred, refuse, settled, used, world } from "./world.mjs";

const NOT_RUN = { ...INVALID_TOKEN, "Exeat-Handler": "not-run" };

test("J130: 401 invalid_token is answered with one exchange and one retry", async () => {
  const it = world({ answer: (count) => (count === 1 ? refuse() : new Response("fine")) });
  const answer = await it.client.fetch(POINTS);
  assert.equal(await answer.text(), "fine");
  assert.deepEqual([used(it), it.exchanges], [[1, 2], 2]);
});

test("J130: a second 401 surfaces, with the challenge, the answer and the skew of the user's clock", async () => {
  const it = world({
    answer: () => new Response('{"code":"expired"}', { status: 401, headers: INVALID_TOKEN }),
    exchange: async (_, __, made) => made.issue({ server_time: made.seconds() }),
  });
  it.clock.offset = 3_600_000;
  await assert.rejects(it.client.fetch(POINTS), (error) => {
    assert.deepEqual({ ...error }, {
      name: "TokenClientError", code: "auth_rejected", status: 401, skewMs: 3_600_000,
      challenge: { scheme: "bearer", parameters: Object.assign(Object.create(null), { error: "invalid_token", error_description: "The token expired" }) },
    });
    return error.response.status === 401 && error.response.bodyUsed === false;
  });
  assert.deepEqual(used(it), [1, 2]);
});

for (const [name, status, headers] of [
  ["401 without a challenge", 401, {}],
  ["401 with a bare challenge", 401, { "WWW-Authenticate": "Bearer" }],
  ["401 of another scheme", 401, { "WWW-Authenticate": 'Basic error="invalid_token"' }],
  ["401 that only quotes it", 401, { "WWW-Authenticate": 'Basic realm="Bearer error=\\"invalid_token\\""' }],
  ["403 with the challenge", 403, NOT_RUN],
  ["403 origin_tenant_mismatch", 403, { "Exeat-Handler": "not-run" }],
  ["403 insufficient_scope", 403, { "WWW-Authenticate": 'Bearer error="insufficient_scope"', "Exeat-Handler": "not-run" }],
  ["400 invalid_request", 400, { "WWW-Authenticate": 'Bearer error="invalid_request"' }],
  ["503", 503, { "Retry-After": "5", "Exeat-Handler": "not-run" }],
  ["429", 429, { "Retry-After": "5" }],
]) {
  test(`J130: ${name} is the answer, without an exchange or a retry`, async () => {
    const it = world({ answer: () => new Response("", { status, headers }) });
    const answer = await it.client.fetch(POINTS);
    assert.equal(answer.status, status);
    await it.client.token();
    assert.deepEqual([it.requests.length, it.exchanges], [1, 1]);
  });
}

test("J131: twenty requests that are refused together make one exchange, and so does one that is refused late", async () => {
  const [gate, late] = [deferred(), deferred()];
  const it = world({
    answer: async (count) => {
      if (count <= 20) await gate.promise;
      if (count === 21) await late.promise;
      return count <= 21 ? refuse() : new Response("{}");
    },
  });
  const calls = Array.from({ length: 21 }, () => it.client.fetch(POINTS));
  await settled();
  gate.resolve();
  await Promise.all(calls.slice(0, 20));
  late.resolve();
  await calls[20];
  assert.equal(it.exchanges, 2);
  assert.deepEqual(used(it), [...Array(21).fill(1), ...Array(21).fill(2)]);
});

test("an API that refuses every new token gets no exchange for every call", async () => {
  const it = world({ answer: () => refuse() });
  for (let call = 0; call < 100; call += 1) assert.equal(await codeOf(it.client.fetch(POINTS)), "auth_rejected");
  assert.deepEqual([it.exchanges, it.requests.length], [4, 103], "the first, and one for each of three refusals");
  it.clock.time = 500;
  await codeOf(it.client.fetch(POINTS));
  assert.equal(it.exchanges, 5, "one more when the wait is over");
});

test("one token that is taken ends the suspicion", async () => {
  const it = world({ answer: (count) => (count % 3 === 2 ? refuse() : new Response("{}")) });
  for (let call = 0; call < 20; call += 1) await it.client.fetch(POINTS);
  assert.equal(it.exchanges, 11);
});

const OTHER = "https://other.example.com";

test("an API that refuses every token does not keep another one from a new token", async () => {
  let revoked = false;
  const it = world({ apiOrigins: [API, OTHER], answer: (_, { url, headers }) => (url.startsWith(OTHER) || (revoked && headers.get("Authorization").endsWith(it.tokens[3])) ? refuse() : new Response("{}")) });
  for (let call = 0; call < 10; call += 1) assert.equal(await codeOf(it.client.fetch(OTHER)), "auth_rejected");
  assert.equal(it.exchanges, 4, "backed off");
  revoked = true;
  assert.equal(await codeOf(it.client.fetch(POINTS)), "none");
  assert.equal(it.exchanges, 5);
});

test("nor does one that takes every token have the other one's back-off forgotten", async () => {
  const it = world({ apiOrigins: [API, OTHER], answer: (_, { url }) => (url.startsWith(OTHER) ? refuse() : new Response("{}")) });
  for (let call = 0; call < 10; call += 1) {
    await it.client.fetch(POINTS);
    await codeOf(it.client.fetch(`${OTHER}/?${call}`));
  }
  assert.equal(it.exchanges, 4);
  it.client.identityChanged();
  await it.client.fetch(POINTS);
  await codeOf(it.client.fetch(OTHER));
  assert.equal(it.exchanges, 6, "for another user it is counted anew");
});

/** Two APIs, of which the other one refuses the first token; the marketplace asks to wait before it gives a second. */
const limited = (options) => world({
  ttl: 3_600,
  apiOrigins: [API, OTHER],
  exchange: async (count, _, made) => (count === 2 ? new Response("", { status: 429, headers: { "Retry-After": "300" } }) : made.issue()),
  answer: (_, { url, headers }, made) => (url.startsWith(OTHER) && headers.get("Authorization").endsWith(made.tokens[0]) ? refuse() : new Response("{}")),
  ...options,
});

test("a token that one API refused is used for the others while no other can be had, and for that one never again", async () => {
  const it = limited();
  for (const _ of [1, 2]) assert.equal(await codeOf(it.client.fetch(OTHER)), "rate_limited");
  for (const _ of [1, 2]) assert.equal(await codeOf(it.client.fetch(POINTS)), "none");
  assert.deepEqual([used(it), it.exchanges], [[1, 1, 1], 2]);
  assert.equal(await it.client.token({ url: POINTS }), it.tokens[0]);
  for (const options of [{ url: OTHER }, {}, undefined]) assert.equal(await codeOf(it.client.token(options)), "rate_limited", "nor for who does not say where it goes");
  await assert.rejects(it.client.token({ url: "https://evil.example" }), TypeError);
  it.clock.time = 300_000;
  for (const url of [POINTS, OTHER]) assert.equal(await codeOf(it.client.fetch(url)), "none");
  assert.deepEqual([used(it), it.exchanges], [[1, 1, 1, 2, 2], 3], "it is replaced as soon as it may be");
});

test("and so it is for those who wait for one exchange together", async () => {
  const gate = deferred();
  const it = limited({ exchange: async (count, _, made) => (count === 1 ? made.issue() : (await gate.promise, new Response("", { status: 503 }))) });
  const calls = [codeOf(it.client.fetch(OTHER))];
  await settled();
  calls.push(codeOf(it.client.fetch(POINTS)));
  await settled();
  gate.resolve();
  assert.deepEqual(await Promise.all(calls), ["exchange_failed", "none"]);
  assert.deepEqual([used(it), it.exchanges], [[1, 1], 2]);
});

test("nor is it used after invalidate", async () => {
  const it = limited();
  await codeOf(it.client.fetch(OTHER));
  it.client.invalidate();
  assert.equal(await codeOf(it.client.fetch(POINTS)), "rate_limited");
});

test("that an API took an older token does not end the suspicion, nor that it took the one that it has refused meanwhile", async () => {
  const gate = deferred();
  const old = world({ answer: async (count) => (count === 1 ? (await gate.promise, new Response("{}")) : refuse()) });
  const slow = old.client.fetch(POINTS);
  await settled();
  old.client.invalidate();
  for (let call = 0; call < 10; call += 1) await codeOf(old.client.fetch(POINTS));
  gate.resolve();
  await slow;
  for (let call = 0; call < 10; call += 1) await codeOf(old.client.fetch(POINTS));
  assert.equal(old.exchanges, 5, "of that one, the first, and one for each of three refusals");

  let answered;
  const it = world({ answer: async (_, { method }) => (method === "GET" ? (await answered.promise, new Response("{}")) : refuse()) });
  for (let round = 0; round < 3; round += 1) {
    answered = deferred();
    const taken = it.client.fetch(POINTS);
    await settled();
    await codeOf(it.client.fetch(POINTS, { method: "POST" }));
    answered.resolve();
    await taken;
  }
  for (let call = 0; call < 10; call += 1) await codeOf(it.client.fetch(POINTS, { method: "POST" }));
  assert.equal(it.exchanges, 4, "the first, and one for each of three refusals");
});

for (const [method, headers, sent] of [
  ["GET", INVALID_TOKEN, 2], ["HEAD", INVALID_TOKEN, 2], ["OPTIONS", INVALID_TOKEN, 2],
  ["POST", INVALID_TOKEN, 1], ["PUT", INVALID_TOKEN, 1], ["DELETE", INVALID_TOKEN, 1], ["PATCH", INVALID_TOKEN, 1],
  ["POST", NOT_RUN, 2], ["PUT", NOT_RUN, 2], ["DELETE", NOT_RUN, 2], ["PATCH", NOT_RUN, 2],
  ["POST", { ...INVALID_TOKEN, "Exeat-Handler": "run" }, 1],
]) {
  test(`a refused ${method} is sent ${sent === 2 ? "again" : "once"} when the gate says ${headers["Exeat-Handler"] ?? "nothing"}`, async () => {
    const it = world({ answer: (count) => (count === 1 ? refuse(headers) : new Response("{}")) });
    assert.equal(await codeOf(it.client.fetch(POINTS, { method })), sent === 2 ? "none" : "auth_rejected");
    assert.equal(it.requests.length, sent);
  });
}

test("a request that was not repeated still lets the next one have a new token", async () => {
  const it = world({ answer: (count) => (count === 1 ? refuse() : new Response("{}")) });
  await codeOf(it.client.fetch(POINTS, { method: "POST" }));
  await it.client.fetch(POINTS, { method: "POST" });
  assert.deepEqual(used(it), [1, 2]);
});

const form = new FormData();
form.set("a", "b");
for (const [name, body, text] of [
  ["a string", "text", "text"],
  ["an empty string", "", ""],
  ["search parameters", new URLSearchParams({ a: "b" }), "a=b"],
  ["a blob", new Blob(["text"]), "text"],
  ["bytes", new TextEncoder().encode("text"), "text"],
  ["a buffer", new TextEncoder().encode("text").buffer, "text"],
  ["a form", form, /name="a"\r\n\r\nb\r\n/],
]) {
  for (const [way, call] of [["init", (client) => client.fetch(POINTS, { method: "POST", body })], ["Request", (client) => client.fetch(new Request(POINTS, { method: "POST", body }))]]) {
    test(`the body ${name} by ${way} arrives twice, the same`, async () => {
      const bodies = [];
      const it = world({ answer: async (count, request) => (bodies.push(await request.text()), count === 1 ? refuse(NOT_RUN) : new Response("{}")) });
      await call(it.client);
      assert.equal(bodies.length, 2);
      for (const arrived of bodies) typeof text === "string" ? assert.equal(arrived, text) : assert.match(arrived, text);
    });
  }
}

test("bytes that the caller changes meanwhile are sent as they were", async () => {
  const bytes = new TextEncoder().encode("before");
  const bodies = [];
  const it = world({ answer: async (count, request) => (bytes.fill(0), bodies.push(await request.text()), count === 1 ? refuse(NOT_RUN) : new Response("{}")) });
  await it.client.fetch(POINTS, { method: "POST", body: bytes });
  assert.deepEqual(bodies, ["before", "before"]);
});

test("J135: a stream is sent once, and the failure says why", async () => {
  for (const body of [new Blob(["text"]).stream(), (async function* () { yield new Uint8Array(1); })()]) {
    const it = world({ answer: async (_, request) => (await request.text(), refuse(NOT_RUN)) });
    await assert.rejects(it.client.fetch(POINTS, { method: "POST", body, duplex: "half" }), { code: "auth_rejected", message: /a stream cannot be sent again/ });
    assert.equal(it.requests.length, 1);
  }
  const it = world({ answer: async (_, request) => new Response(await request.text()) });
  assert.equal(await (await it.client.fetch(POINTS, { method: "POST", body: new Blob(["text"]).stream() })).text(), "text");
});

for (const url of ["https://evil.example/points", "http://api.example.com/points", "https://api.example.com:8443/points", "https://api.example.com.evil.example/", "https://evil.example/?https://api.example.com", "https://sub.api.example.com/"]) {
  test(`J136: no token for ${url}: it throws before there is one`, async () => {
    const it = world();
    for (const call of [() => it.client.fetch(url), () => it.client.fetch(new URL(url)), () => it.client.fetch(new Request(url))]) await assert.rejects(call, (error) => error instanceof TypeError && /is not among apiOrigins/.test(error.message));
    assert.deepEqual([it.exchanges, it.requests.length], [0, 0]);
    assert.throws(() => it.client.admit(url), TypeError);
  });
}

test("a URL with a user or one that is relative is none", async () => {
  const it = world();
  for (const url of ["https://user:secret@api.example.com/", "/points", "//evil.example", ""]) await assert.rejects(it.client.fetch(url), TypeError);
  assert.equal(it.exchanges, 0);
});

test("J136: what a caller asks for does not loosen how a request is sent", async () => {
  const it = world();
  const loose = { mode: "no-cors", credentials: "include", redirect: "follow", cache: "force-cache", referrerPolicy: "unsafe-url", headers: { authorization: "Basic x", Accept: "text/plain" } };
  await it.client.fetch(POINTS, loose);
  await it.client.fetch(new Request(POINTS, loose));
  await it.client.fetch(new Request(POINTS), loose);
  for (const request of it.requests) {
    const { mode, credentials, redirect, cache, referrerPolicy } = request;
    assert.deepEqual({ mode, credentials, redirect, cache, referrerPolicy }, { mode: "cors", credentials: "omit", redirect: "error", cache: "no-store", referrerPolicy: "no-referrer" });
  }
  assert.deepEqual(used(it), [1, 1, 1]);
});

test("one fixed set of headers: the token's and the caller's, no other, so that preflights can be kept", async () => {
  const it = world();
  await it.client.fetch(POINTS);
  await it.client.fetch(POINTS, { headers: { "X-Own": "1" } });
  assert.deepEqual(it.requests.map(({ headers }) => [...headers.keys()]), [["authorization"], ["authorization", "x-own"]]);
});

test("credentials, another header and the browser's cache, for APIs that want them", async () => {
  const it = world({ credentials: "include", header: "MP-Authorization", httpCache: "default" });
  await it.client.fetch(POINTS, { credentials: "omit", cache: "force-cache" });
  const [{ credentials, cache, headers }] = it.requests;
  assert.deepEqual([credentials, cache], ["include", "default"]);
  assert.deepEqual([...headers], [["mp-authorization", it.tokens[0]]]);
});

test("no answer is network_or_cors, the caller's abort is aborted, and neither is sent again", async () => {
  const lost = world({ answer: () => { throw new TypeError("Failed to fetch"); } });
  await assert.rejects(lost.client.fetch(POINTS), { code: "network_or_cors", message: `${API} gave no answer: TypeError: Failed to fetch` });
  assert.equal(lost.requests.length, 1);

  const controller = new AbortController();
  const it = world({ answer: (_, request) => new Promise((__, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason))) });
  const call = it.client.fetch(POINTS, { signal: controller.signal });
  await settled();
  controller.abort("enough");
  await assert.rejects(call, { code: "aborted", name: "AbortError", cause: "enough" });
  await assert.rejects(it.client.fetch(new Request(POINTS, { signal: AbortSignal.abort() })), { code: "aborted" });
});

test("a method, its headers and its body arrive as the caller gave them", async () => {
  const it = world({ answer: async (_, request) => Response.json([request.method, request.url, request.headers.get("content-type"), await request.text()]) });
  const answer = await it.client.fetch(new URL(`${POINTS}?a=b`), { method: "put", headers: { "Content-Type": "application/json" }, body: "{}" });
  assert.deepEqual(await answer.json(), ["PUT", `${POINTS}?a=b`, "application/json", "{}"]);
});
