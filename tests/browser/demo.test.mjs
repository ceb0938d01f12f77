// The demo page in a real browser: login, exchange, call and every attack, judged by what is shown and by what the servers saw.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, openPage } from "./browser.mjs";
import { startDemo } from "./demo.mjs";

const SCREENSHOTS = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));
const STEPS = ["session", "token", "call", "answer"];

/** What the page must show for each attack from the right origin. */
const REFUSALS = {
  tampered: { status: "401", challenge: /^Bearer error="invalid_token"/, code: "bad_signature" },
  expired: { status: "401", challenge: /^Bearer error="invalid_token"/, code: "expired" },
  "other-tenant": { status: "403", challenge: /^none$/, code: "tenant_not_allowed" },
  "other-audience": { status: "401", challenge: /^Bearer error="invalid_token"/, code: "wrong_audience" },
  "no-token": { status: "401", challenge: /^Bearer$/, code: "no_token" },
};

/** What a browser writes to the console about a refusal by itself. Nothing else may stand there. */
const EXPECTED_ERRORS = [
  /^Failed to load resource: the server responded with a status of 40[13]/,
  /^Failed to load resource: net::ERR_FAILED/,
  /^Access to fetch at 'http:\/\/127\.0\.0\.1:\d+\/\S*' from origin 'http:\/\/\S+' has been blocked by CORS policy/,
];

let demo;
let browser;

before(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  demo = await startDemo();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "SIGTERM ends the demo well");
});

/** Runs `story` on a fresh page of the demo and then judges what every story must keep to. */
async function visit(options, story) {
  const { context, page, record } = await openPage(browser, options);
  try {
    await page.goto(demo.marketplace);
    await page.locator("[data-user]").first().waitFor();
    await story({ context, page, record });
    assert.deepEqual(record.violations, [], "Content-Security-Policy violations");
    assert.deepEqual(record.errors.filter((error) => !EXPECTED_ERRORS.some((expected) => expected.test(error))), [], "console errors");
    const own = [demo.marketplace, demo.api, demo.hostile].map((url) => new URL(url).origin);
    assert.deepEqual(record.requests.map((request) => request.url()).filter((url) => !own.includes(new URL(url).origin)), [], "foreign assets");
  } finally {
    await context.close();
  }
}

const stepIs = (page, step, state) => page.locator(`#step-${step}[data-state="${state}"]`).waitFor();

async function logIn(page, user, answer = "ok") {
  await page.locator(`[data-user="${user}"]`).click();
  await stepIs(page, "answer", answer);
}

async function attack(page, name) {
  await page.locator(`[data-attack="${name}"]`).click();
  const result = page.locator(`[data-result="${name}"][data-verdict]`);
  await result.waitFor();
  const fields = await result.locator("[data-field]").evaluateAll((nodes) => nodes.map((node) => [node.dataset.field, node.textContent]));
  return { verdict: await result.getAttribute("data-verdict"), ...Object.fromEntries(fields) };
}

const claims = (page) => page.locator("#token-claims [data-claim]").evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.dataset.claim, row.cells[1].textContent])));

test("a login runs through all four steps, and the API knows the user", () => visit({}, async ({ page, record }) => {
  await logIn(page, "ada");
  for (const step of STEPS) await stepIs(page, step, "ok");
  assert.match(await page.locator("#step-answer").innerText(), /ada@example\.com/);

  const shown = await claims(page);
  assert.equal(shown.alg, "ES256");
  assert.equal(shown.iss, demo.marketplace);
  assert.equal(shown.name, "ada@example.com");
  assert.equal(shown.tenant, "northwind");
  for (const name of ["aud", "sub", "iat", "nbf", "exp", "jti", "sid", "kid"]) assert.ok(shown[name], `${name} is shown`);
  // The countdown is written by the page's own timer.
  const remaining = Number(await page.locator('#token-life:not([data-remaining=""])').getAttribute("data-remaining"));
  assert.ok(remaining > 200 && remaining <= 300, `remaining life ${remaining}`);

  // What really went over the wire.
  const call = record.requests.find((request) => request.url().startsWith(demo.api) && request.method() === "GET");
  const headers = await call.allHeaders();
  assert.match(headers.authorization, /^Bearer ey/);
  assert.equal(headers.origin, new URL(demo.marketplace).origin);
  assert.equal(headers.cookie, undefined, "no cookie reaches the API");
  const answer = await call.response();
  assert.equal(answer.status(), 200);
  assert.equal(await answer.headerValue("access-control-allow-origin"), new URL(demo.marketplace).origin);
}));

