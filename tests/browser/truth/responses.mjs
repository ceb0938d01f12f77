// Who may read a response, and what of it.
import { brief, shared } from "./site.mjs";
import { call } from "./world.mjs";

/** A simple GET by the page, answered with the lines that `lines` makes of the page's origin. */
const get = (init) => async ({ page, api, fresh }, lines) => {
  api.answers(({ headers: { origin = "" } }) => ({ headers: lines(origin) }));
  return `${await call(page, fresh(), init)} ← ${brief(api.take())}`;
};
const ACAO = "Access-Control-Allow-Origin";
const ACAC = "Access-Control-Allow-Credentials";

/** Reads `names` from an answer that exposes `exposed`. */
const read = (names, init) => async ({ page, api, fresh }, exposed) => {
  api.answers((request) => ({
    headers: [shared(request), [ACAC, "true"], ...(exposed ? [["Access-Control-Expose-Headers", exposed]] : []), ...names.map((name) => [name, VALUES[name] ?? "1"])],
  }));
  const readable = await page.evaluate(async ([url, names, init]) => {
    const { headers } = await fetch(url, init);
    return names.filter((name) => headers.has(name));
  }, [fresh(), names, init]);
  return readable.join(", ") || "none";
};
const VALUES = { "Content-Type": "text/plain", "Content-Length": "0", Date: "Thu, 01 Jan 1970 00:00:00 GMT", "Set-Cookie": "a=b" };
const SAFELISTED = ["Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma"];
const OTHERS = ["Date", "ETag", "WWW-Authenticate", "Retry-After", "X-Request-Id", "Exeat-Handler"];

