// What a document's origin is called when it is not simply that of its URL.
import { brief, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

const PAGE = "http://localhost:pages";
const HTML = ["Content-Type", "text/html"];

/** A frame of the page with these attributes, once it is loaded. */
export async function frame(page, attributes) {
  const element = await page.evaluateHandle((attributes) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    for (const [name, value] of Object.entries(attributes)) {
      frame.setAttribute(name, value === "blob" ? URL.createObjectURL(new Blob(["<title>a blob</title>"], { type: "text/html" })) : value);
    }
    frame.onload = () => resolve(frame);
    document.body.append(frame);
  }), attributes);
  return element.contentFrame();
}

/** A worker of the page, made of an empty script. */
async function worker(page, url) {
  const [made] = await Promise.all([
    page.waitForEvent("worker"),
    page.evaluate((url) => { globalThis.kept = new Worker(url === "blob" ? URL.createObjectURL(new Blob([""], { type: "text/javascript" })) : url); }, url),
  ]);
  return made;
}

/** A GET from there, shared with whoever asks. */
const get = async ({ api, fresh }, from) => {
  api.answers((request) => ({ headers: [shared(request)] }));
  return `${await call(from, fresh())} ← ${brief(api.take(), "origin")}`;
};

export const section = "Origins that are not a URL's";
export const facts = [
  {
    name: "a sandboxed or data: document is null, and a blob:, srcdoc or about:blank one is its maker",
    cases: [60],
    says: "HTML: sandbox without allow-same-origin and `data:` give an opaque origin; the others have that of their maker",
    variants: {
      "sandbox": [{ sandbox: "allow-scripts", src: "/frame" }, "200 ← GET, origin: null"],
      "sandbox with allow-same-origin": [{ sandbox: "allow-scripts allow-same-origin", src: "/frame" }, `200 ← GET, origin: ${PAGE}`],
      "`srcdoc`": [{ srcdoc: "<title>inline</title>" }, `200 ← GET, origin: ${PAGE}`],
      "`srcdoc` with sandbox": [{ srcdoc: "<title>inline</title>", sandbox: "allow-scripts" }, "200 ← GET, origin: null"],
      "`data:`": [{ src: "data:text/html,<title>data</title>" }, "200 ← GET, origin: null"],
      "`blob:`": [{ src: "blob" }, `200 ← GET, origin: ${PAGE}`],
      "`about:blank`": [{ src: "about:blank" }, `200 ← GET, origin: ${PAGE}`],
    },
    run: async (world, attributes) => get(world, await frame(world.page, attributes)),
  },
  {
    name: "a worker made of a data: URL is null, and one of a blob: is its page",
    cases: [60],
    says: "HTML: as documents",
    variants: {
      "`data:`": ["data:text/javascript,", "200 ← GET, origin: null"],
      "`blob:`": ["blob", `200 ← GET, origin: ${PAGE}`],
    },
    run: async (world, url) => get(world, await worker(world.page, url)),
  },
  {
    name: "a page sent with Content-Security-Policy: sandbox is null",
    cases: [60],
    says: "CSP `sandbox` directive",
    variants: {
      "`sandbox allow-scripts`": "200 ← GET, origin: null",
      "`sandbox allow-scripts allow-same-origin`": `200 ← GET, origin: ${PAGE}`,
    },
    run: async (world, policy) => {
      world.pages.answers(() => ({ headers: [HTML, ["Content-Security-Policy", policy.replaceAll("`", "")]], body: "<title>a page</title>" }));
      await world.page.goto(world.at(world.pages, "localhost"));
      return get(world, world.page);
    },
  },
  {
    name: "ACAO null shares with every sandboxed frame of everybody",
    cases: [1, 74],
    says: "CORS check: `null` equals the serialised opaque origin",
    variants: {
      "`null`": [["null"], "200 ← GET"],
      "`*`": [["*"], "200 ← GET"],
      "the embedder's origin": [["page"], "TypeError ← GET"],
    },
    run: async (world, [value]) => {
      const { api, at, pages, page, fresh } = world;
      const sandboxed = await frame(page, { sandbox: "allow-scripts", src: "/frame" });
      api.answers(() => ({ headers: [["Access-Control-Allow-Origin", value === "page" ? at(pages, "localhost") : value]] }));
      return `${await call(sandboxed, fresh())} ← ${brief(api.take())}`;
    },
  },
  {
    name: "a preflight of a sandboxed frame says Origin: null",
    cases: [60],
    says: "CORS-preflight fetch: the request's origin, serialised",
    variants: { "with a token": "TypeError ← OPTIONS, origin: null" },
    run: async ({ page, api, fresh }) => {
      const sandboxed = await frame(page, { sandbox: "allow-scripts", src: "/frame" });
      api.answers((request) => (isPreflight(request) ? { status: 403 } : { headers: [shared(request)] }));
      return `${await call(sandboxed, fresh(), { headers: { Authorization: "Bearer t" } })} ← ${brief(api.take(), "origin")}`;
    },
  },
  {
    name: "no-referrer leaves Origin as it is in a fetch, and makes it null in a form",
    cases: [60],
    says: "append a request `Origin` header: `null` under no-referrer unless the mode is cors (or the request is GET or HEAD)",
    differs: "a no-cors POST keeps its Origin",
    variants: {
      "fetch cors GET": [{ method: "GET", mode: "cors" }, `200 ← GET, origin: ${PAGE}`],
      "fetch cors POST": [{ method: "POST", mode: "cors" }, `200 ← POST, origin: ${PAGE}`],
      "fetch no-cors GET": [{ method: "GET", mode: "no-cors" }, "opaque ← GET"],
      "fetch no-cors POST": [{ method: "POST", mode: "no-cors" }, `opaque ← POST, origin: ${PAGE}`],
      "form POST": ["form", "a page ← POST, origin: null"],
    },
    run: async ({ page, api, fresh }, init) => {
      api.answers((request) => ({ headers: [shared(request)] }));
      if (init === "form") {
        const content = `<meta name="referrer" content="no-referrer"><form method="POST" action="${fresh()}"><button>go</button></form>`;
        await page.setContent(content);
        await page.click("button");
        return `a page ← ${brief(await api.next(1), "origin", "referer")}`;
      }
      return `${await call(page, fresh(), { ...init, referrerPolicy: "no-referrer" })} ← ${brief(api.take(), "origin", "referer")}`;
    },
  },
  {
    name: "Origin is written canonically, however the URL was typed",
    cases: [29, 30, 39],
    says: "serialisation of an origin: lower case, compressed IPv6, no default port; a dot at the end stays",
    variants: {
      "`http://LOCALHOST`": ["LOCALHOST", `200 ← GET, origin: ${PAGE}`],
      "`http://127.1`": ["127.1", "200 ← GET, origin: http://127.0.0.1:pages"],
      "`http://0x7f.0.0.1`": ["0x7f.0.0.1", "200 ← GET, origin: http://127.0.0.1:pages"],
      "`http://bücher.localhost`": ["bücher.localhost", "200 ← GET, origin: http://xn--bcher-kva.localhost:pages"],
      "`http://a_b.localhost`": ["a_b.localhost", "200 ← GET, origin: http://a_b.localhost:pages"],
      "`http://a.localhost.`": ["a.localhost.", "200 ← GET, origin: http://a.localhost.:pages"],
      "`http://[0:0:0:0:0:0:0:1]`": ["[0:0:0:0:0:0:0:1]", "200 ← GET, origin: http://[::1]:pages"],
    },
    run: async (world, host) => {
      const { context, page, pages, at } = world;
      // Not every machine has ::1. The page alone is made up, so that the browser cannot know where it is; its call is real.
      if (host.startsWith("[")) {
        await context.grantPermissions(["local-network-access"]);
        await page.route(`${at(pages, "[::1]")}/`, (route) => route.fulfill({ contentType: "text/html", body: "<title>a page</title>" }));
      }
      await page.goto(at(pages, host));
      return get(world, world.page);
    },
  },
];
