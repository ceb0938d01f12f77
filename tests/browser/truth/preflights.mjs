// When the browser asks first, what it asks, and which answers it takes.
import { visitApi } from "./credentials.mjs";
import { allowed, brief, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

const ACAM = "Access-Control-Allow-Methods";
const ACAH = "Access-Control-Allow-Headers";
const ACAC = "Access-Control-Allow-Credentials";

/** A call whose preflight is answered by `preflight`; the actual request is always shared. */
export const ask = async ({ page, api, fresh }, init, preflight, names = []) => {
  api.answers((request) => (isPreflight(request) ? preflight(request) : { headers: [shared(request), [ACAC, "true"]] }));
  return `${await call(page, fresh(), init)} ← ${brief(api.take(), ...names)}`;
};

/** The lines of a preflight's answer beside the origin. */
const grants = (...lines) => (request) => ({ status: 204, headers: [shared(request), [ACAC, "true"], ...lines] });
const PUT = { method: "PUT" };
const TOKEN = { headers: { Authorization: "Bearer t" } };

export const section = "Preflights";
export const facts = [
  {
    name: "only what a form could send goes out without a preflight",
    cases: [63, 81, 108],
    says: "a preflight for every method but GET, HEAD and POST, every header that is not safelisted, and a stream as body",
    variants: {
      GET: [{}, "200 ← GET"],
      HEAD: [{ method: "HEAD" }, "200 ← HEAD"],
      "POST of text": [{ method: "POST", body: "x" }, "200 ← POST"],
      "POST of a form": [{ method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "a=b" }, "200 ← POST"],
      "`Accept` and `Accept-Language`": [{ headers: { Accept: "text/event-stream", "Accept-Language": "de" } }, "200 ← GET"],
      "`Range: bytes=0-`": [{ headers: { Range: "bytes=0-" } }, "200 ← GET"],
      "an `Accept` of 129 bytes": [{ headers: { Accept: "x".repeat(129) } }, "200 ← OPTIONS · GET"],
      "POST of JSON": [{ method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }, "200 ← OPTIONS · POST"],
      "`Authorization`": [TOKEN, "200 ← OPTIONS · GET"],
      "`Last-Event-ID`": [{ headers: { "Last-Event-ID": "1" } }, "200 ← OPTIONS · GET"],
      "`Range: bytes=-5`": [{ headers: { Range: "bytes=-5" } }, "200 ← OPTIONS · GET"],
      PUT: [PUT, "200 ← OPTIONS · PUT"],
      "OPTIONS": [{ method: "OPTIONS" }, "200 ← OPTIONS · OPTIONS"],
    },
    run: (world, init) => ask(world, init, allowed),
  },
  {
    name: "a preflight asks in sorted lower case, and carries neither cookie nor token nor body",
    cases: [47, 57, 62],
    says: "CORS-preflight fetch: ACRM, ACRH as sorted lower-case names joined by `,`, `Accept: */*`; credentials mode same-origin",
    profile: "ordinary",
    variants: {
      "PUT of JSON with token and cookie": ["PUT", "200 ← OPTIONS, origin: http://localhost:pages, access-control-request-method: PUT, access-control-request-headers: authorization,content-type,idempotency-key,x-b, accept: */*, sec-fetch-mode: cors · PUT, origin: http://localhost:pages, authorization: Bearer t, cookie: none=1, content-type: application/json, content-length: 2, accept: */*, sec-fetch-mode: cors"],
    },
    run: async (world, method) => {
      await visitApi(world);
      const headers = { "X-B": "1", "content-TYPE": "application/json", Authorization: "Bearer t", "Idempotency-Key": "k" };
      const names = ["origin", "access-control-request-method", "access-control-request-headers", "authorization", "cookie", "content-type", "content-length", "accept", "sec-fetch-mode"];
      return ask(world, { method, headers, body: "{}", credentials: "include" }, (request) => allowed(request, [ACAC, "true"]), names);
    },
  },
  {
    name: "a preflight that is not answered 200 to 299 fails, and the request is never sent",
    cases: [65],
    says: "the status must be an ok status; a redirect is a network error",
    variants: {
      ...Object.fromEntries([200, 204, 299].map((status) => [String(status), "200 ← OPTIONS · PUT"])),
      ...Object.fromEntries([301, 302, 307, 308, 400, 401, 403, 404, 405, 429, 500, 503].map((status) => [String(status), "TypeError ← OPTIONS"])),
    },
    run: (world, status) => ask(world, PUT, (request) => ({ ...grants([ACAM, "PUT"], ["Location", "/moved"])(request), status: Number(status) })),
  },
  {
    name: "the browser upper-cases delete, get, head, options, post and put, and no other method",
    cases: [21, 50],
    says: "normalize a method: those six only; ACRM and ACAM are compared byte for byte",
    variants: {
      "`put`, ACAM `PUT`": [["put", "PUT"], "200 ← OPTIONS, access-control-request-method: PUT · PUT"],
      "`delete`, ACAM `DELETE`": [["delete", "DELETE"], "200 ← OPTIONS, access-control-request-method: DELETE · DELETE"],
      "`patch`, ACAM `patch`": [["patch", "patch"], "200 ← OPTIONS, access-control-request-method: patch · patch"],
      "`patch`, ACAM `PATCH`": [["patch", "PATCH"], "TypeError ← OPTIONS, access-control-request-method: patch"],
      "`PUT`, ACAM `put`": [["PUT", "put"], "TypeError ← OPTIONS, access-control-request-method: PUT"],
    },
    run: (world, [method, granted]) => ask(world, { method }, grants([ACAM, granted]), ["access-control-request-method"]),
  },
  {
    name: "ACAM must name the method, unless it is GET, HEAD or POST or credentials are left out and it is *",
    cases: [48, 49],
    says: "methods: the list has it, or it is safelisted, or `*` and the credentials mode is not include",
    variants: {
      "PUT, no ACAM": [[PUT, []], "TypeError ← OPTIONS"],
      "PUT, ACAM `DELETE`": [[PUT, [[ACAM, "DELETE"]]], "TypeError ← OPTIONS"],
      "PUT, ACAM `GET,PUT`": [[PUT, [[ACAM, "GET,PUT"]]], "200 ← OPTIONS · PUT"],
      "PUT, ACAM in two lines": [[PUT, [[ACAM, "GET"], [ACAM, "PUT"]]], "200 ← OPTIONS · PUT"],
      "PUT, ACAM `*`": [[PUT, [[ACAM, "*"]]], "200 ← OPTIONS · PUT"],
      "PUT with credentials, ACAM `*`": [[{ ...PUT, credentials: "include" }, [[ACAM, "*"]]], "TypeError ← OPTIONS"],
      "GET with a token, no ACAM": [[TOKEN, [[ACAH, "authorization"]]], "200 ← OPTIONS · GET"],
      "POST with a token, ACAM `DELETE`": [[{ method: "POST", ...TOKEN }, [[ACAH, "authorization"], [ACAM, "DELETE"]]], "200 ← OPTIONS · POST"],
    },
    run: (world, [init, lines]) => ask(world, init, grants(...lines)),
  },
  {
    name: "ACAH must name every header in any case, and * is none but without credentials",
    cases: [52, 53],
    says: "header names: byte-case-insensitive; `*` only where the credentials mode is not include",
    variants: {
      "no ACAH": [[{ headers: { "X-A": "1" } }, []], "TypeError ← OPTIONS"],
      "one of two": [[{ headers: { "X-A": "1", "X-B": "1" } }, [[ACAH, "x-a"]]], "TypeError ← OPTIONS"],
      "both, upper case": [[{ headers: { "X-A": "1", "X-B": "1" } }, [[ACAH, "X-B, X-A"]]], "200 ← OPTIONS · GET"],
      "both, two lines": [[{ headers: { "X-A": "1", "X-B": "1" } }, [[ACAH, "x-a"], [ACAH, "x-b"]]], "200 ← OPTIONS · GET"],
      "`*`": [[{ headers: { "X-A": "1" } }, [[ACAH, "*"]]], "200 ← OPTIONS · GET"],
      "`*` with credentials": [[{ headers: { "X-A": "1" }, credentials: "include" }, [[ACAH, "*"]]], "TypeError ← OPTIONS"],
    },
    run: (world, [init, lines]) => ask(world, init, grants(...lines)),
  },
  {
    name: "ACAH * covers Authorization too",
    cases: [22],
    says: "CORS non-wildcard request-header name: `Authorization` must be named",
    differs: "without credentials `*` is taken for it; a server that relies on it fails in browsers that keep to the standard",
    variants: {
      "`*`": [[[ACAH, "*"]], "200 ← OPTIONS · GET"],
      "`*, authorization`": [[[ACAH, "*, authorization"]], "200 ← OPTIONS · GET"],
    },
    run: (world, lines) => ask(world, { ...TOKEN, credentials: "omit" }, grants(...lines)),
  },
  {
    name: "a value in ACAM or ACAH that is no token fails the preflight",
    cases: [69],
    says: "extracting the list fails → network error",
    variants: {
      "ACAM `PUT, bad name`": [[[ACAM, "PUT, bad name"]], "TypeError ← OPTIONS"],
      "ACAM `PUT;`": [[[ACAM, "PUT, a;b"]], "TypeError ← OPTIONS"],
      "ACAH `x y`": [[[ACAM, "PUT"], [ACAH, "x y"]], "TypeError ← OPTIONS"],
      "ACAH `a/b`": [[[ACAM, "PUT"], [ACAH, "a/b"]], "TypeError ← OPTIONS"],
      "ACAM `PUT,,DELETE,`": [[[ACAM, "PUT,,DELETE,"]], "200 ← OPTIONS · PUT"],
    },
    run: (world, lines) => ask(world, PUT, grants(...lines)),
  },
  {
    name: "both the preflight and the response must share with the page",
    cases: [47, 72],
    says: "the CORS check is made of each",
    variants: {
      "only the preflight": [["OPTIONS"], "TypeError ← OPTIONS · PUT"],
      "only the response": [["PUT"], "TypeError ← OPTIONS"],
      both: [["OPTIONS", "PUT"], "200 ← OPTIONS · PUT"],
    },
    run: async ({ page, api, fresh }, sharing) => {
      api.answers((request) => ({ headers: [[ACAM, "PUT"], ...(sharing.includes(request.method) ? [shared(request)] : [])] }));
      return `${await call(page, fresh(), PUT)} ← ${brief(api.take())}`;
    },
  },
  {
    name: "the preflight of a request with credentials needs ACAC too, and ACAO * does not do",
    cases: [2, 47],
    says: "the CORS check of the preflight uses the request's credentials mode",
    variants: {
      "ACAC": [[ACAC, "true"], "200 ← OPTIONS · PUT"],
      "no ACAC": [undefined, "TypeError ← OPTIONS"],
    },
    run: (world, line) => ask(world, { ...PUT, credentials: "include" }, (request) => ({ status: 204, headers: [shared(request), [ACAM, "PUT"], ...(line ? [line] : [])] })),
  },
  {
    name: "a page from the Internet reaches loopback only with the user's permission, and no preflight speaks of private networks",
    cases: [70],
    says: "Private Network Access asked by header; Local Network Access, which replaced it, asks the user",
    variants: {
      "no permission": [[], "TypeError ← nothing"],
      "`local-network-access`": [["local-network-access"], "200 ← OPTIONS · GET"],
    },
    run: async (world, permissions) => {
      const { context, far, at } = world;
      await context.grantPermissions(permissions);
      const page = await context.newPage();
      await page.goto(at(far, "localhost"));
      return ask({ ...world, page }, TOKEN, allowed, ["access-control-request-private-network", "access-control-request-local-network"]);
    },
  },
];
