// Headless Chromium with a fresh profile, and a record of everything a page does that a test may want to judge.
import { chromium } from "../peers/node/playwright.mjs";
import { DEADLINE } from "./process.mjs";

const ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const HOW = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true };

export const launch = (...args) => chromium.launch({ ...HOW, args: [...ARGS, ...args] });

/** A browser with a profile in `profile` and the unpacked extension of `folder`, or of several with commas between. */
export const launchWithExtension = (profile, folder, ...args) => chromium.launchPersistentContext(profile, {
  ...HOW,
  // Playwright turns extensions off unless it is told not to.
  ignoreDefaultArgs: ["--disable-extensions"],
  args: [...ARGS, ...args, `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
});

/** A new page in a profile of its own; `record` collects what happens in it and in its frames. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(DEADLINE);
  const record = { violations: [], errors: [], requests: [] };
  await context.exposeBinding("exeatViolation", (_, violation) => record.violations.push(violation));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      globalThis.exeatViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => record.errors.push(`uncaught: ${error.message}`));
  page.on("console", (message) => { if (message.type() === "error") record.errors.push(message.text()); });
  page.on("request", (request) => record.requests.push(request));
  return { context, page, record };
}
