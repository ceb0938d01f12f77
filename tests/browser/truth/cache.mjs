// How long the browser remembers the answer to a preflight, and for which requests.
import { allowed, brief, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

const TOKEN = { headers: { Authorization: "Bearer t" } };
const ACMA = "Access-Control-Max-Age";
const ACAC = ["Access-Control-Allow-Credentials", "true"];

/** Makes the calls one after the other; preflights are answered with `lines`, and allow `methods` and `headers` beside what is asked. */
async function calls({ page, api }, list, lines, answer = (request) => ({ headers: [shared(request), ACAC, ["Cache-Control", "no-store"]] })) {
  api.answers((request) => (isPreflight(request) ? allowed(request, ACAC, ...lines) : answer(request)));
  // In one go: an answer without Access-Control-Max-Age is kept for five seconds only.
  const told = await page.evaluate(async (list) => {
    const told = [];
    for (const [url, init] of list) told.push(await fetch(url, init).then(({ status }) => status, ({ name }) => name));
    return told;
  }, list);
  return `${told.join(", ")} ← ${brief(api.take())}`;
}
const KEPT = [[ACMA, "7200"]];

export const section = "The preflight cache";
export const facts = [
  {
    name: "a preflight is remembered for its URL, query and fragment included",
    cases: [67],
    says: "cache entry match: the URL is the request's, whole",
    variants: {
      "the same URL": [["", ""], "200, 200 ← OPTIONS · GET · GET"],
      "another query": [["?a=1", "?a=2"], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "another path": [["/1", "/2"], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "another fragment": [["#a", "#b"], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
    },
    run: (world, endings) => {
      const url = world.fresh();
      return calls(world, endings.map((ending) => [url + ending, TOKEN]), KEPT);
    },
  },
  {
    name: "Access-Control-Max-Age: 5 s without one, not at all for 0 or less",
    cases: [23, 68],
    says: "max-age is 5 where the header is missing or is no delta-seconds",
    differs: "`-1` is no delta-seconds and should count as 5; it counts as 0, as web-platform-tests have it",
    variants: {
      "no line": [[], "200, 200 ← OPTIONS · GET · GET"],
      "`7200`": [[[ACMA, "7200"]], "200, 200 ← OPTIONS · GET · GET"],
      "`86400`": [[[ACMA, "86400"]], "200, 200 ← OPTIONS · GET · GET"],
      "`0`": [[[ACMA, "0"]], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "`-1`": [[[ACMA, "-1"]], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "`soon`": [[[ACMA, "soon"]], "200, 200 ← OPTIONS · GET · GET"],
      "`0.5`": [[[ACMA, "0.5"]], "200, 200 ← OPTIONS · GET · GET"],
    },
    run: (world, lines) => {
      const url = world.fresh();
      return calls(world, [[url, TOKEN], [url, TOKEN]], lines);
    },
  },
  {
    name: "a request that may not use the HTTP cache does not use the preflight cache either",
    cases: [67],
    says: "the preflight cache does not depend on the request's cache mode",
    differs: "with no-cache, no-store and reload every call has a preflight",
    variants: {
      default: "200, 200 ← OPTIONS · GET · GET",
      "no-cache": "200, 200 ← OPTIONS · GET · OPTIONS · GET",
      "force-cache": "200, 200 ← OPTIONS · GET · GET",
      "no-store": "200, 200 ← OPTIONS · GET · OPTIONS · GET",
      reload: "200, 200 ← OPTIONS · GET · OPTIONS · GET",
    },
    run: (world, cache) => {
      const url = world.fresh();
      return calls(world, [[url, { ...TOKEN, cache }], [url, { ...TOKEN, cache }]], KEPT);
    },
  },
  {
    name: "a preflight for credentials is not one for a request without them, nor the other way round",
    cases: [67],
    says: "a cache entry has a credentials flag; one with credentials also serves requests without",
    variants: {
      "include, include": [["include", "include"], "200, 200 ← OPTIONS · GET · GET"],
      "omit, same-origin": [["omit", "same-origin"], "200, 200 ← OPTIONS · GET · GET"],
      "omit, include": [["omit", "include"], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "include, omit": [["include", "omit"], "200, 200 ← OPTIONS · GET · GET"],
    },
    run: (world, modes) => {
      const url = world.fresh();
      return calls(world, modes.map((credentials) => [url, { ...TOKEN, credentials }]), KEPT);
    },
  },
  {
    name: "a remembered preflight serves only the methods and headers that it allowed",
    cases: [67],
    says: "cache entries are by method and by header name",
    variants: {
      "one header more": [[TOKEN, { headers: { ...TOKEN.headers, "X-A": "1" } }], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "one header less": [[{ headers: { ...TOKEN.headers, "X-A": "1" } }, TOKEN], "200, 200 ← OPTIONS · GET · GET"],
      "another method": [[{ method: "PUT" }, { method: "DELETE" }], "200, 200 ← OPTIONS · PUT · OPTIONS · DELETE"],
      "POST after a GET with the same header": [[TOKEN, { method: "POST", ...TOKEN }], "200, 200 ← OPTIONS · GET · POST"],
    },
    run: (world, inits) => {
      const url = world.fresh();
      return calls(world, inits.map((init) => [url, init]), KEPT);
    },
  },
  {
    name: "an actual request that fails its CORS check does not make the browser forget the preflight",
    cases: [120],
    says: "main fetch: a network error of a request that may need a preflight clears its cache entries",
    differs: "the entry stays, so that a page whose access is taken away goes on sending until it ends",
    variants: {
      "a response that is not shared": [(count) => count !== 2, "200, TypeError, 200 ← OPTIONS · GET · GET · GET"],
      "a 403 that is shared": [() => true, "200, 403, 200 ← OPTIONS · GET · GET · GET"],
    },
    run: (world, isShared) => {
      const url = world.fresh();
      let count = 0;
      return calls(world, Array(3).fill([url, TOKEN]), KEPT, (request) => {
        count += 1;
        return { status: count === 2 ? 403 : 200, headers: isShared(count) ? [shared(request)] : [] };
      });
    },
  },
  {
    name: "a preflight is remembered for its origin alone",
    cases: [67, 120],
    says: "cache entries have a network partition key and the origin",
    variants: {
      "two origins": [[["localhost", "a.shop.localhost"]], "200, 200 ← OPTIONS · GET · OPTIONS · GET"],
      "one origin, two pages": [[["localhost", "localhost"]], "200, 200 ← OPTIONS · GET · GET"],
    },
    run: async (world, [hosts]) => {
      const url = world.fresh();
      const { api, context, pages } = world;
      api.answers((request) => (isPreflight(request) ? allowed(request, ...KEPT) : { headers: [shared(request)] }));
      const told = [];
      for (const host of hosts) {
        const page = await context.newPage();
        await page.goto(world.at(pages, host));
        told.push(await call(page, url, TOKEN));
      }
      return `${told.join(", ")} ← ${brief(api.take())}`;
    },
  },
];