export const section = "Who may read a response";
export const facts = [
  {
    name: "a simple response is shared by one ACAO line alone, the origin's own bytes or *",
    cases: [74],
    says: "CORS check: the value must be `*` or byte for byte the serialised origin; two lines are one value with a comma",
    variants: {
      "the origin": [(origin) => [[ACAO, origin]], "200 ← GET"],
      "`*`": [() => [[ACAO, "*"]], "200 ← GET"],
      "spaces around the origin": [(origin) => [[ACAO, `  ${origin}  `]], "200 ← GET"],
      "no line": [() => [], "TypeError ← GET"],
      "another origin": [() => [[ACAO, "http://localhost"]], "TypeError ← GET"],
      "upper case": [(origin) => [[ACAO, origin.toUpperCase()]], "TypeError ← GET"],
      "a slash at the end": [(origin) => [[ACAO, `${origin}/`]], "TypeError ← GET"],
      "`null`": [() => [[ACAO, "null"]], "TypeError ← GET"],
      "`*, origin`": [(origin) => [[ACAO, `*, ${origin}`]], "TypeError ← GET"],
      "the origin twice, by comma": [(origin) => [[ACAO, `${origin}, ${origin}`]], "TypeError ← GET"],
      "the origin in two lines": [(origin) => [[ACAO, origin], [ACAO, origin]], "TypeError ← GET"],
      "`*` in two lines": [() => [[ACAO, "*"], [ACAO, "*"]], "TypeError ← GET"],
      "a list with spaces": [(origin) => [[ACAO, `${origin} http://other.example`]], "TypeError ← GET"],
    },
    run: get(),
  },
  {
    name: "a response to a request with credentials is shared by ACAC true alone, in lower case",
    cases: [75],
    says: "CORS check: with credentials mode include, ACAC must be `true`, byte-case-sensitive",
    variants: {
      "`true`": [(origin) => [[ACAO, origin], [ACAC, "true"]], "200 ← GET"],
      "spaces around it": [(origin) => [[ACAO, origin], [ACAC, " true "]], "200 ← GET"],
      "no line": [(origin) => [[ACAO, origin]], "TypeError ← GET"],
      "`TRUE`": [(origin) => [[ACAO, origin], [ACAC, "TRUE"]], "TypeError ← GET"],
      "`True`": [(origin) => [[ACAO, origin], [ACAC, "True"]], "TypeError ← GET"],
      '`"true"`': [(origin) => [[ACAO, origin], [ACAC, '"true"']], "TypeError ← GET"],
      "`1`": [(origin) => [[ACAO, origin], [ACAC, "1"]], "TypeError ← GET"],
      "`true, true`": [(origin) => [[ACAO, origin], [ACAC, "true, true"]], "TypeError ← GET"],
      "`true` in two lines": [(origin) => [[ACAO, origin], [ACAC, "true"], [ACAC, "true"]], "TypeError ← GET"],
      "`true` with ACAO `*`": [() => [[ACAO, "*"], [ACAC, "true"]], "TypeError ← GET"],
    },
    run: get({ credentials: "include" }),
  },
  {
    name: "without credentials ACAC is not looked at",
    cases: [72],
    says: "CORS check: ends with success before ACAC where the credentials mode is not include",
    variants: {
      "ACAC `true`": [(origin) => [[ACAO, origin], [ACAC, "true"]], "200 ← GET"],
      "ACAC `no`": [(origin) => [[ACAO, origin], [ACAC, "no"]], "200 ← GET"],
      "ACAC `true` with ACAO `*`": [() => [[ACAO, "*"], [ACAC, "true"]], "200 ← GET"],
    },
    run: get({ credentials: "omit" }),
  },
  {
    name: "a refused page cannot tell a response that is not shared from a server that is not there",
    cases: [76, 116],
    says: "both are a network error",
    variants: {
      "200, 401, 403, 500 without ACAO": [[200, 401, 403, 500], "TypeError: Failed to fetch ← GET · GET · GET · GET"],
      "a new connection is closed without an answer": [["closed"], "TypeError: Failed to fetch ← GET"],
    },
    run: async ({ page, api, other, fresh }, statuses) => {
      const told = new Set();
      // A connection that was used before would be tried again on a new one.
      const site = statuses[0] === "closed" ? other : api;
      for (const status of statuses) {
        site.answers(() => { if (status === "closed") throw new Error("closed"); return { status }; });
        told.add(await page.evaluate((url) => fetch(url).then(({ status }) => status, String), fresh(site)));
      }
      return `${[...told].join(", ")} ← ${brief(site.take())}`;
    },
  },
  {
    name: "a request whose kept connection is closed without an answer is sent again, a POST too",
    cases: [112],
    says: "RFC 9110 §9.2.2 lets clients repeat what is idempotent by themselves",
    differs: "a POST is repeated as well: a handler that panics and closes the connection runs twice",
    variants: {
      GET: "TypeError ← GET · GET",
      POST: "TypeError ← POST · POST",
    },
    run: async ({ page, api, fresh }, method) => {
      api.answers((request) => ({ headers: [shared(request)] }));
      await call(page, fresh());
      api.take();
      api.answers(() => { throw new Error("closed"); });
      return `${await call(page, fresh(), { method })} ← ${brief(api.take())}`;
    },
  },
  {
    name: "only the seven safelisted headers are readable unless others are exposed",
    cases: [79],
    says: "CORS-safelisted response-header names; `Set-Cookie` is forbidden, exposed or not",
    variants: {
      "nothing exposed": [undefined, SAFELISTED.join(", ")],
      "`www-authenticate, DATE, Exeat-Handler`": ["www-authenticate, DATE, Exeat-Handler", [...SAFELISTED, "Date", "WWW-Authenticate", "Exeat-Handler"].join(", ")],
      "`set-cookie`": ["set-cookie", SAFELISTED.join(", ")],
      "`date, not a name`": ["date, not a name", SAFELISTED.join(", ")],
    },
    run: read([...SAFELISTED, ...OTHERS, "Set-Cookie"], { credentials: "omit" }),
  },
  {
    name: "an exposed * means every header, but to a request with credentials only one of that name",
    cases: [19, 79],
    says: "`*` is a wildcard unless the credentials mode is include; never for `Set-Cookie`",
    variants: {
      "credentials omit": ["omit", "Date, ETag, WWW-Authenticate, Retry-After, X-Request-Id, Exeat-Handler"],
      "credentials include": ["include", "none"],
    },
    run: (world, credentials) => read([...OTHERS, "Set-Cookie"], { credentials })(world, "*"),
  },
];
