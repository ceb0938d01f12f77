// @exeat/client in a real browser: in a page, a worker, a service worker and that of an MV3 extension. What it says is held against what the sites saw.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { launch, launchWithExtension, openPage } from "./browser.mjs";
import { before as inTime } from "./process.mjs";
import { built, startSites } from "./sites.mjs";

/** A worker's script: answers a path with what came of a call to the API. */
const worker = (client, marketplace, api) => `
import { createTokenClient } from "${client}";
const client = createTokenClient({
  apiOrigins: [${api}],
  exchange: ({ signal }) => fetch("${marketplace}/v1/token", { method: "POST", signal, credentials: "include", headers: { "Content-Type": "application/json" }, body: "{}" }),
});
globalThis.call = async (path) => {
  try {
    const answer = await client.fetch(${api} + path);
    return { status: answer.status, body: await answer.json(), hasWindow: "window" in globalThis };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
};
`;
const PAGES = {
  "/": ["text/html", "<!doctype html><title>market</title>"],
  // Its API is in its own URL, so that one script serves the worker and the service worker.
  "/worker.js": ["text/javascript", `${worker("/client/index.js", "", 'new URL(location).searchParams.get("api")')}
addEventListener("message", async ({ data, source }) => (source ?? globalThis).postMessage(await call(data)));
`],
};

let browser;
let sites;
let extension;

before(async () => {
  sites = await startSites(PAGES, { extra: () => extension });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await sites?.close();
});
beforeEach(() => {
  for (const list of Object.values(sites.seen)) list.length = 0;
});

/** Runs `story` on a page of the marketplace where "ada" is signed in. */
async function visit(story) {
  const { context, page, record } = await openPage(browser);
  try {
    await context.addCookies([{ name: "sid", value: "ada", url: sites.origin, httpOnly: true, sameSite: "Strict" }]);
    await page.goto(sites.origin);
    await story({ context, page, record });
    assert.deepEqual(record.errors.filter((error) => !/^Failed to load resource|^Access to fetch/.test(error)), []);
  } finally {
    await context.close();
  }
}

/** In the page: a client as `client`, and what its calls come to. */
const startClient = (page, options = {}) => page.evaluate(async ([api, options]) => {
  const { createTokenClient } = await import("/client/index.js");
  const parts = Object.fromEntries(await Promise.all(["ws", "events", "diagnose"].map(async (name) => [name, (await import(`/client/${name}.js`))[name]])));
  globalThis.client = createTokenClient({
    apiOrigins: [api],
    exchange: ({ signal }) => fetch("/v1/token", { method: "POST", signal, credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: "{}" }),
    with: parts,
    ...options,
  });
  globalThis.call = async (path, init) => {
    try {
      const answer = await client.fetch(api + path, init);
      return { status: answer.status, body: await answer.json() };
    } catch (error) {
      return { code: error.code, message: error.message };
    }
  };
}, [sites.api, options]);
const call = (page, path, init) => page.evaluate(([path, init]) => globalThis.call(path, init), [path, init]);
const tokensSeen = () => new Set(sites.seen.calls.map(({ headers }) => headers.authorization)).size;
const FINE = { status: 200, body: { points: 7 } };

test("page: one exchange for many calls, no cookie and no referrer to the API", () => visit(async ({ page }) => {
  await startClient(page);
  assert.deepEqual(await page.evaluate(() => Promise.all(Array.from({ length: 20 }, () => call("/points")))), Array(20).fill(FINE));
  assert.deepEqual(sites.seen.exchanges, [{ method: "POST", session: "ada", origin: sites.origin }]);
  assert.deepEqual([sites.seen.calls.length, tokensSeen()], [20, 1]);
  for (const { headers } of sites.seen.calls) {
    assert.match(headers.authorization, /^Bearer ey/);
    assert.deepEqual([headers.origin, headers.cookie, headers.referer, headers["sec-fetch-mode"]], [sites.origin, undefined, undefined, "cors"]);
  }
  const kept = await page.evaluate(() => [document.cookie, { ...localStorage }, { ...sessionStorage }, JSON.stringify(client)]);
  assert.deepEqual(kept.slice(0, 3), ["", {}, {}]);
  assert.ok(!kept[3].includes(sites.seen.calls[0].headers.authorization.slice(7, 20)));
}));

