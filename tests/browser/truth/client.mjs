// @exeat/client in a page against the real gate: what it repeats, what it does not, and its sockets and streams.
import { built } from "../sites.mjs";
import { verdict } from "./gate.mjs";

/** Serves the client, and at /v1/token the tokens of `claims` in turn, the last one again and again. */
async function startClient({ page, pages, at, gate }, claims = [{}]) {
  const tokens = await Promise.all(claims.map((one) => gate.token(one)));
  let exchanges = 0;
  pages.answers(({ url }) => {
    const module = /^\/client\/(\w+\.js)$/.exec(url)?.[1];
    if (module) return { headers: [["Content-Type", "text/javascript"]], body: built(module) };
    if (url !== "/v1/token") return undefined;
    const token = tokens[Math.min(exchanges++, tokens.length - 1)];
    return { headers: [["Content-Type", "application/json"], ["Cache-Control", "no-store"]], body: JSON.stringify({ token }) };
  });
  await page.evaluate(async (api) => {
    const { createTokenClient } = await import("/client/index.js");
    const parts = Object.fromEntries(await Promise.all(["ws", "events", "diagnose"].map(async (name) => [name, (await import(`/client/${name}.js`))[name]])));
    globalThis.api = api;
    globalThis.client = createTokenClient({
      apiOrigins: [api],
      exchange: ({ signal }) => fetch("/v1/token", { method: "POST", signal, credentials: "same-origin" }),
      with: parts,
      httpCache: "default",
    });
  }, at(gate));
  return { tokens, exchanges: () => exchanges };
}
const path = (name) => `${name}?client-${++paths}`;
let paths = 0;
const EXPIRED = { iat: 1, exp: 301 };
/** Expired, and still let in: the gate's clocks may be 30 s apart. */
const expiring = () => {
  const now = Math.floor(Date.now() / 1_000);
  return { iat: now - 11, exp: now - 10 };
};
const exchanged = (client) => `exchanges: ${client.exchanges()}`;

