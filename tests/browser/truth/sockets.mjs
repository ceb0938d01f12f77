// WebSocket: outside CORS, so that Origin is all that a server has.
import { visitApi } from "./credentials.mjs";
import { brief } from "./site.mjs";

/** Opens a socket; what its page sees of it. */
const open = (page, url, protocols) => page.evaluate(([url, protocols]) => new Promise((resolve) => {
  try {
    const socket = new WebSocket(url, protocols);
    socket.onmessage = ({ data }) => { resolve(`${data}, protocol "${socket.protocol}"`); socket.close(); };
    socket.onclose = ({ code, reason }) => resolve(`closed ${code}${reason}`);
  } catch (error) {
    resolve(error.name);
  }
}), [url.replace("http", "ws"), protocols]);

export const section = "WebSocket";
export const facts = [
  {
    name: "a handshake carries Origin, and no missing header keeps the page from reading",
    cases: [88, 122],
    says: "Fetch: mode websocket always has `Origin`; there is no CORS check",
    variants: {
      "of a page": [["localhost"], 'hello, protocol "" ← GET, origin: http://localhost:pages'],
      "of a page that nobody listed": [["evil.example"], 'hello, protocol "" ← GET, origin: http://evil.example:pages'],
    },
    run: async ({ page, pages, api, at, fresh }, [host]) => {
      await page.goto(at(pages, host));
      api.answers(() => ({}));
      return `${await open(page, fresh(), [])} ← ${brief(api.take(), "origin")}`;
    },
  },
  {
    name: "a handshake carries cookies as SameSite has it, and no page can leave them out",
    cases: [122],
    says: "credentials mode include; RFC 6265bis",
    profile: "ordinary",
    variants: { "cross-site": 'hello, protocol "" ← GET, cookie: none=1' },
    run: async (world) => {
      const { page, api, fresh } = world;
      await visitApi(world);
      api.answers(() => ({}));
      return `${await open(page, fresh(), [])} ← ${brief(api.take(), "cookie")}`;
    },
  },
  {
    name: "subprotocols go out in one line, and the answer must choose one of them",
    cases: [123],
    says: "RFC 6455 §4.1: a subprotocol that was not offered fails; WHATWG WebSockets: so does none where some were offered",
    variants: {
      "the second": ["points.v1", 'hello, protocol "points.v1" ← GET, sec-websocket-protocol: token.abc, points.v1'],
      "one not offered": ["points.v9", "closed 1006 ← GET, sec-websocket-protocol: token.abc, points.v1"],
      "both": ["token.abc, points.v1", "closed 1006 ← GET, sec-websocket-protocol: token.abc, points.v1"],
      "none": [undefined, "closed 1006 ← GET, sec-websocket-protocol: token.abc, points.v1"],
    },
    run: async ({ page, api, fresh }, protocol) => {
      api.answers(() => ({ protocol }));
      return `${await open(page, fresh(), ["token.abc", "points.v1"])} ← ${brief(api.take(), "sec-websocket-protocol")}`;
    },
  },
  {
    name: "a page learns nothing of a refused handshake, not even its status",
    cases: [122],
    says: "WHATWG WebSockets: fail the connection; no reason is shown",
    variants: Object.fromEntries([401, 403, 503].map((status) => [status, "closed 1006 ← GET"])),
    run: async ({ page, api, fresh }, status) => {
      api.answers(() => ({ status }));
      return `${await open(page, fresh(), [])} ← ${brief(api.take())}`;
    },
  },
];