for (const [httpCache, preflights] of [["no-store", 5], ["default", 1]]) {
  test(`page: five calls one after the other with httpCache ${httpCache} have ${preflights} preflights`, () => visit(async ({ page }) => {
    await startClient(page, { httpCache });
    for (let count = 0; count < 5; count += 1) assert.deepEqual(await call(page, `/points?${httpCache}`), FINE);
    assert.deepEqual([sites.seen.calls.length, sites.seen.preflights.length], [5, preflights]);
  }));
}

test("page: a refused POST arrives again with a new token and the same body", () => visit(async ({ page }) => {
  await startClient(page);
  assert.deepEqual(await call(page, "/once", { method: "POST", body: "text" }), FINE);
  assert.deepEqual(sites.seen.calls.map(({ method, headers }) => [method, headers["content-length"], headers["transfer-encoding"]]), Array(2).fill(["POST", "4", undefined]));
  assert.equal(tokensSeen(), 2);
}));

test("page: a redirect is not followed, and an origin that is not listed gets nothing", () => visit(async ({ page }) => {
  await startClient(page);
  assert.equal((await call(page, "/moved")).code, "network_or_cors");
  assert.deepEqual(sites.seen.calls.map(({ url }) => url), ["/moved"]);
  const elsewhere = await page.evaluate(() => client.fetch(location.origin).catch((error) => error.name));
  assert.equal(elsewhere, "TypeError");
}));

test("page: nobody signed in is signed_out; without an answer diagnose says which kind it is", () => visit(async ({ context, page }) => {
  await startClient(page);
  for (const [path, expected] of [["/points", "readable"], ["/closed", "origin_not_allowed"], ["/hidden", "no_answer"]]) {
    assert.equal(await page.evaluate(([api, path]) => client.diagnose({ url: api + path }), [sites.api, path]), expected, path);
  }
  assert.deepEqual(sites.seen.preflights, [], "only simple requests");
  assert.ok(sites.seen.calls.every(({ headers }) => headers.authorization === undefined && headers.cookie === undefined));
  assert.equal((await call(page, "/closed")).code, "network_or_cors");
  await context.clearCookies();
  await page.evaluate(() => client.invalidate());
  assert.equal((await call(page, "/points")).code, "signed_out");
}));

test("page: a WebSocket opens with the API's subprotocol, the token beside it, and closes when the account changes", () => visit(async ({ page }) => {
  await startClient(page);
  const url = `${sites.api.replace("http", "ws")}/live`;
  const protocol = await page.evaluate(async (url) => {
    globalThis.socket = await client.ws(url, "points.v1", { namespace: "market" });
    await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
    return socket.protocol;
  }, url);
  assert.equal(protocol, "points.v1");
  const [token, chosen] = sites.seen.handshakes[0]["sec-websocket-protocol"].split(", ");
  assert.equal(chosen, "points.v1");
  assert.match(Buffer.from(token.replace("base64url.bearer.authorization.market.", ""), "base64url").toString(), /^ey[\w-]+\.[\w-]+\.c2ln$/);
  assert.ok(await page.evaluate(() => (client.identityChanged(), socket.readyState >= WebSocket.CLOSING)));
}));

test("page: an event stream is read with the token in its header", () => visit(async ({ page }) => {
  await startClient(page);
  const first = await page.evaluate(async (api) => {
    for await (const event of client.events(`${api}/events`)) return event;
  }, sites.api);
  assert.deepEqual(first, { type: "message", data: "7", lastEventId: "" });
  assert.match(sites.seen.calls[0].headers.authorization, /^Bearer ey/);
}));

