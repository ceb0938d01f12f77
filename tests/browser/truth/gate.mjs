// A real API behind exeat's gate: what pages, frames and extensions get of it, and what gets through to a handler.
import { visitApi } from "./credentials.mjs";
import { place } from "./extension.mjs";
import { CONTENT_HOSTS } from "./extensions.mjs";
import { learned, send } from "./metadata.mjs";
import { frame } from "./origins.mjs";
import { brief } from "./site.mjs";
import { call } from "./world.mjs";

const SHOWN = ["www-authenticate", "retry-after", "exeat-handler"];
const INVALID = 'www-authenticate: Bearer error="invalid_token", error_description';
const REFUSED = "exeat-handler: not-run ← OPTIONS · GET; handled: nothing";
const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });
let count = 0;
/** A URL of the gated API; the query is new, so that no preflight is remembered for it. */
const url = ({ at, gate }, path) => `${at(gate)}${path}${path.includes("?") ? "&" : "?"}${++count}`;

/** What arrived at the gate, and what got through. */
export async function verdict({ gate }, ...names) {
  const { arrived, handled } = await gate.taken();
  return `${brief(arrived, ...names)}; handled: ${brief(handled, ...names)}`;
}

/** Fetches and reads as an API's page does: status, what the body says, and headers that matter. */
const read = (page, url, init) => page.evaluate(async ([url, init, shown]) => {
  try {
    const answer = await fetch(url, init);
    const { code, sub } = await answer.json().catch(() => ({}));
    const headers = shown.filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
    return [[answer.status, code ?? sub].filter(Boolean).join(" "), ...headers].join(", ");
  } catch (error) {
    return error.name;
  }
}, [url, init, SHOWN]);

