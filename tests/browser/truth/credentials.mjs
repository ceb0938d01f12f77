// Which cookies go where, and what answers to requests with cookies leave behind.
import { allowed, brief, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

const ACAC = ["Access-Control-Allow-Credentials", "true"];
/** A visit to the API under one of its names, after which the browser has a Strict, a Lax and a None cookie of it. */
export async function visitApi({ context, api, at }, host = "127.0.0.1") {
  const page = await context.newPage();
  const none = "none=1; SameSite=None; Secure";
  api.answers(() => ({ headers: [["Set-Cookie", "strict=1; SameSite=Strict"], ["Set-Cookie", "lax=1; SameSite=Lax"], ["Set-Cookie", none], ["Content-Type", "text/plain"]] }));
  await page.goto(at(api, host));
  await page.close();
  api.take();
}

/** A GET from a page under `host` to the API under `apiHost`, of which the browser has all three cookies. */
async function get(world, host, apiHost, init) {
  const { page, api, pages, at, fresh } = world;
  await visitApi(world, apiHost);
  await page.goto(at(pages, host));
  api.answers((request) => (isPreflight(request) ? allowed(request, ACAC) : { headers: [shared(request), ACAC] }));
  return `${await call(page, fresh(api, apiHost), init)} ← ${brief(api.take(), "cookie", "authorization")}`;
}

export const section = "Credentials";
export const facts = [
  {
    name: "a cross-origin call has cookies only with credentials include, and cross-site only those with SameSite=None",
    cases: [76, 78],
    says: "credentials mode; RFC 6265bis `SameSite`",
    profile: "ordinary",
    variants: {
      "cross-site, omit": [["localhost", "127.0.0.1", "omit"], "200 ← GET"],
      "cross-site, same-origin (the default)": [["localhost", "127.0.0.1", "same-origin"], "200 ← GET"],
      "cross-site, include": [["localhost", "127.0.0.1", "include"], "200 ← GET, cookie: none=1"],
      "same-site, same-origin": [["a.shop.localhost", "b.shop.localhost", "same-origin"], "200 ← GET"],
      "same-site, include": [["a.shop.localhost", "b.shop.localhost", "include"], "200 ← GET, cookie: strict=1; lax=1; none=1"],
    },
    run: (world, [host, apiHost, credentials]) => get(world, host, apiHost, { credentials }),
  },
  {
    name: "where cookies of other sites are blocked, as in private windows, no cross-site call has any",
    cases: [76, 78],
    says: "no standard; the user's or the browser's choice",
    variants: {
      "cross-site, include": [["localhost", "127.0.0.1", "include"], "200 ← GET"],
      "same-site, include": [["a.shop.localhost", "b.shop.localhost", "include"], "200 ← GET, cookie: strict=1; lax=1; none=1"],
    },
    run: (world, [host, apiHost, credentials]) => get(world, host, apiHost, { credentials }),
  },
  {
    name: "Authorization that the page sets is no credential: it goes out with omit, and cookies never go with a preflight",
    cases: [22, 62],
    says: "credentials are cookies, TLS client certificates and the browser's own authentication entries",
    profile: "ordinary",
    variants: {
      omit: "200 ← OPTIONS · GET, authorization: Bearer t",
      include: "200 ← OPTIONS · GET, cookie: none=1, authorization: Bearer t",
    },
    run: (world, credentials) => get(world, "localhost", "127.0.0.1", { credentials, headers: { Authorization: "Bearer t" } }),
  },
  {
    name: "a cookie set by an answer is kept with include, even if the page may not read the answer",
    cases: [76, 78],
    says: "Set-Cookie is processed before the CORS check",
    profile: "ordinary",
    variants: {
      "omit, shared": [["omit", true], "200, kept: none ← GET"],
      "include, shared": [["include", true], "200, kept: was-here ← GET"],
      "include, not shared": [["include", false], "TypeError, kept: was-here ← GET"],
    },
    run: async ({ context, page, api, fresh }, [credentials, isShared]) => {
      await context.clearCookies();
      api.answers((request) => ({ headers: [["Set-Cookie", "was-here=1; SameSite=None; Secure"], ...(isShared ? [shared(request), ACAC] : [])] }));
      const told = await call(page, fresh(), { credentials });
      const kept = (await context.cookies()).map(({ name }) => name).join() || "none";
      return `${told}, kept: ${kept} ← ${brief(api.take())}`;
    },
  },
];
