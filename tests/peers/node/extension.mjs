// The page of an extension, without a browser: extension.mjs FOLDER ISSUER API COOKIE, with the scripts of the guide in FOLDER. Relative URLs go to the
// issuer with the page's cookie and origin. Prints `ok`.
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, issuer, api, cookie] = process.argv.slice(2);
const load = (name, copy) => import(`${pathToFileURL(join(folder, name))}?${copy}`);
const PAGE = { Origin: "https://market.example.com" };

const realFetch = globalThis.fetch;
let exchanges = 0;
let calls = 0;
let session = cookie;
globalThis.fetch = (url, init) => {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(PAGE)) headers.set(name, value);
  if (!url.startsWith("/")) {
    calls += 1;
    assert.equal(init.credentials, "omit");
    return realFetch(url, { ...init, headers });
  }
  exchanges += 1;
  if (session) headers.set("Cookie", session);
  return realFetch(issuer + url, { ...init, headers });
};

// The real issuer and a real gate.
const client = await load("exeat-client.mjs", 1);
for (const method of ["GET", "POST"]) {
  const answer = await client.callApi(api, { method });
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).tenant, "acme");
}
assert.equal(exchanges, 1, "the second call uses the held token");
session = undefined;
client.forget();
await assert.rejects(client.callApi(api), { status: 401, code: "no_session" });

const appDirect = await load("app-direct.mjs", 1);
await assert.rejects(appDirect.exchange(), { status: 401, code: "Unauthenticated" });
session = cookie;
assert.equal((await appDirect.exchange()).token.split(".").length, 3);

// What only a script can answer: every token is new, and the API says what `answers` says.
let now = 0;
performance.now = () => now;
const challenge = { "WWW-Authenticate": 'Bearer error="invalid_token", error_description="The token expired"' };
let answers = [];
globalThis.fetch = async (url, init) => {
  if (url === "/v1/token") {
    exchanges += 1;
    now += 5_000; // a slow answer: the token is already this old
    return Response.json({ token: `t${exchanges}`, refresh_after: 210 });
  }
  calls += 1;
  const [status, headers] = answers.shift() ?? [200, {}];
  return new Response(init.headers.get("Authorization"), { status, headers });
};
async function scenario(name, script, run, expected) {
  exchanges = calls = 0;
  answers = script;
  const { callApi } = await load("exeat-client.mjs", name);
  const status = await run(callApi);
  assert.deepEqual([status, exchanges, calls], expected, name);
}
const once = async (callApi) => (await callApi(api)).status;
await scenario("invalid token, then good", [[401, challenge], [200, {}]], once, [200, 2, 2]);
await scenario("invalid token twice", [[401, challenge], [401, challenge]], once, [401, 2, 2]);
await scenario("401 without a challenge", [[401, { "WWW-Authenticate": "Bearer" }]], once, [401, 1, 1]);
await scenario("403", [[403, challenge]], once, [403, 1, 1]);
await scenario("503", [[503, { "Retry-After": "5" }]], once, [503, 1, 1]);
await scenario("many at once", [], async (callApi) => (await Promise.all([1, 2, 3].map(() => callApi(api)))).length, [3, 1, 3]);
for (const [name, waited, fetched] of [["held until the end of its time", 204_999, 1], ["not a moment longer", 205_000, 2]]) {
  await scenario(name, [], async (callApi) => {
    await callApi(api);
    now += waited;
    return (await callApi(api)).status;
  }, [200, fetched, 2]);
}
console.log("ok");
