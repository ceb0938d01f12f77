// The examples of README.md, as they stand there.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { INVALID_TOKEN, jwt, settled } from "./world.mjs";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "exeat-readme-"));
mkdirSync(join(folder, "node_modules/@exeat"), { recursive: true });
symlinkSync(PACKAGE, join(folder, "node_modules/@exeat/client"));
for (const name of ["ky", "openapi-fetch"]) symlinkSync(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name));
const blocks = [...readFileSync(join(PACKAGE, "README.md"), "utf8").matchAll(/^```(.*)\n([^]*?)^```$/gm)];
for (const [, info, text] of blocks) writeFileSync(join(folder, info.replace("js ", "")), text);
after(() => rmSync(folder, { recursive: true }));

const page = () => import(pathToFileURL(join(folder, "page.mjs")));

/** The marketplace, where whom the page shows is signed in, and the API behind the global `fetch`. */
const seen = { exchanges: [], calls: [] };
let answer;
/** In place of the marketplace, and of whom the page shows as signed in there. */
let market, session;
globalThis.fetch = async (input, init) => {
  if (!(input instanceof Request)) {
    seen.exchanges.push(input);
    const now = Math.floor(Date.now() / 1_000);
    if (market) return market();
    const token = jwt({ sub: session ?? (await page()).session.user, iat: now, exp: now + 300 });
    if (String(input).endsWith("/graphql")) return Response.json({ data: { userExternalServiceAuthenticationToken: { token } } });
    return Response.json({ token, refresh_after: 210 });
  }
  seen.calls.push(input);
  return answer ? answer(seen.calls.length, input) : Response.json({ points: 7 });
};

const run = new Set();
const example = (name, story) => (run.add(`js ${name}`), test(`README: ${name}`, async () => {
  answer = market = session = undefined;
  seen.exchanges.length = seen.calls.length = 0;
  await story(await import(pathToFileURL(join(folder, name))));
}));

example("page.mjs", async ({ points, api }) => {
  api.invalidate();
  assert.deepEqual([await points(), await points()], [{ points: 7 }, { points: 7 }]);
  assert.deepEqual([seen.exchanges, seen.calls.length], [["/v1/token"], 2]);
  // Somebody else signed in in another tab, and says nothing: not even the first token of this client is theirs.
  session = "u-2";
  api.identityChanged();
  await assert.rejects(points(), { code: "account_changed" });
  assert.equal(seen.calls.length, 2);
  session = undefined;
  api.identityChanged();
});

example("sign-in.mjs", async ({ signedIn, signedOut }) => {
  const { points } = await page();
  signedOut();
  await assert.rejects(points(), { code: "signed_out" });
  signedIn("u-2");
  assert.deepEqual(await points(), { points: 7 });
  assert.equal(seen.exchanges.length, 1);
});