export const section = "The client and the gate";
export const facts = [
  {
    name: "the client makes one exchange and one repetition for 401 invalid_token, and none for 401 without it, 403 or 503",
    cases: [118, 130],
    says: "RFC 6750 §3.1: invalid_token may be tried again with a new token",
    variants: {
      "a good token": [["/points", [{}]], "200 ada ← OPTIONS · GET; handled: GET; exchanges: 1"],
      "an expired token, then a good one": [["/points", [EXPIRED, {}]], "200 ada ← OPTIONS · GET · GET; handled: GET; exchanges: 2"],
      "the same, POST": [["/points", [EXPIRED, {}], "POST"], "200 ada ← OPTIONS · POST · POST; handled: POST; exchanges: 2"],
      "expired ones only": [["/points", [EXPIRED]], "auth_rejected ← OPTIONS · GET · GET; handled: nothing; exchanges: 2"],
      "another page's tenant": [["/points", [{ tenant: "north" }]], "403 origin_tenant_mismatch ← OPTIONS · GET; handled: nothing; exchanges: 1"],
      "429 by the handler": [["/limited", [{}]], "429 too_many_calls ← OPTIONS · GET; handled: GET; exchanges: 1"],
      "503 without keys": [["/without-keys", [{}]], "503 keys_unavailable ← OPTIONS · GET; handled: nothing; exchanges: 1"],
    },
    run: async (world, [name, claims, method = "GET"]) => {
      const client = await startClient(world, claims);
      const got = await world.page.evaluate(async ([path, method]) => {
        try {
          const answer = await client.fetch(api + path, { method });
          const { code, sub } = await answer.json();
          return `${answer.status} ${code ?? sub}`;
        } catch (error) {
          return error.code;
        }
      }, [path(name), method]);
      return `${got} ← ${await verdict(world)}; ${exchanged(client)}`;
    },
  },
  {
    name: "a token that is revoked while it is in use costs one exchange, whoever notices first",
    cases: [130, 131],
    says: "one exchange per generation of the token",
    variants: { "ten calls at once": "200 × 10; exchanges: 2; every handler ran once: true" },
    run: async (world) => {
      const client = await startClient(world, [{}, {}]);
      const name = path("/points");
      const calls = (count) => world.page.evaluate(async ([path, count]) => {
        const answers = await Promise.all(Array.from({ length: count }, () => client.fetch(api + path)));
        return answers.map(({ status }) => status);
      }, [name, count]);
      await calls(1);
      await world.gate.taken();
      await world.gate.revoke(client.tokens[0]);
      const statuses = await calls(10);
      const { handled } = await world.gate.taken();
      return `${[...new Set(statuses)].join(", ")} × ${statuses.length}; ${exchanged(client)}; every handler ran once: ${handled.length === 10}`;
    },
  },
  {
    name: "diagnose tells a page that may read from one whose origin the gate hides from",
    cases: [116],
    says: "both look the same to the page; CORP on the refusal makes even an opaque answer a network error",
    variants: {
      "a listed page": [["localhost"], "readable ← GET; handled: nothing"],
      "an unlisted page": [["evil.localhost"], "no_answer ← GET · GET; handled: nothing"],
    },
    run: async (world, [host]) => {
      await world.page.goto(world.at(world.pages, host));
      await startClient(world);
      return `${await world.page.evaluate(() => client.diagnose())} ← ${await verdict(world)}`;
    },
  },
  {
    name: "ws: the token opens the socket and stays out of what the handler and the page see; a change of account closes it",
    cases: [123, 132],
    says: "RFC 6455 §4.1",
    variants: { "points.v1": 'protocol "points.v1", ada, echo, closed 1000 ← offered: token and points.v1; handled: points.v1; exchanges: 1' },
    run: async (world, protocol) => {
      const client = await startClient(world);
      const got = await world.page.evaluate(async ([path, protocol]) => {
        const socket = await client.ws(api.replace("http", "ws") + path, protocol);
        const next = (event) => new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
        const greeting = await next("message");
        socket.send("echo");
        const echo = await next("message");
        const closed = next("close");
        client.identityChanged();
        return `protocol "${socket.protocol}", ${greeting.data}, ${echo.data}, closed ${(await closed).code}`;
      }, [path("/live"), protocol]);
      const { arrived, handled } = await world.gate.taken();
      const [first, ...others] = arrived[0].headers["sec-websocket-protocol"].split(", ");
      const sent = Buffer.from(first.replace("base64url.bearer.authorization.127.0.0.1.", ""), "base64url").toString();
      return `${got} ← offered: ${sent === client.tokens[0] ? "token" : "no token"} and ${others}; handled: ${handled[0].headers["sec-websocket-protocol"]}; ${exchanged(client)}`;
    },
  },
  {
    name: "ws: a socket whose token expires is closed with a code that the page reads, and the next one has a new token",
    cases: [126],
    says: "RFC 6455 §7.4.2: 4000 to 4999 are the application's",
    variants: { "points.v1": "ada, closed 4401 expired; ada, open ← GET · GET; handled: GET · GET; exchanges: 2" },
    run: async (world, protocol) => {
      const client = await startClient(world, [expiring(), {}]);
      const got = await world.page.evaluate(async ([path, protocol]) => {
        const open = () => client.ws(api.replace("http", "ws") + path, protocol);
        const next = (socket, event) => new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
        const first = await open();
        const closed = next(first, "close");
        const { data } = await next(first, "message");
        const { code, reason } = await closed;
        const second = await open();
        const again = await next(second, "message");
        const state = second.readyState === WebSocket.OPEN ? "open" : "not open";
        second.close();
        return `${data}, closed ${code} ${reason}; ${again.data}, ${state}`;
      }, [path("/live"), protocol]);
      return `${got} ← ${await verdict(world)}; ${exchanged(client)}`;
    },
  },
  {
    name: "ws: a handshake with a refused token reaches no handler, and the next one has a new token",
    cases: [122, 123],
    says: "a page learns nothing of a failed handshake",
    variants: {
      "an expired token": [[EXPIRED, false], "closed 1006; ada, open ← GET · GET; handled: GET; exchanges: 2"],
      "one that was revoked": [[{}, true], "closed 1006; ada, open ← GET · GET; handled: GET; exchanges: 2"],
    },
    run: async (world, [claims, isRevoked]) => {
      const client = await startClient(world, [claims, {}]);
      if (isRevoked) await world.gate.revoke(client.tokens[0]);
      const got = await world.page.evaluate(async (path) => {
        const open = () => client.ws(api.replace("http", "ws") + path, "points.v1");
        const next = (socket, event) => new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
        const { code } = await next(await open(), "close");
        const second = await open();
        const { data } = await next(second, "message");
        const state = second.readyState === WebSocket.OPEN ? "open" : "not open";
        second.close();
        return `closed ${code}; ${data}, ${state}`;
      }, path("/live"));
      return `${got} ← ${await verdict(world)}; ${exchanged(client)}`;
    },
  },
  {
    name: "events: read while the stream is open, and on with a new token when the old one expires or is revoked",
    cases: [125, 126],
    says: "EventSource can send no header; a fetch can",
    variants: {
      "one whose token expires": [[false, 4, true], "1 ada, 2 acme, 1 ada, 2 acme ← OPTIONS · GET · GET; handled: GET · GET; exchanges: 2"],
      "a stream that stays open": [[false, 2], "1 ada, 2 acme ← OPTIONS · GET; handled: GET; exchanges: 1"],
      "one that ends, its token revoked meanwhile": [[true, 4], "1 ada, 2 acme, 1 ada, 2 acme ← OPTIONS · GET · GET · GET; handled: GET · GET; exchanges: 2"],
    },
    run: async (world, [once, wanted, expires]) => {
      const client = await startClient(world, [expires ? expiring() : {}, {}]);
      await world.page.exposeFunction(`revoke${++paths}`, () => world.gate.revoke(client.tokens[0]));
      const got = await world.page.evaluate(async ([url, wanted, once, revoke]) => {
        const seen = [];
        for await (const { lastEventId, data } of client.events(api + url)) {
          seen.push(`${lastEventId} ${data}`);
          if (seen.length === wanted) return seen.join(", ");
          if (once && seen.length === 1) await globalThis[revoke]();
        }
      }, [once ? "/events?once" : path("/events"), wanted, once, `revoke${paths}`]);
      return `${got} ← ${await verdict(world)}; ${exchanged(client)}`;
    },
  },
];
