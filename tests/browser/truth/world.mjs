// What every fact has at hand: the browsers, the sites, and short words for what page and server saw.
import { launch, openPage } from "../browser.mjs";
import { startApi, startSample } from "./api.mjs";
import { certificate } from "./certificate.mjs";
import { startExtensions } from "./extensions.mjs";
import { startSite } from "./site.mjs";

/** Names that no resolver knows lead to loopback. */
const NAMES = "--host-resolver-rules=MAP *.example 127.0.0.1, MAP *.localhost 127.0.0.1";

/** Starts the sites, the browsers and the APIs. `stop()` ends them; what has started ends by itself when something else does not. */
export async function startWorld() {
  const parts = [];
  const stop = async () => {
    for (const part of parts.reverse()) await part();
  };
  try {
    return await start((part) => parts.push(part), stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(ends, stop) {
  const site = async (tls) => {
    const started = await startSite(tls);
    ends(started.close);
    return started;
  };
  const tls = certificate("a.shop.example", "b.shop.example", "api.example");
  const [pages, api, other, far, secure] = [await site(), await site(), await site(), await site(), await site(tls)];
  const sites = { pages, api, other, far, secure };
  const browsers = await startExtensions();
  ends(browsers.stop);
  const gate = await startApi(pages, browsers.origins);
  ends(gate.stop);
  const sample = await startSample(gate.issuer, `http://localhost:${pages.port}`);
  ends(sample.stop);
  const browser = await launch(NAMES, `--ip-address-space-overrides=127.0.0.1:${far.port}=public`, `--ignore-certificate-errors-spki-list=${tls.pin}`);
  ends(() => browser.close());
  const ordinary = await browsers.launch(NAMES);
  let paths = 0;
  const world = {
    browser,
    ordinary,
    browsers,
    sites,
    pages,
    api,
    other,
    /** A site that the browser takes for one in the Internet. */
    far,
    /** A site over https. */
    secure,
    /** The API behind exeat's gate. */
    gate,
    /** `exeat sample-api`. */
    sample,
    /** The site under a name of its: an origin. */
    at: (site, host = "127.0.0.1") => `${site.scheme ?? "http"}://${host}:${site.port}`,
    /** A URL of the site that nobody has used before, so that no cache knows it. */
    fresh: (site = api, host) => `${world.at(site, host)}/${++paths}`,
    /** Ports and ids differ from run to run; in words they do not. */
    tell: (text) => Object.entries({ ...sites, gate })
      .reduce((told, [name, { port }]) => told.replaceAll(`:${port}`, `:${name}`), text)
      .replaceAll(/chrome-extension:\/\/[a-p]{32}/g, "EXTENSION"),
    stop,
  };
  return world;
}

/**
 * Runs every variant of a fact and resolves to what was seen, by variant. A fact has a profile of its own, which is a private one as browsers call it;
 * where it needs what only an ordinary profile has, extensions and cookies of other sites, it shares that one.
 */
export async function observe(world, fact) {
  const isOrdinary = fact.profile === "ordinary";
  const { context, page } = isOrdinary ? { context: world.ordinary, page: await world.ordinary.newPage() } : await openPage(world.browser);
  try {
    await page.goto(world.at(world.pages, fact.from ?? "localhost"));
    const seen = {};
    for (const [name, variant] of Object.entries(fact.variants)) {
      for (const site of Object.values(world.sites)) site.reset();
      const input = Array.isArray(variant) ? variant[0] : name;
      seen[name] = world.tell(await fact.run({ ...world, context, page }, input));
    }
    return seen;
  } finally {
    if (isOrdinary) {
      await Promise.all(context.pages().map((page) => page.close()));
      await context.clearCookies();
    } else {
      await context.close();
    }
  }
}

/** What a fact says that is seen, by variant. */
export const expected = ({ variants }) => Object.fromEntries(Object.entries(variants).map(([name, variant]) => [name, Array.isArray(variant) ? variant[1] : variant]));

/** A fetch by the page, or by a frame or a worker of its: the status, or the kind of answer that has none, or the error's name. */
export const call = (page, url, init) => page.evaluate(async ([url, init]) => {
  try {
    const { status, type } = await fetch(url, init);
    return status === 0 ? type : String(status);
  } catch (error) {
    return error.name;
  }
}, [url, init]);