example("failures.mjs", async ({ explained }) => {
  const { points, api } = await page();
  assert.deepEqual(await explained(points), { points: 7 });
  for (const [headers, when] of [[{}, "later"], [{ "Retry-After": "7" }, "in 7 s"]]) {
    api.invalidate();
    market = () => new Response("", { status: 429, headers });
    assert.equal(await explained(points), `Too many attempts. Try again ${when}.`);
  }
  market = undefined;
  api.identityChanged();
  answer = () => new Response("", { status: 401, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
  assert.equal(await explained(points), "The API refused the sign-in: it does not say why.");
  api.identityChanged();
  answer = () => new Response("", { status: 401, headers: INVALID_TOKEN });
  assert.equal(await explained(points), "The API refused the sign-in: The token expired.");
  answer = () => { throw new TypeError("Failed to fetch"); };
  assert.equal(await explained(points), "The API did not allow this request.", "the plain request of diagnose is answered");
  await assert.rejects(explained(() => { throw new RangeError(); }), RangeError);
});

test("README: worker.mjs", async () => {
  run.add("js worker.mjs");
  answer = undefined;
  const worker = new EventTarget();
  const sent = [];
  Object.assign(globalThis, { addEventListener: worker.addEventListener.bind(worker), postMessage: (message) => sent.push(message) });
  await import(pathToFileURL(join(folder, "worker.mjs")));
  const tell = (data) => worker.dispatchEvent(Object.assign(new Event("message"), { data }));
  tell({ path: "/points" });
  await settled();
  assert.deepEqual(sent, [{ path: "/points", status: 200, body: { points: 7 } }]);
  assert.equal(seen.calls.at(-1).url, "https://api.example.com/points");
  // The page of the same origin hears of it.
  const { api } = await page();
  const [gone, awake] = [once(api.accountSignal, "abort"), new BroadcastChannel("awake")];
  tell("signed-out");
  await gone;
  awake.close();
  await assert.rejects(api.token(), { code: "signed_out" });
  api.identityChanged();
  for (const name of ["addEventListener", "postMessage"]) delete globalThis[name];
});

test("README: service-worker.mjs", async () => {
  run.add("js service-worker.mjs");
  answer = undefined;
  seen.exchanges.length = 0;
  let listen;
  globalThis.chrome = { runtime: { id: "abc", onMessage: { addListener: (listener) => (listen = listener) } } };
  await import(pathToFileURL(join(folder, "service-worker.mjs")));
  const answers = [];
  const tell = (message, id = "abc") => listen(message, { id }, (given) => answers.push(given));
  assert.equal(tell("points"), true);
  await settled();
  assert.deepEqual([answers, seen.exchanges], [[{ points: 7 }], ["https://market.example.com/v1/token"]]);
  assert.equal(tell("points", "another extension"), false);
  answer = () => { throw new TypeError("Failed to fetch"); };
  tell("points");
  await settled();
  assert.deepEqual(answers[1], { failed: "network_or_cors" });
  delete globalThis.chrome;
});

/** The first request of a kind is refused; the second one must be the same but for the token. */
const refusedOnce = async (count, request) => {
  const text = await request.text();
  return count === 1 ? new Response("{}", { status: 401, headers: { ...INVALID_TOKEN, "Exeat-Handler": "not-run" } }) : Response.json({ method: request.method, text });
};

example("ky.mjs", async ({ http }) => {
  answer = refusedOnce;
  assert.deepEqual(await http.post("points", { json: { add: 1 } }).json(), { method: "POST", text: '{"add":1}' });
  assert.equal(new Set(seen.calls.map(({ headers }) => headers.get("Authorization"))).size, 2);
  answer = () => new Response("{}", { status: 403 });
  await assert.rejects(http.get("points"), { name: "HTTPError" });
  assert.equal(seen.calls.length, 3);
  answer = () => new Response("", { status: 401, headers: INVALID_TOKEN });
  await assert.rejects(http.get("points"), { code: "auth_rejected" });
  assert.equal(seen.calls.length, 5, "ky repeats nothing by itself");
});

example("openapi-fetch.mjs", async ({ http }) => {
  answer = refusedOnce;
  assert.deepEqual((await http.POST("/points", { body: { add: 1 } })).data, { method: "POST", text: '{"add":1}' });
  answer = () => Response.json({ code: "tenant_not_allowed" }, { status: 403 });
  assert.deepEqual((await http.GET("/points")).error, { code: "tenant_not_allowed" });
  assert.equal(seen.calls.length, 3);
});

example("streams.mjs", async ({ live, changes }) => {
  answer = (count) => (count === 1 ? new Response('id: 1\ndata: {"points":8}\n\n', { headers: { "Content-Type": "text/event-stream" } }) : new Response(null, { status: 204 }));
  for await (const change of changes()) {
    assert.deepEqual(change, { points: 8 });
    break;
  }
  const before = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  globalThis.WebSocket = class extends EventTarget {
    constructor(url, protocols) {
      super();
      Object.assign(this, { url, protocols });
    }
  };
  const { url, protocols } = await live();
  assert.equal(url, "wss://api.example.com/live");
  assert.match(protocols.join(), /^base64url\.bearer\.authorization\.api\.example\.com\.[\w-]+,points\.v1$/);
  if (before) Object.defineProperty(globalThis, "WebSocket", before);
  else delete globalThis.WebSocket;
});

example("service-auth-token.mjs", async ({ points }) => {
  assert.equal(await points(), 7);
  assert.deepEqual(seen.exchanges, ["/api/v1/personalization/graphql"]);
  assert.ok(seen.calls[0].headers.get("MP-Authorization"));
});

test("README: there is no example that is not run", () => {
  assert.deepEqual(blocks.map(([, info]) => info).sort(), [...run].sort());
});
