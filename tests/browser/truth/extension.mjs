// What a server sees of an MV3 extension.
import { callFromContentScript, CONTENT_HOSTS } from "./extensions.mjs";
import { told } from "./metadata.mjs";
import { allowed, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

/** The places of an extension that can fetch, each as a function `(url, init) → what it saw`. */
export async function place(world, kind, name, host = CONTENT_HOSTS.listed) {
  const { browsers, pages, at } = world;
  const extension = browsers.extensions[name];
  if (kind === "service worker") {
    const worker = await browsers.worker(extension);
    return (url, init) => call(worker, url, init);
  }
  const page = await world.context.newPage();
  await page.goto(kind === "page" ? `${extension.origin}/page.html` : at(pages, host));
  pages.take();
  return (url, init) => (kind === "page" ? call(page, url, init) : callFromContentScript(page, name, url, init));
}

const INITS = {
  GET: {},
  "GET without ACAO": {},
  POST: { method: "POST", body: "x" },
  "GET with a token": { headers: { Authorization: "Bearer t" } },
};

/** What place and server see of each kind of request. */
const send = (kind, name) => async (world, what) => {
  const { api, fresh } = world;
  const from = await place(world, kind, name);
  api.answers((request) => (isPreflight(request) ? allowed(request) : { headers: what.endsWith("without ACAO") ? [] : [shared(request)] }));
  const got = await from(fresh(), INITS[what]);
  return `${got} ← ${api.take().map(told).join(" · ")}`;
};
const CROSS = "cross-site cors empty; Origin EXTENSION";

export const section = "MV3 extensions";
export const facts = [
  {
    name: "an extension with host permission: a GET has no Origin and is none, a POST has Origin and is none, and nothing is asked before",
    cases: [96],
    says: "no standard; Fetch Metadata proposes `same-origin` for it",
    profile: "ordinary",
    variants: {
      GET: "200 ← GET: none cors empty; Origin none",
      "GET without ACAO": "200 ← GET: none cors empty; Origin none",
      POST: "200 ← POST: none cors empty; Origin EXTENSION",
      "GET with a token": "200 ← GET: none cors empty; Origin none",
    },
    run: send("service worker", "permitted-listed"),
  },
  {
    name: "a page of an extension with host permission sends what its service worker sends",
    cases: [96],
    says: "no standard",
    profile: "ordinary",
    variants: {
      GET: "200 ← GET: none cors empty; Origin none",
      "GET without ACAO": "200 ← GET: none cors empty; Origin none",
      POST: "200 ← POST: none cors empty; Origin EXTENSION",
      "GET with a token": "200 ← GET: none cors empty; Origin none",
    },
    run: send("page", "permitted-listed"),
  },
  {
    name: "an extension without host permission is a page like any other, preflights included",
    cases: [95, 98],
    says: "CORS, with the origin `chrome-extension://ID`",
    profile: "ordinary",
    variants: {
      GET: `200 ← GET: ${CROSS}`,
      "GET without ACAO": `TypeError ← GET: ${CROSS}`,
      POST: `200 ← POST: ${CROSS}`,
      "GET with a token": `200 ← OPTIONS: ${CROSS} · GET: ${CROSS}`,
    },
    run: send("service worker", "plain-listed"),
  },
  {
    name: "a content script sends what its page would, whatever its extension may",
    cases: [97],
    says: "Chrome's documentation: content scripts are subject to the page's origin",
    profile: "ordinary",
    variants: {
      GET: "200 ← GET: cross-site cors empty; Origin http://localhost:pages",
      "GET without ACAO": "TypeError ← GET: cross-site cors empty; Origin http://localhost:pages",
      POST: "200 ← POST: cross-site cors empty; Origin http://localhost:pages",
      "GET with a token": "200 ← OPTIONS: cross-site cors empty; Origin http://localhost:pages · GET: cross-site cors empty; Origin http://localhost:pages",
    },
    run: send("content script", "permitted-listed"),
  },
];
