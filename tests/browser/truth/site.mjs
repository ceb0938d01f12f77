// A loopback site that answers what a fact says and notes what it really saw.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";

const PAGE = { headers: [["Content-Type", "text/html; charset=utf-8"]], body: "<!doctype html><title>a page</title>" };

/**
 * `answers(f)`: until the next call, a request is answered with what `f({ method, url, headers, body })` returns or resolves to: `{ status, headers, body }`,
 * headers being lines, so that one may come twice; nothing is a blank page. For a handshake `{ protocol }` opens a WebSocket that sends
 * "hello". `take()`: the requests since the last time. With the `key` and `cert` of `tls` it speaks https.
 */
export async function startSite(tls) {
  const seen = [];
  // What was upgraded is no longer the server's to close.
  const sockets = [];
  let answer = () => PAGE;
  let wake = () => {};
  const see = (request) => (seen.push(request), wake());

  const server = (tls ? createSecureServer : createServer)(tls ?? {}, async (request, response) => {
    const { method, url, headers } = request;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    // Not asked for by any page of ours.
    if (url === "/favicon.ico") return response.writeHead(404).end();
    see({ method, url, headers });
    try {
      const told = (await answer({ method, url, headers, body })) ?? PAGE;
      response.writeHead(told.status ?? 200, (told.headers ?? []).flat());
      response.end(told.body ?? "");
    } catch (error) {
      response.destroy(error);
    }
  });
  // A connection ends when a fact says so, however slow the machine is.
  server.keepAliveTimeout = 0;
  server.on("upgrade", async ({ method, url, headers }, socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    see({ method, url, headers });
    const told = await answer({ method, url, headers });
    if (told.status) return socket.end(`HTTP/1.1 ${told.status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    const protocol = told.protocol ? `Sec-WebSocket-Protocol: ${told.protocol}\r\n` : "";
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${protocol}\r\n`);
    // One unmasked text frame (RFC 6455 §5.2).
    return socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]));
  });

  // Node knows no method `patch`, and browsers send it. Whoever sends what Node cannot parse gets a 200 that everybody may read.
  server.on("clientError", ({ rawPacket }, socket) => {
    if (!rawPacket || !socket.writable) return socket.destroy();
    const [method, url] = rawPacket.toString("latin1").split(" ");
    see({ method, url, headers: {} });
    return socket.end("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    port,
    scheme: tls ? "https" : "http",
    answers: (next) => { answer = next; },
    reset: () => { answer = () => PAGE; seen.length = 0; },
    take: () => seen.splice(0),
    /** The next `count` requests, once they are here. */
    async next(count) {
      while (seen.length < count) await new Promise((resolve) => { wake = resolve; });
      return seen.splice(0);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Is it a preflight, as Fetch defines it? */
export const isPreflight = ({ method, headers }) => method === "OPTIONS" && headers["access-control-request-method"] !== undefined;

/** The line that shares an answer with whoever asks. */
export const shared = ({ headers }) => ["Access-Control-Allow-Origin", headers.origin ?? "*"];

/** An answer to a preflight that allows what it asks for. */
export const allowed = ({ headers }, ...more) => ({
  status: 204,
  headers: [
    ["Access-Control-Allow-Origin", headers.origin],
    ["Access-Control-Allow-Methods", headers["access-control-request-method"]],
    ...(headers["access-control-request-headers"] ? [["Access-Control-Allow-Headers", headers["access-control-request-headers"]]] : []),
    ...more,
  ],
});

/** Requests in short: each method and url-independent, with the headers of `names` that it had. */
export const brief = (requests, ...names) => requests.map(({ method, headers }) => {
  const shown = names.filter((name) => headers[name] !== undefined).map((name) => `${name}: ${headers[name]}`);
  return [method, ...shown].join(", ");
}).join(" · ") || "nothing";