const webSocket = (page, url, token) => page.evaluate(([url, token]) => new Promise((resolve) => {
  const entry = `base64url.bearer.authorization.127.0.0.1.${btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  const socket = new WebSocket(url, [entry, "points.v1"]);
  socket.onmessage = ({ data }) => { resolve(`${data}, protocol "${socket.protocol}"`); socket.close(); };
  socket.onclose = ({ code }) => resolve(`closed ${code}`);
}), [url.replace("http", "ws"), token]);

/** Ways to use a good token of somebody else. */
const THEFTS = {
  "fetch with Authorization": async (world, page, token) => read(page, url(world, "/points"), bearer(token)),
  "POST with Authorization": async (world, page, token) => read(page, url(world, "/points"), { method: "POST", body: "x", ...bearer(token) }),
  "fetch with the token in the URL": async (world, page, token) => read(page, url(world, `/feed?access_token=${token}`)),
  "the same, no-cors": async (world, page, token) => call(page, url(world, `/feed?access_token=${token}`), { mode: "no-cors" }),
  "EventSource with the token in the URL": async (world, page, token) => page.evaluate((url) => new Promise((resolve) => {
    const source = new EventSource(url);
    source.onmessage = ({ data }) => { resolve(data); source.close(); };
    source.onerror = () => { resolve("error"); source.close(); };
  }), url(world, `/events?access_token=${token}`)),
  "WebSocket with the token": async (world, page, token) => webSocket(page, url(world, "/live"), token),
};
const theft = (open) => async (world, way) => {
  const page = await open(world);
  const got = await THEFTS[way](world, page, await world.gate.token());
  return `${got} ← ${await verdict(world)}`;
};
/** What a page does with an element, a link or a fetch, with somebody's token in the URL of a route. */
const embedded = (path) => async (world, input) => {
  const [way, host = "localhost"] = [input].flat();
  const page = await world.context.newPage();
  await page.goto(world.at(world.pages, host));
  const target = url(world, `${path}?access_token=${await world.gate.token()}`);
  const isTarget = { predicate: (request) => request.url() === target };
  const ended = ["requestfinished", "requestfailed"].map((event) => world.context.waitForEvent(event, isTarget).catch(() => {}));
  await send(page, way, target);
  await Promise.race(ended);
  return verdict(world);
};
const visit = async ({ page, pages, at }, host) => {
  await page.goto(at(pages, host));
  return page;
};

export const section = "Behind exeat's gate";
export const facts = [
  {
    name: "a page on a listed origin uses a token in every way there is",
    cases: [72, 123],
    says: "what the rows below are held against",
    variants: {
      "fetch with Authorization": "200 ada ← OPTIONS · GET; handled: GET",
      "POST with Authorization": "200 ada ← OPTIONS · POST; handled: POST",
      "fetch with the token in the URL": "200 ada ← GET; handled: GET",
      "EventSource with the token in the URL": "ada ← GET; handled: GET",
      "WebSocket with the token": 'ada, protocol "points.v1" ← GET; handled: GET',
    },
    run: theft(({ page }) => page),
  },
  {
    name: "a page on an unlisted origin with a valid token is refused before any handler runs",
    cases: [58, 82, 122],
    says: "CORS alone lets simple requests and sockets through; the gate refuses by Origin",
    variants: {
      "fetch with Authorization": "TypeError ← OPTIONS; handled: nothing",
      "POST with Authorization": "TypeError ← OPTIONS; handled: nothing",
      "fetch with the token in the URL": "TypeError ← GET; handled: nothing",
      "EventSource with the token in the URL": "error ← GET; handled: nothing",
      "WebSocket with the token": "closed 1006 ← GET; handled: nothing",
    },
    run: theft((world) => visit(world, "evil.localhost")),
  },
  {
    name: "a route that takes its token from the URL runs no handler for a link, a form or an embedded resource, whoever's page it is on",
    cases: [103, 124],
    says: "Fetch metadata tell them from calls; the page that sends them need not know the token's owner",
    variants: {
      image: "GET; handled: nothing",
      script: "GET; handled: nothing",
      "script crossorigin": "GET; handled: nothing",
      video: "GET; handled: nothing",
      frame: "GET; handled: nothing",
      "fetch no-cors": "GET; handled: nothing",
      "fetch no-cors POST": "POST; handled: nothing",
      "form POST": "POST; handled: nothing",
      navigation: "GET; handled: nothing",
      "image on an unlisted page": [["image", "evil.localhost"], "GET; handled: nothing"],
      "fetch no-cors on an unlisted page": [["fetch no-cors", "evil.localhost"], "GET; handled: nothing"],
      "fetch cors": "GET; handled: GET",
      XMLHttpRequest: "GET; handled: GET",
    },
    run: embedded("/feed"),
  },
  {
    name: "a route that is opened by name can be linked to and embedded, and an origin that is not listed is refused all the same",
    cases: [103, 124],
    says: "`without_fetch_metadata`, for downloads and images whose token is in the URL",
    variants: {
      image: "GET; handled: GET",
      script: "GET; handled: GET",
      frame: "GET; handled: GET",
      "fetch no-cors": "GET; handled: GET",
      navigation: "GET; handled: GET",
      "form POST": "POST; handled: POST",
      "image on an unlisted page": [["image", "evil.localhost"], "GET; handled: GET"],
      "form POST on an unlisted page": [["form POST", "evil.localhost"], "POST; handled: nothing"],
    },
    run: embedded("/download"),
  },
  {
    name: "a page learns nothing of a refusal by Fetch metadata that a server out of reach would not show, a frame apart",
    cases: [103],
    says: "403 `fetch_metadata` has no ACAO, and CORP hides it from no-cors; a frame has a load event for any document",
    variants: {
      "<img>": "error ← GET; handled: nothing",
      "<script>": "error ← GET; handled: nothing",
      "<iframe>": "loaded, unreadable ← GET; handled: nothing",
      "fetch no-cors": "TypeError ← GET; handled: nothing",
    },
    run: async (world, way) => {
      const target = url(world, `/feed?access_token=${await world.gate.token()}`);
      return `${await learned(world.page, way, target)} ← ${await verdict(world)}`;
    },
  },
  {
    name: "a sandboxed frame of a listed page is refused before any handler runs",
    cases: [60, 122],
    says: "its origin is null",
    variants: {
      "fetch with Authorization": "TypeError ← OPTIONS; handled: nothing",
      "fetch with the token in the URL": "TypeError ← GET; handled: nothing",
      "EventSource with the token in the URL": "error ← GET; handled: nothing",
      "WebSocket with the token": "closed 1006 ← GET; handled: nothing",
    },
    run: theft(({ page }) => frame(page, { sandbox: "allow-scripts", src: "/frame" })),
  },
  {
    name: "every refusal and every error is readable by the page",
    cases: [109, 110, 112, 113, 114, 118],
    says: "ACAO on every answer, or the page sees a network error",
    variants: {
      "no token": [["/points"], "401 no_token, www-authenticate: Bearer, exeat-handler: not-run ← GET; handled: nothing"],
      "an expired token": [["/points", { iat: 1, exp: 2 }], `401 expired, ${INVALID}="The token expired", ${REFUSED}`],
      "a token of another audience": [["/points", { aud: "other" }], `401 wrong_audience, ${INVALID}="The token is meant for another audience", ${REFUSED}`],
      "a token of another page's tenant": [["/points", { tenant: "north" }], `403 origin_tenant_mismatch, ${REFUSED}`],
      "429 by the handler": [["/limited", {}], "429 too_many_calls, retry-after: 7 ← OPTIONS · GET; handled: GET"],
      "500 by a panic of the handler": [["/panics", {}], "500 internal_error ← OPTIONS · GET; handled: GET"],
      "503 without keys": [["/without-keys", {}], `503 keys_unavailable, retry-after: SECONDS, ${REFUSED}`],
      "404 by the router": [["/nowhere", {}], "404 ← OPTIONS · GET; handled: GET"],
      "405 by the router": [["/feed", {}, "POST"], "405 ← OPTIONS · POST; handled: POST"],
    },
    run: async (world, [path, claims, method = "GET"]) => {
      const got = await read(world.page, url(world, path), { method, ...(claims && bearer(await world.gate.token(claims))) });
      // How long to wait is the gate's own affair.
      return `${got.replace(/(503.*retry-after): \d+/, "$1: SECONDS")} ← ${await verdict(world)}`;
    },
  },
  {
    name: "a handler sees no cookie and sets none, though the page sends credentials and reads the answer",
    cases: [78],
    says: "a surface for credentials without ambient authority",
    profile: "ordinary",
    variants: {
      "/points": "200, kept: strict, lax, none ← OPTIONS · GET, cookie: none=1; handled: GET",
      "/sets-cookie": "200, kept: strict, lax, none ← OPTIONS · GET, cookie: none=1; handled: GET",
    },
    run: async (world, path) => {
      await visitApi(world);
      const got = await call(world.page, url(world, path), { credentials: "include", ...bearer(await world.gate.token()) });
      const kept = (await world.context.cookies(world.at(world.gate))).map(({ name }) => name).join(", ");
      return `${got}, kept: ${kept} ← ${await verdict(world, "cookie")}`;
    },
  },
  {
    name: "one preflight serves many calls of a URL, and another tenant's page has its own",
    cases: [47, 67, 118],
    says: "max-age 7200",
    variants: {
      "three calls": [["localhost", "localhost", "localhost"], "200, 200, 200 ← OPTIONS · GET · GET · GET; handled: GET · GET · GET"],
      "another page between": [["localhost", "north.localhost", "localhost"], "200, 403, 200 ← OPTIONS · GET · OPTIONS · GET · GET; handled: GET · GET"],
    },
    run: async (world, hosts) => {
      const init = bearer(await world.gate.token());
      const target = url(world, "/points");
      const told = [];
      for (const host of hosts) told.push(await call(await visit(world, host), target, init));
      return `${told.join(", ")} ← ${await verdict(world)}`;
    },
  },
  {
    name: "a page whose origin is taken from the policy is refused at its next call, though its preflight is remembered",
    cases: [120],
    says: "a preflight is no permission: each request is held against the policy of its moment",
    from: "north.localhost",
    variants: {
      "listed, taken away, listed again": [[undefined, "north", undefined], "200, TypeError, 200 ← OPTIONS · GET · GET · GET; handled: GET · GET"],
      "another tenant taken away": [["acme", "acme"], "200, 200 ← OPTIONS · GET · GET; handled: GET · GET"],
    },
    run: async (world, tenants) => {
      const { page, gate } = world;
      const init = bearer(await gate.token({ tenant: "north" }));
      const target = url(world, "/points");
      const told = [];
      for (const tenant of tenants) {
        await gate.without(tenant);
        told.push(await call(page, target, init));
      }
      await gate.without();
      return `${told.join(", ")} ← ${await verdict(world)}`;
    },
  },
  {
    name: "a method in the wrong case is refused by the preflight, and one that the browser mends is not",
    cases: [50],
    says: "methods are case-sensitive",
    variants: {
      "`put`": "200 ada ← OPTIONS, access-control-request-method: PUT · PUT; handled: PUT",
      "`patch`": "TypeError ← OPTIONS, access-control-request-method: patch; handled: nothing",
    },
    run: async (world, method) => {
      const got = await read(world.page, url(world, "/points"), { method: method.replaceAll("`", ""), ...bearer(await world.gate.token()) });
      return `${got} ← ${await verdict(world, "access-control-request-method")}`;
    },
  },
  {
    name: "extensions: the listed one gets in; host permission spares the preflight and shows answers, but a foreign Origin is refused all the same",
    cases: [95, 96, 97, 98],
    says: "Sec-Fetch-Site: none narrows and never grants",
    profile: "ordinary",
    variants: {
      "listed, GET": [["service worker", "plain-listed", "GET"], "200 ← OPTIONS · GET; handled: GET"],
      "unlisted, GET": [["service worker", "plain-unlisted", "GET"], "TypeError ← OPTIONS; handled: nothing"],
      "listed with host permission, GET": [["service worker", "permitted-listed", "GET"], "200 ← GET; handled: GET"],
      "listed with host permission, POST": [["service worker", "permitted-listed", "POST"], "200 ← POST; handled: POST"],
      "unlisted with host permission, GET (no Origin)": [["service worker", "permitted-unlisted", "GET"], "200 ← GET; handled: GET"],
      "unlisted with host permission, POST": [["service worker", "permitted-unlisted", "POST"], "403 ← POST; handled: nothing"],
      "content script of a listed one in an unlisted page": [["content script", "permitted-listed", "GET", CONTENT_HOSTS.unlisted], "TypeError ← OPTIONS; handled: nothing"],
      "content script of an unlisted one in a listed page": [["content script", "permitted-unlisted", "GET", CONTENT_HOSTS.listed], "200 ← OPTIONS · GET; handled: GET"],
    },
    run: async (world, [kind, name, method, host]) => {
      const from = await place(world, kind, name, host);
      const init = { method, ...(method === "POST" && { body: "x" }), ...bearer(await world.gate.token()) };
      return `${await from(url(world, "/points"), init)} ← ${await verdict(world)}`;
    },
  },
];
