// Two loopback sites for the client: a marketplace that gives tokens for a session cookie, and an API on another origin. Each notes what it really saw.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const CLIENT = fileURLToPath(new URL("../../clients/typescript/dist/", import.meta.url));
const INVALID_TOKEN = 'Bearer error="invalid_token", error_description="The token expired"';

async function listen(handle, upgrade) {
  const server = createServer((request, response) => handle(request, response).catch((error) => response.destroy(error)));
  if (upgrade) server.on("upgrade", upgrade);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, close: () => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))) };
}

/** A file of the client as `npm run build` made it; the gate `typescript` comes before. */
export const built = (name) => readFileSync(`${CLIENT}${name}`, "utf8");

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** `pages`: path → [media type, text]. `extra`: one more origin that the API allows and the marketplace gives tokens to. */
export async function startSites(pages, { extra } = {}) {
  const seen = { exchanges: [], calls: [], preflights: [], handshakes: [] };
  let refusals = 0;

  const marketplace = await listen(async ({ url, method, headers }, response) => {
    if (url === "/v1/token") {
      const session = /(?:^|; )sid=(\w+)/.exec(headers.cookie ?? "")?.[1];
      seen.exchanges.push({ method, session, origin: headers.origin });
      const shared = extra && headers.origin === extra() ? { "Access-Control-Allow-Origin": headers.origin, "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Headers": "content-type" } : {};
      response.writeHead(method === "OPTIONS" ? 204 : session ? 200 : 401, { ...shared, "Content-Type": "application/json", "Cache-Control": "no-store" });
      const iat = Math.floor(Date.now() / 1_000);
      const token = `${base64url({ alg: "none" })}.${base64url({ sub: session, iat, exp: iat + 300, jti: seen.exchanges.length })}.c2ln`;
      return response.end(method === "OPTIONS" ? "" : JSON.stringify(session ? { token, refresh_after: 210 } : { code: "no_session" }));
    }
    const path = url.split("?")[0];
    const module = /^\/client\/(\w+\.js)$/.exec(path)?.[1];
    const [type, text] = module ? ["text/javascript", built(module)] : pages[path] ?? [];
    response.writeHead(type ? 200 : 404, { "Content-Type": `${type ?? "text/plain"}; charset=utf-8` });
    return response.end(text);
  });
  const origin = `http://localhost:${marketplace.port}`;

  const allowed = (headers) => headers.origin === origin || (extra && headers.origin === extra());
  const api = await listen(async ({ url, method, headers }, response) => {
    const shared = allowed(headers) && url !== "/closed" && url !== "/hidden"
      ? { "Access-Control-Allow-Origin": headers.origin, "Access-Control-Expose-Headers": "www-authenticate, exeat-handler", Vary: "Origin" } : {};
    if (method === "OPTIONS") {
      seen.preflights.push(url);
      response.writeHead(204, { ...shared, "Access-Control-Allow-Headers": "authorization", "Access-Control-Max-Age": "7200" });
      return response.end();
    }
    seen.calls.push({ url, method, headers });
    if (url === "/hidden") shared["Cross-Origin-Resource-Policy"] = "same-origin";
    if (url === "/moved") response.writeHead(302, { ...shared, Location: "/points" });
    else if (url === "/once" && refusals++ === 0) response.writeHead(401, { ...shared, "WWW-Authenticate": INVALID_TOKEN, "Exeat-Handler": "not-run" });
    else if (url === "/events") response.writeHead(200, { ...shared, "Content-Type": "text/event-stream" });
    else response.writeHead(200, { ...shared, "Content-Type": "application/json" });
    return response.end(url === "/events" ? "data: 7\n\n" : '{"points":7}');
  }, ({ headers }, socket) => {
    seen.handshakes.push(headers);
    const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: points.v1\r\n\r\n`);
    socket.on("error", () => {});
  });

  return { seen, origin, api: `http://127.0.0.1:${api.port}`, close: () => Promise.all([marketplace.close(), api.close()]) };
}
