// What a server learns of a request from Sec-Fetch-*, and what it can keep others from doing with an answer.
import { allowed, brief, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

/** What a request says of itself: site, mode, destination, and its Origin. */
export const told = ({ method, headers }) => {
  const site = headers["sec-fetch-site"];
  const fetched = site ? `${site} ${headers["sec-fetch-mode"]} ${headers["sec-fetch-dest"]}` : "no Sec-Fetch";
  return `${method}: ${fetched}; Origin ${headers.origin ?? "none"}`;
};

/** Each way of making a page send a request, by name; `url` is the target's. */
const WAYS = {
  image: (url) => { new Image().src = url; },
  script: (url) => { document.head.append(Object.assign(document.createElement("script"), { src: url })); },
  "script crossorigin": (url) => { document.head.append(Object.assign(document.createElement("script"), { src: url, crossOrigin: "anonymous" })); },
  stylesheet: (url) => { document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: url })); },
  video: (url) => { document.body.append(Object.assign(document.createElement("video"), { src: url })); },
  frame: (url) => { document.body.append(Object.assign(document.createElement("iframe"), { src: url })); },
  "form POST": (url) => {
    const form = Object.assign(document.createElement("form"), { action: url, method: "POST" });
    document.body.append(form);
    form.submit();
  },
  navigation: (url) => { location.href = url; },
  "fetch cors": (url) => { fetch(url).catch(() => {}); },
  "fetch cors POST": (url) => { fetch(url, { method: "POST", body: "x" }).catch(() => {}); },
  "fetch no-cors": (url) => { fetch(url, { mode: "no-cors" }).catch(() => {}); },
  "fetch no-cors POST": (url) => { fetch(url, { mode: "no-cors", method: "POST", body: "x" }).catch(() => {}); },
  preflight: (url) => { fetch(url, { method: "PUT" }).catch(() => {}); },
  XMLHttpRequest: (url) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.send();
  },
  EventSource: (url) => { globalThis.kept = new EventSource(url); },
  beacon: (url) => { navigator.sendBeacon(url, "x"); },
  WebSocket: (url) => { globalThis.kept = new WebSocket(url.replace("http", "ws")); },
};

/** Ways that end the page. */
const LEAVES = ["form POST", "navigation"];

/** Makes the page send a request to `url` in one of the ways. */
export const send = (page, way, url) => page.evaluate(`(${WAYS[way]})(${JSON.stringify(url)})`);

/** What the target learns when a page under `host` sends it a request in this way. */
const learn = (host, target) => async ({ context, page: ours, pages, api, at, fresh }, way) => {
  const page = LEAVES.includes(way) ? await context.newPage() : ours;
  await page.goto(at(pages, host));
  pages.take();
  api.answers((request) => (request.headers.upgrade ? {} : { headers: [["Content-Type", "text/plain"]] }));
  const site = target === "same-origin" ? pages : api;
  const url = target === "same-origin" ? fresh(pages, host) : fresh(api, target);
  await send(page, way, url);
  return told((await site.next(1))[0]);
};

const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
/** How it goes for the page with an element or a fetch. */
const USES = {
  "<img>": (url) => new Promise((resolve) => { Object.assign(new Image(), { onload: () => resolve("loaded"), onerror: () => resolve("error") }).src = url; }),
  "<script>": (url) => new Promise((resolve) => {
    document.head.append(Object.assign(document.createElement("script"), { src: url, onload: () => resolve("loaded"), onerror: () => resolve("error") }));
  }),
  "<iframe>": (url) => new Promise((resolve) => {
    const shown = (frame) => (frame.contentDocument ? "readable" : "loaded, unreadable");
    document.body.append(Object.assign(document.createElement("iframe"), { src: url, onload: ({ target }) => resolve(shown(target)) }));
  }),
  "fetch no-cors": (url) => fetch(url, { mode: "no-cors" }).then(({ type }) => type, ({ name }) => name),
  "fetch cors": (url) => fetch(url).then(({ status }) => String(status), ({ name }) => name),
};
/** Resolves to what the page's script learns of `url` in one of these ways. */
export const learned = (page, way, url) => page.evaluate(`(${USES[way]})(${JSON.stringify(url)})`);