test("two tabs: a sign-out in one is one in the other", () => visit(async ({ context, page }) => {
  const other = await context.newPage();
  await other.goto(sites.origin);
  for (const tab of [page, other]) await startClient(tab);
  await call(other, "/points");
  await other.evaluate(() => { globalThis.left = new Promise((resolve) => client.accountSignal.addEventListener("abort", resolve)); });
  await page.evaluate(() => client.signOut());
  await other.evaluate(() => left.then(() => {}));
  assert.equal((await call(other, "/points")).code, "signed_out");
  assert.equal(sites.seen.exchanges.length, 1);
}));

test("worker: the same client, where there is no window", () => visit(async ({ page }) => {
  const answer = await page.evaluate((api) => new Promise((resolve, reject) => {
    const made = new Worker(`/worker.js?api=${encodeURIComponent(api)}`, { type: "module" });
    made.onmessage = ({ data }) => resolve(data);
    made.onerror = ({ message }) => reject(new Error(message));
    made.postMessage("/points");
  }), sites.api);
  assert.deepEqual(answer, { ...FINE, hasWindow: false });
  assert.equal(sites.seen.exchanges[0].session, "ada");
}));

test("service worker: the same client, where there is no window", () => visit(async ({ page }) => {
  const answer = await page.evaluate(async (api) => {
    const registration = await navigator.serviceWorker.register(`/worker.js?api=${encodeURIComponent(api)}`, { type: "module" });
    const made = registration.installing ?? registration.waiting ?? registration.active;
    const message = new Promise((resolve) => navigator.serviceWorker.addEventListener("message", ({ data }) => resolve(data)));
    navigator.serviceWorker.startMessages();
    made.postMessage("/points");
    return message;
  }, sites.api);
  assert.deepEqual(answer, { ...FINE, hasWindow: false });
  assert.equal(sites.seen.exchanges.at(-1).session, "ada");
}));

test("MV3: the same client in the service worker of an unpacked extension", async () => {
  const folder = await mkdtemp(join(tmpdir(), "exeat-extension-"));
  let context;
  try {
    const client = ["index", "announcements", "backoff", "challenge", "clock", "errors", "exchange", "fetch", "lifetime", "origins", "tokenSource"];
    for (const name of client) await writeFile(join(folder, `${name}.js`), built(`${name}.js`));
    await writeFile(join(folder, "service-worker.js"), worker("./index.js", sites.origin, JSON.stringify(sites.api)));
    await writeFile(join(folder, "manifest.json"), JSON.stringify({
      manifest_version: 3, name: "points", version: "1", background: { service_worker: "service-worker.js", type: "module" }, host_permissions: [`${sites.origin}/*`],
    }));
    context = await launchWithExtension(join(folder, "profile"), folder);
    const loaded = context.serviceWorkers()[0] ?? await inTime(context.waitForEvent("serviceworker"));
    assert.ok(loaded, "the extension is loaded");
    assert.match(loaded.url(), /^chrome-extension:\/\/[a-p]{32}\/service-worker\.js$/);
    extension = loaded.url().split("/").slice(0, 3).join("/");
    await context.addCookies([{ name: "sid", value: "ada", url: sites.origin, httpOnly: true, sameSite: "Strict" }]);
    assert.deepEqual(await loaded.evaluate(() => globalThis.call("/points")), { ...FINE, hasWindow: false });
    assert.deepEqual(await loaded.evaluate(() => globalThis.call("/points")), { ...FINE, hasWindow: false });
    assert.deepEqual(sites.seen.exchanges.filter(({ method }) => method === "POST"), [{ method: "POST", session: "ada", origin: extension }]);
    for (const { headers } of sites.seen.calls) assert.deepEqual([headers.origin, headers.cookie], [extension, undefined]);
    assert.equal(tokensSeen(), 1);
  } finally {
    await context?.close();
    extension = undefined;
    await rm(folder, { recursive: true, force: true });
  }
});
