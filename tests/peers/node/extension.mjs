// The page of an extension, without a browser: extension.mjs FOLDER ISSUER API COOKIE, with the scripts of the guide in FOLDER. Relative URLs go to the
// issuer with the page's cookie and origin, those of the guide's API to the real one. Prints `ok`.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [folder, issuer, api, cookie] = process.argv.slice(2);
const PAGE = { Origin: "https://market.example.com" };
const GUIDE_API = "https://api.example.com";
/** Of a token for the user whom the guide's page shows. */
const CLAIMS = Buffer.from('{"sub":"user-1"}').toString("base64url");

// The client as the guide has it copied: its one built file.
const installed = join(folder, "node_modules/@exeat/client");
mkdirSync(installed, { recursive: true });
copyFileSync(fileURLToPath(new URL("../../../crates/exeat-cli/src/demo/assets/client.js", import.meta.url)), join(installed, "client.js"));
writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "@exeat/client", type: "module", exports: "./client.js" }));
const load = (name, copy) => import(`${pathToFileURL(join(folder, name))}?${copy}`);
const { createTokenClient } = await import(pathToFileURL(join(installed, "client.js")));

const realFetch = globalThis.fetch;
let exchanges = 0;
let calls = 0;
let session = cookie;
globalThis.fetch = async (input, init) => {
  const request = input instanceof Request ? input : undefined;
  const headers = new Headers(request?.headers ?? init.headers);
  for (const [name, value] of Object.entries(PAGE)) headers.set(name, value);
  if (request) {
    calls += 1;
    assert.equal(request.credentials, "omit");
    assert.ok(request.url.startsWith(GUIDE_API));
    return realFetch(api + request.url.slice(`${GUIDE_API}/points`.length), { method: request.method, headers });
  }
  exchanges += 1;
  if (session) headers.set("Cookie", session);
  return realFetch(issuer + input, { ...init, headers });
};

// The real issuer and a real gate.
const client = await load("exeat-client.mjs", 1);
for (const method of ["GET", "POST"]) assert.equal((await client.points({ method })).tenant, "acme");
assert.equal(exchanges, 1, "the second call uses the held token");
client.identityChanged(null);
assert.equal(await client.points(), null, "signed out");
assert.equal(exchanges, 1);
session = undefined;
client.identityChanged("user-2");
assert.equal(await client.points(), null, "no session");
assert.equal(exchanges, 2);
session = cookie;
await assert.rejects(client.points(), { code: "account_changed" }, "the session is user-1's");
assert.equal(exchanges, 3);
session = undefined;

const { exchange } = await load("app-direct.mjs", 1);
const appDirect = () => createTokenClient({ apiOrigins: [GUIDE_API], exchange, channel: null }).token();
await assert.rejects(appDirect(), { code: "signed_out", status: 401, serverCode: "Unauthenticated" });
session = cookie;
assert.equal((await appDirect()).split(".").length, 3);

// What only a script can answer: every token is new, and the API says what `answers` says.
let now = 0;
performance.now = () => now;
Date.now = () => 0;
const challenge = { "WWW-Authenticate": 'Bearer error="invalid_token", error_description="The token expired"' };
const notRun = { ...challenge, "Exeat-Handler": "not-run" };
let answers = [];
globalThis.fetch = async (input) => {
  if (input === "/v1/token") {
    exchanges += 1;
    now += 5_000; // a slow answer: the token is already this old
    return Response.json({ token: `t${exchanges}.${CLAIMS}.`, refresh_after: 210 });
  }
  calls += 1;
  const [status, headers] = answers.shift() ?? [200, {}];
  return Response.json(input.headers.get("Authorization").split(".")[0], { status, headers });
};
async function scenario(name, script, run, expected) {
  exchanges = calls = 0;
  answers = script;
  const { points } = await load("exeat-client.mjs", name);
  const outcome = await run(points).catch((error) => error.code ?? error.message);
  assert.deepEqual([outcome, exchanges, calls], expected, name);
}
const get = (points) => points();
const post = (points) => points({ method: "POST", body: "{}" });
await scenario("invalid token, then good", [[401, challenge], [200, {}]], get, ["Bearer t2", 2, 2]);
await scenario("invalid token twice", [[401, challenge], [401, challenge]], get, ["auth_rejected", 2, 2]);
await scenario("a POST that no handler has seen", [[401, notRun], [200, {}]], post, ["Bearer t2", 2, 2]);
await scenario("a POST of which nobody says so", [[401, challenge]], post, ["auth_rejected", 1, 1]);
await scenario("401 without a challenge", [[401, { "WWW-Authenticate": "Bearer" }]], get, ["the API answered 401", 1, 1]);
await scenario("403", [[403, notRun]], get, ["the API answered 403", 1, 1]);
await scenario("503", [[503, { "Retry-After": "5" }]], get, ["the API answered 503", 1, 1]);
await scenario("many at once", [], async (points) => (await Promise.all([1, 2, 3].map(() => points()))).length, [3, 1, 3]);
for (const [name, waited, token] of [["held until the end of its time", 204_999, 1], ["not a moment longer", 205_000, 2]]) {
  await scenario(name, [], async (points) => {
    await points();
    now += waited;
    return points();
  }, [`Bearer t${token}`, token, 2]);
}
console.log("ok");