test("the session is a cookie that no script sees, and the token is in no storage and no URL", () => visit({}, async ({ context, page, record }) => {
  await logIn(page, "ben");
  const cookies = await context.cookies();
  assert.equal(cookies.length, 1);
  assert.equal(cookies[0].httpOnly, true);
  assert.equal(cookies[0].sameSite, "Strict");
  const kept = await page.evaluate(() => ({ cookie: document.cookie, local: { ...localStorage }, session: { ...sessionStorage }, url: location.href }));
  assert.deepEqual({ cookie: kept.cookie, local: kept.local, session: kept.session }, { cookie: "", local: {}, session: {} });
  const call = record.requests.find((request) => request.url().startsWith(demo.api) && request.method() === "GET");
  const token = (await call.allHeaders()).authorization.split(" ")[1];
  for (const secret of [cookies[0].value, ...token.split(".")]) {
    assert.ok(!record.requests.some((request) => request.url().includes(secret)), "a secret in a URL");
    assert.ok(!kept.url.includes(secret));
    assert.ok(!demo.logs().includes(secret), "a secret in the log");
  }
  const signature = token.split(".")[2];
  assert.ok(!(await page.content()).includes(signature), "the signature is not on the page");
}));

test("a user of the tenant that the API does not serve gets a token and a 403", () => visit({}, async ({ page }) => {
  await logIn(page, "cleo", "failed");
  for (const step of ["session", "token", "call"]) await stepIs(page, step, "ok");
  assert.match(await page.locator("#step-answer").innerText(), /403[\s\S]*tenant_not_allowed/);
}));

