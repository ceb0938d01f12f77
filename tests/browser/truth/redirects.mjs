// Where a redirect leads a CORS request, and what it loses on the way.
import { allowed, brief, isPreflight, shared } from "./site.mjs";
import { call } from "./world.mjs";

const NAMES = ["origin", "authorization"];

/** The page calls `from`, which redirects to `to`. Every answer is shared with whoever asks. */
async function follow(world, from, to, init, status = 302) {
  const { page, pages, api, other } = world;
  const urls = [from, to].map((site) => world.fresh(site, site === pages ? "localhost" : undefined));
  for (const site of [pages, api, other]) {
    site.answers((request) => {
      if (isPreflight(request)) return allowed(request);
      const moved = new URL(urls[0]).pathname === request.url;
      return { status: moved ? status : 200, headers: [shared(request), ...(moved ? [["Location", urls[1]]] : [])] };
    });
  }
  pages.take();
  const told = await call(page, urls[0], init);
  const seen = [from, ...(to === from ? [] : [to])].map((site) => brief(site.take(), ...NAMES));
  return `${told} ← ${seen.join(" → ")}`;
}
const TOKEN = { headers: { Authorization: "Bearer t" } };
const PAGE = "origin: http://localhost:pages";

export const section = "Redirects";
export const facts = [
  {
    name: "a hop from one foreign origin to another makes Origin null and drops Authorization",
    cases: [85, 60],
    says: "redirect-taint → `Origin: null`; HTTP-redirect fetch removes `Authorization` on a cross-origin hop",
    variants: {
      "API to API": [["api", "api", {}], `200 ← GET, ${PAGE} · GET, ${PAGE}`],
      "API to another": [["api", "other", {}], `200 ← GET, ${PAGE} → GET, origin: null`],
      "own origin to API": [["pages", "api", {}], `200 ← GET → GET, ${PAGE}`],
      "API to API, token": [["api", "api", TOKEN], `200 ← OPTIONS, ${PAGE} · GET, ${PAGE}, authorization: Bearer t · OPTIONS, ${PAGE} · GET, ${PAGE}, authorization: Bearer t`],
      "API to another, token": [["api", "other", TOKEN], `200 ← OPTIONS, ${PAGE} · GET, ${PAGE}, authorization: Bearer t → GET, origin: null`],
    },
    run: (world, [from, to, init]) => follow(world, world.sites[from], world.sites[to], init),
  },
  {
    name: "a POST becomes a GET by 301, 302 and 303, and stays one by 307 and 308",
    cases: [85],
    says: "HTTP-redirect fetch",
    variants: {
      ...Object.fromEntries([301, 302, 303].map((status) => [status, `200 ← POST, ${PAGE} · GET, ${PAGE}`])),
      ...Object.fromEntries([307, 308].map((status) => [status, `200 ← POST, ${PAGE} · POST, ${PAGE}`])),
    },
    run: (world, status) => follow(world, world.api, world.api, { method: "POST", body: "x" }, Number(status)),
  },
  {
    name: "redirect error and manual follow nothing",
    cases: [85, 136],
    says: "redirect mode error is a network error; manual an opaque-redirect response",
    variants: {
      error: `TypeError ← GET, ${PAGE}`,
      manual: `opaqueredirect ← GET, ${PAGE}`,
    },
    run: (world, redirect) => follow(world, world.api, world.api, { redirect }),
  },
];
