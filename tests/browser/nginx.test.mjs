// The guide for a marketplace behind nginx, seen from a browser: TLS with a certificate made for the test, a session cookie, an exchange, a call.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { BROWSER, ISSUER, NGINX, SESSION_COOKIE, startMarket } from "./market.mjs";

const SPOOFED = "203.0.113.66";
const COOKIE = SESSION_COOKIE[1];

let market;
let browser;

/** Chromium finds the name at nginx. */
const resolving = () => `--host-resolver-rules=MAP market.example.com:443 ${market.address}`;

before(async () => {
  market = await startMarket();
  // Trusts this one key; every other certificate is judged as ever.
  browser = await launch(resolving(), `--ignore-certificate-errors-spki-list=${market.pin}`);
});

after(async () => {
  await browser?.close();
  if (market) assert.deepEqual(await market.stop(), { nginx: 0, shop: 0, "sample-api": 0, exeat: 0 }, "all end well");
});

/** Runs `story` on a page of the marketplace, in a profile of its own. */
async function visit(story) {
  const { context, page, record } = await openPage(browser);
  try {
    const document = await page.goto(`${ISSUER}/`);
    await story({ context, page, record, document });
  } finally {
    await context.close();
  }
}

const logIn = (page) => page.evaluate(async () => (await fetch("/login", { method: "POST" })).status);

/** An exchange as a page may write it, with further headers. */
const exchange = (page, headers = {}) => page.evaluate(async (more) => {
  const response = await fetch("/v1/token", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Requested-By": "page", ...more },
    body: JSON.stringify({ audience: "loyalty-api" }),
  });
  return { status: response.status, id: response.headers.get("x-request-id"), body: await response.json() };
}, headers);

/** The issuer's lines about the request of this id; they name the address that it came from. */
const linesOf = (id) => market.exeat.logs().split("\n").filter((line) => line.includes(id));

test("a page logs in, gets a token and calls the API with it", () => visit(async ({ context, page, record, document }) => {
  const security = await document.securityDetails();
  assert.equal(security.subjectName, "market.example.com");
  assert.match(security.protocol, /^TLS 1\.[23]$/);
  assert.equal(await page.evaluate(() => isSecureContext), true);

  assert.equal(await logIn(page), 204);
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual(others, []);
  assert.equal(cookie.name, COOKIE);
  assert.match(cookie.name, /^__Host-/);
  assert.deepEqual([cookie.secure, cookie.httpOnly, cookie.path, cookie.domain], [true, true, "/", "market.example.com"]);
  assert.equal(await page.evaluate(() => globalThis.document.cookie), "", "no script reads it");

  const [exchanged, called, seen] = await Promise.all([
    page.waitForResponse(`${ISSUER}/v1/token`),
    page.waitForResponse((response) => response.url() === `${market.api}/whoami` && response.request().method() === "GET"),
    page.evaluate(async () => (await import("/exeat-client.mjs")).points()),
  ]);
  assert.equal(exchanged.status(), 200);
  assert.equal((await exchanged.securityDetails()).subjectName, "market.example.com");
  assert.equal((await exchanged.allHeaders())["cache-control"], "no-store");
  assert.equal((await exchanged.request().allHeaders()).cookie, `${COOKIE}=${market.sessions.at(-1)}`, "the cookie reached the exchange");
  assert.equal(called.status(), 200);
  const { iss, aud, sub, name, tenant } = seen;
  assert.deepEqual({ iss, aud, sub, name, tenant }, { iss: ISSUER, aud: "loyalty-api", sub: "user-1", name: "ada@example.com", tenant: "acme" });
  const call = await called.request().allHeaders();
  assert.equal(call.authorization, `Bearer ${(await exchanged.json()).token}`);
  assert.equal(call.cookie, undefined, "the session stays at the marketplace");
  assert.equal(call.origin, ISSUER);
  assert.deepEqual(record.errors, []);
}));

test("the issuer's log names the browser and not nginx, whatever the page writes", () => visit(async ({ page }) => {
  assert.equal(await logIn(page), 204);
  for (const headers of [
    {},
    { "X-Forwarded-For": SPOOFED },
    { "X-Forwarded-For": `${SPOOFED}, ${NGINX}` },
    { Forwarded: `for=${SPOOFED};host=evil.example;proto=http` },
    { "X-Real-IP": SPOOFED, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http" },
  ]) {
    const { status, id, body } = await exchange(page, headers);
    assert.equal(status, 200, JSON.stringify({ headers, body }));
    const lines = linesOf(id);
    assert.equal(lines.filter((line) => line.includes("token issued")).length, 1, `${id} in\n${market.exeat.logs()}`);
    for (const line of lines) assert.match(line, new RegExp(`client=${BROWSER.replaceAll(".", "\\.")}\\b`), JSON.stringify(headers));
  }
  const logs = market.exeat.logs();
  assert.ok(!logs.includes(SPOOFED) && !logs.includes("evil.example") && !logs.includes(`client=${NGINX}`), logs);
  for (const session of market.sessions) assert.ok(!logs.includes(session), "no session id is logged");
}));

test("a refusal through nginx is readable and names the browser too", () => visit(async ({ page }) => {
  const { status, id, body } = await exchange(page, { "X-Forwarded-For": SPOOFED });
  assert.deepEqual([status, body.code], [401, "no_session"]);
  assert.equal(body.request_id, id);
  const [line, ...others] = linesOf(id).filter((one) => one.includes("exchange refused"));
  assert.deepEqual(others, []);
  assert.ok(line.includes(`client=${BROWSER}`) && line.includes("no_session"), line);
}));

test("a browser that was told nothing of the certificate goes nowhere", async () => {
  const stranger = await launch(resolving());
  try {
    const { page } = await openPage(stranger);
    await assert.rejects(page.goto(`${ISSUER}/`), /ERR_CERT_AUTHORITY_INVALID/);
  } finally {
    await stranger.close();
  }
});