for (const [name, expected] of Object.entries(REFUSALS)) {
  test(`attack ${name}: refused, and the page may read why`, () => visit({}, async ({ page, record }) => {
    await logIn(page, "ada");
    const from = record.requests.length;
    const shown = await attack(page, name);
    assert.equal(shown.verdict, "refused");
    assert.equal(shown.status, expected.status);
    assert.match(shown.challenge, expected.challenge);
    assert.equal(shown.code, expected.code);
    assert.match(shown.request, /^GET http:\/\/127\.0\.0\.1:\d+\//);
    assert.ok(shown.cors.includes(new URL(demo.marketplace).origin), shown.cors);
    assert.match(shown["api-log"], new RegExp(`${expected.status}[\\s\\S]*${expected.code}`));

    // The page tells the truth: the same stands on the wire.
    const calls = record.requests.slice(from).filter((request) => request.url().startsWith(demo.api) && request.method() === "GET");
    assert.equal(calls.length, 1);
    const answer = await calls[0].response();
    assert.equal(String(answer.status()), expected.status);
    assert.equal((await answer.json()).code, expected.code);
    assert.match((await answer.headerValue("www-authenticate")) ?? "none", expected.challenge);
    assert.equal(await answer.headerValue("exeat-handler"), "not-run");
    const sent = (await calls[0].allHeaders()).authorization;
    assert.equal(sent === undefined, name === "no-token", "a real token is sent");
  }));
}

test("attack hostile: the browser tells the page nothing, and the API's log says why", () => visit({}, async ({ page, record }) => {
  await logIn(page, "ada");
  const before = demo.logs().length;
  const shown = await attack(page, "hostile");
  assert.equal(shown.verdict, "refused");
  assert.equal(shown.code, "origin_not_allowed");
  assert.match(shown.status, /^403/);
  assert.deepEqual(shown["browser-error"].split("\n"), Array(2).fill("TypeError: Failed to fetch"), "both attempts, and nothing but this");
  assert.match(shown["api-log"], /403[\s\S]*origin_not_allowed/);
  assert.match(shown["api-log"], /not[ -]run/, "the handler did not run");
  assert.ok(shown.request.includes(new URL(demo.hostile).origin), shown.request);

  const log = demo.logs().slice(before).replaceAll(/\u001b\[[0-9;]*m/g, "");
  const line = log.split("\n").find((one) => one.includes("origin_not_allowed"));
  assert.ok(line?.includes(new URL(demo.hostile).origin), `the server's own log names the origin: ${line}`);
  const hostile = record.requests.filter((request) => request.url().startsWith(demo.api) && request.frame().url().startsWith(demo.hostile));
  assert.ok(hostile.length >= 2, "the hostile frame really called");
  for (const request of hostile) {
    const answer = await request.response().catch(() => null);
    assert.notEqual(answer?.status(), 200);
  }
}));

test("after every attack a good call is still answered, and signing out forgets everything", () => visit({}, async ({ page }) => {
  await logIn(page, "ada");
  for (const name of [...Object.keys(REFUSALS), "hostile"]) assert.equal((await attack(page, name)).verdict, "refused", name);
  await page.locator("#call-again").click();
  await stepIs(page, "answer", "ok");
  await page.locator("#logout").click();
  for (const step of STEPS) await stepIs(page, step, "idle");
  assert.equal(await page.locator("#token-life").getAttribute("data-remaining"), "");
  assert.deepEqual(await claims(page), {});
  for (const button of await page.locator("[data-attack]").all()) assert.ok(await button.isDisabled());

  await logIn(page, "ben");
  assert.match(await page.locator("#step-answer").innerText(), /ben@example\.com/, "no token of the user before");
}));

test("a reload keeps the session and shows whose it is", () => visit({}, async ({ page }) => {
  await logIn(page, "ben");
  await page.reload();
  await stepIs(page, "answer", "ok");
  await page.locator('[data-user="ben"][aria-pressed="true"]').waitFor();
}));

test("the keyboard alone is enough, and the focus is always to be seen", () => visit({}, async ({ page }) => {
  const pressUntil = async (selector) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate((wanted) => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
        return { there: element.matches(wanted), visible: visible || element === document.body || element.tagName === "IFRAME", name: element.outerHTML.slice(0, 80) };
      }, selector);
      assert.ok(focus.visible, `no visible focus on ${focus.name}`);
      if (focus.there) return;
    }
    assert.fail(`${selector} is not reached by Tab`);
  };
  await pressUntil('[data-user="ada"]');
  await page.keyboard.press("Enter");
  await stepIs(page, "answer", "ok");
  for (const name of [...Object.keys(REFUSALS), "hostile"]) {
    await pressUntil(`[data-attack="${name}"]`);
    await page.keyboard.press("Space");
    await page.locator(`[data-result="${name}"][data-verdict="refused"]`).waitFor();
  }
  await pressUntil("#logout");
  await page.keyboard.press("Enter");
  await stepIs(page, "session", "idle");
}));

for (const [name, options] of Object.entries({
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
})) {
  test(`${name}: nothing is cut off or too small, before and after`, () => visit({ ...options, reducedMotion: "reduce" }, async ({ page }) => {
    const shoot = (moment) => page.screenshot({ path: `${SCREENSHOTS}demo-${name}-${moment}.png`, fullPage: true });
    await shoot("start");
    await logIn(page, "ada");
    for (const attackName of [...Object.keys(REFUSALS), "hostile"]) await attack(page, attackName);
    await shoot("attacked");
    const layout = await page.evaluate(() => ({
      overflow: document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth,
      small: [...document.querySelectorAll("button")].filter((button) => button.getBoundingClientRect().height < 32).map((button) => button.textContent),
      tiny: [...document.querySelectorAll("p, dd, dt, td, th, li, button")].filter((node) => node.textContent.trim() && node.checkVisibility() && parseFloat(getComputedStyle(node).fontSize) < 11).map((node) => node.textContent.slice(0, 40)),
    }));
    assert.deepEqual(layout, { overflow: 0, small: [], tiny: [] });
  }));
}

test("every page comes with a strict policy and no way to be framed by strangers", async () => {
  for (const [site, framedBy] of [["marketplace", "'none'"], ["hostile", new URL(demo.marketplace).origin]]) {
    const answer = await fetch(demo[site]);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.ok(policy.includes("default-src 'none'"), `${site}: ${policy}`);
    assert.ok(policy.includes(`frame-ancestors ${framedBy}`), `${site}: ${policy}`);
    assert.ok(!/unsafe-|\*|data:/.test(policy), `${site}: ${policy}`);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", site);
    assert.equal(answer.headers.get("referrer-policy"), "no-referrer", site);
  }
});