const use = async ({ page, api, fresh }, [way, type, lines]) => {
  api.answers((request) => ({ headers: [["Content-Type", type], shared(request), ...lines], body: type === "image/gif" ? GIF : "globalThis.ran = true;" }));
  return `${await learned(page, way, fresh())} ← ${brief(api.take())}`;
};
const CORP = [["Cross-Origin-Resource-Policy", "same-origin"]];
const NOSNIFF = [["X-Content-Type-Options", "nosniff"]];

export const section = "Fetch metadata";
export const facts = [
  {
    name: "cross-site requests tell their mode and what they are for",
    cases: [103, 105, 122],
    says: "Fetch Metadata; Origin for cors, websocket and every method but GET and HEAD",
    differs: "a WebSocket handshake has none of `Sec-Fetch-*`, though loopback is potentially trustworthy",
    variants: {
      image: "GET: cross-site no-cors image; Origin none",
      script: "GET: cross-site no-cors script; Origin none",
      "script crossorigin": "GET: cross-site cors script; Origin http://localhost:pages",
      stylesheet: "GET: cross-site no-cors style; Origin none",
      video: "GET: cross-site no-cors video; Origin none",
      frame: "GET: cross-site navigate iframe; Origin none",
      "form POST": "POST: cross-site navigate document; Origin http://localhost:pages",
      navigation: "GET: cross-site navigate document; Origin none",
      "fetch cors": "GET: cross-site cors empty; Origin http://localhost:pages",
      "fetch cors POST": "POST: cross-site cors empty; Origin http://localhost:pages",
      "fetch no-cors": "GET: cross-site no-cors empty; Origin none",
      "fetch no-cors POST": "POST: cross-site no-cors empty; Origin http://localhost:pages",
      preflight: "OPTIONS: cross-site cors empty; Origin http://localhost:pages",
      XMLHttpRequest: "GET: cross-site cors empty; Origin http://localhost:pages",
      EventSource: "GET: cross-site cors empty; Origin http://localhost:pages",
      beacon: "POST: cross-site no-cors empty; Origin http://localhost:pages",
      WebSocket: "GET: no Sec-Fetch; Origin http://localhost:pages",
    },
    run: learn("localhost", "127.0.0.1"),
  },
  {
    name: "over https a WebSocket handshake has no Sec-Fetch either",
    cases: [103, 104, 122],
    says: "Fetch Metadata: `Sec-Fetch-Mode: websocket` to every potentially trustworthy URL",
    differs: "no handshake has `Sec-Fetch-*`, over wss: neither: Origin is all that a server has",
    variants: {
      "fetch cors": [["api.example", "fetch cors"], "GET: cross-site cors empty; Origin https://a.shop.example:secure"],
      WebSocket: [["api.example", "WebSocket"], "GET: no Sec-Fetch; Origin https://a.shop.example:secure"],
      "fetch cors to a sibling": [["b.shop.example", "fetch cors"], "GET: same-site cors empty; Origin https://a.shop.example:secure"],
      "WebSocket to a sibling": [["b.shop.example", "WebSocket"], "GET: no Sec-Fetch; Origin https://a.shop.example:secure"],
    },
    run: async ({ page, secure, at, fresh }, [host, way]) => {
      await page.goto(at(secure, "a.shop.example"));
      secure.take();
      secure.answers((request) => (request.headers.upgrade ? {} : { headers: [shared(request)] }));
      await send(page, way, fresh(secure, host));
      return told((await secure.next(1))[0]);
    },
  },
  {
    name: "a sibling sub-domain is same-site, whatever its port",
    cases: [104],
    says: "`same-site`: the same scheme and registrable domain",
    variants: {
      image: "GET: same-site no-cors image; Origin none",
      "fetch cors": "GET: same-site cors empty; Origin http://a.shop.localhost:pages",
      WebSocket: "GET: no Sec-Fetch; Origin http://a.shop.localhost:pages",
    },
    run: learn("a.shop.localhost", "b.shop.localhost"),
  },
  {
    name: "a same-origin GET has no Origin, a same-origin POST has one",
    cases: [84, 96],
    says: "append a request `Origin` header: a response tainting of cors, or a method that is neither GET nor HEAD",
    variants: {
      image: "GET: same-origin no-cors image; Origin none",
      "fetch cors": "GET: same-origin cors empty; Origin none",
      "fetch cors POST": "POST: same-origin cors empty; Origin http://localhost:pages",
      WebSocket: "GET: no Sec-Fetch; Origin http://localhost:pages",
    },
    run: learn("localhost", "same-origin"),
  },
  {
    name: "an http name beyond loopback is told nothing of Sec-Fetch",
    cases: [106],
    says: "Sec-Fetch-* only to potentially trustworthy URLs: https, loopback addresses and localhost",
    variants: {
      image: "GET: no Sec-Fetch; Origin none",
      "fetch cors": "GET: no Sec-Fetch; Origin http://localhost:pages",
      "fetch no-cors POST": "POST: no Sec-Fetch; Origin http://localhost:pages",
      WebSocket: "GET: no Sec-Fetch; Origin http://localhost:pages",
    },
    run: learn("localhost", "api.example"),
  },
  {
    name: "a page of an http name beyond loopback is cross-site to loopback",
    cases: [106, 107],
    says: "the target alone decides whether Sec-Fetch-* is sent",
    variants: {
      image: "GET: cross-site no-cors image; Origin none",
      "fetch cors": "GET: cross-site cors empty; Origin http://shop.example:pages",
      WebSocket: "GET: no Sec-Fetch; Origin http://shop.example:pages",
    },
    run: learn("shop.example", "127.0.0.1"),
  },
  {
    name: "an address that is typed is none, and a link that is clicked is by the user",
    cases: [96, 103],
    says: "`Sec-Fetch-Site: none` where no site started it; `Sec-Fetch-User: ?1` with a user activation",
    variants: {
      typed: "GET: none navigate document; Origin none; user ?1",
      clicked: "GET: cross-site navigate document; Origin none; user ?1",
    },
    run: async ({ page, pages, api, at, fresh }, how) => {
      const url = fresh();
      if (how === "typed") {
        await page.goto(url);
      } else {
        await page.goto(at(pages, "localhost"));
        await page.setContent(`<a href="${url}">there</a>`);
        await page.click("a");
      }
      const [request] = await api.next(1);
      return `${told(request)}; user ${request.headers["sec-fetch-user"]}`;
    },
  },
  {
    name: "no page can set Sec-Fetch-*, Origin or Cookie",
    cases: [20],
    says: "forbidden request-headers are dropped without an error",
    variants: {
      "all of them": "200 ← GET, origin: http://localhost:pages, sec-fetch-site: cross-site",
    },
    run: async ({ page, api, fresh }) => {
      api.answers((request) => (isPreflight(request) ? allowed(request) : { headers: [shared(request)] }));
      const headers = { Origin: "https://evil.example", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "cors", Cookie: "a=b", "Access-Control-Request-Method": "PUT" };
      return `${await call(page, fresh(), { headers })} ← ${brief(api.take(), "origin", "cookie", "sec-fetch-site", "access-control-request-method")}`;
    },
  },
  {
    name: "Cross-Origin-Resource-Policy stops embedding and no-cors, not CORS",
    cases: [103],
    says: "cross-origin resource policy check: for requests in mode no-cors",
    variants: {
      "`<img>`, none": [["<img>", "image/gif", []], "loaded ← GET"],
      "`<img>`, same-origin": [["<img>", "image/gif", CORP], "error ← GET"],
      "`<script>`, none": [["<script>", "text/javascript", []], "loaded ← GET"],
      "`<script>`, same-origin": [["<script>", "text/javascript", CORP], "error ← GET"],
      "fetch no-cors, none": [["fetch no-cors", "text/plain", []], "opaque ← GET"],
      "fetch no-cors, same-origin": [["fetch no-cors", "text/plain", CORP], "TypeError ← GET"],
      "fetch cors, same-origin": [["fetch cors", "text/plain", CORP], "200 ← GET"],
    },
    run: use,
  },
  {
    name: "nosniff keeps what is no script from being run as one",
    cases: [103],
    says: "nosniff: a script must have a JavaScript media type",
    variants: {
      "`text/plain`, none": [["<script>", "text/plain", []], "loaded ← GET"],
      "`text/plain`, nosniff": [["<script>", "text/plain", NOSNIFF], "error ← GET"],
      "`application/json`, nosniff": [["<script>", "application/json", NOSNIFF], "error ← GET"],
    },
    run: use,
  },
];
