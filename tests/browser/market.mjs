// The marketplace of the guide docs/marketplace-backend.md, whole: its own server, `exeat serve`, an API, and a real nginx with TLS before them.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { block, replaced } from "./guide.mjs";
import { DEADLINE, start, startExeat } from "./process.mjs";

const GUIDE = "marketplace-backend.md";
export const ISSUER = "https://market.example.com";
/** Where nginx's requests to exeat come from: any other address than the browser's, so that the log can tell them apart. */
export const NGINX = "127.0.0.2";
export const BROWSER = "127.0.0.1";
export const SESSION_COOKIE = /^Set-Cookie: ([^=]+)=…(; .*)$/m.exec(block(GUIDE, "http"));

/** Resolves to `{ address, pin, api, exeat, sampleApi, stop() }`: what a browser needs to get there, and what there is to look at. */
export async function startMarket() {
  const folder = mkdtempSync(join(tmpdir(), "exeat-market-"));
  const parts = [];
  const stop = async () => {
    const codes = {};
    for (const [name, part] of parts.reverse()) codes[name] = await part.stop();
    rmSync(folder, { recursive: true });
    return codes;
  };
  try {
    const exeat = await startIssuer(folder);
    parts.push(["exeat", exeat]);
    const sampleApi = await startExeat([
      "sample-api", "--listen", "127.0.0.1:0", "--issuer", ISSUER, "--jwks-uri", `${exeat.urls.issuer}/.well-known/jwks.json`,
      "--audience", "loyalty-api", "--tenant", "acme", "--origin", ISSUER,
    ], ["sample-api"]);
    parts.push(["sample-api", sampleApi]);
    const shop = await startShop(exeat.urls.admin, sampleApi.urls["sample-api"], readFileSync(join(folder, "admin.token"), "utf8").trim());
    parts.push(["shop", shop]);
    const { nginx, address, pin } = await startNginx(folder, exeat.urls.issuer, shop.url);
    parts.push(["nginx", nginx]);
    return { address, pin, api: sampleApi.urls["sample-api"], exeat, sampleApi, sessions: shop.sessions, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startIssuer(folder) {
  writeFileSync(join(folder, "exeat.toml"), replaced(block(GUIDE, "toml exeat.toml"), `["127.0.0.1"]`, `["${NGINX}"]`));
  // The first line of the block; its second one, `exeat check-config`, is run by tests/it/guides/marketplace.rs.
  execFileSync("sh", ["-ec", block(GUIDE, "sh prepare").split("\n")[0]], { cwd: folder });
  const env = { EXEAT_SERVER__LISTEN: "127.0.0.1:0", EXEAT_SERVER__ADMIN_LISTEN: "127.0.0.1:0" };
  return startExeat(["--log", "debug", "serve", "--config", "exeat.toml"], ["issuer", "admin"], { cwd: folder, env });
}

/** The marketplace's own pages: a log-in that pushes the session and sets the guide's cookie, and the guide's client for extensions. */
async function startShop(admin, api, token) {
  const sessions = [];
  // The package as a bundler finds it, and the guide's module with the addresses of this market.
  const client = readFileSync(new URL("../../crates/exeat-cli/src/demo/assets/client.js", import.meta.url));
  let script = replaced(block("extension-author.md", "js exeat-client.mjs"), `"@exeat/client"`, `"/client.js"`);
  script = replaced(script, "https://api.example.com", api);
  script = replaced(script, "${API}/points", "${API}/whoami");
  const server = createServer(async (request, response) => {
    const answer = (status, type, body, headers = {}) => response.writeHead(status, { "Content-Type": type, ...headers }).end(body);
    if (request.url === "/client.js") return answer(200, "text/javascript", client);
    if (request.url === "/exeat-client.mjs") return answer(200, "text/javascript", script);
    if (request.method !== "POST" || request.url !== "/login") return answer(200, "text/html", "<!doctype html><title>the shop</title>");
    const id = randomBytes(32).toString("hex");
    sessions.push(id);
    const pushed = await fetch(`${admin}/admin/v1/sessions`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ ...JSON.parse(block(GUIDE, "json session.json")), session_id: id }),
    });
    const [, name, attributes] = SESSION_COOKIE;
    return answer(pushed.status === 201 ? 204 : 500, "text/plain", undefined, { "Set-Cookie": `${name}=${id}${attributes}` });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    sessions,
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      return 0;
    },
  };
}

/** nginx on the guide's configuration, with a certificate that nobody but this test has. */
async function startNginx(folder, exeat, shop) {
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=market.example.com",
    "-addext", "subjectAltName=DNS:market.example.com", "-keyout", join(folder, "privkey.pem"), "-out", join(folder, "fullchain.pem"),
  ], { stdio: "pipe" });
  const key = new X509Certificate(readFileSync(join(folder, "fullchain.pem"))).publicKey;
  const pin = createHash("sha256").update(key.export({ type: "spki", format: "der" })).digest("base64");

  // A loopback address of its own: between choosing the port and nginx taking it, nobody else does.
  const host = `127.78.${(process.pid >> 8) & 255}.${process.pid & 255}`;
  const address = `${host}:${await freePort(host)}`;
  let server = block(GUIDE, "nginx nginx.conf");
  server = replaced(server, "listen 443 ssl", `listen ${address} ssl`);
  server = replaced(server, "/etc/exeat/tls", folder);
  server = replaced(server, "127.0.0.1:8080", new URL(exeat).host);
  server = replaced(server, "http://127.0.0.1:3000", shop);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`).join("\n");
  const around = `daemon off;\nmaster_process off;\npid nginx.pid;\nevents {}\nhttp {\naccess_log off;\nproxy_bind ${NGINX};\n${paths}\n${server}}\n`;
  writeFileSync(join(folder, "nginx.conf"), around);
  // Debian keeps it where only root's PATH looks.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const nginx = start("nginx", ["-p", folder, "-e", "stderr", "-c", "nginx.conf"], { env });
  if (!(await answers(address))) {
    await nginx.stop();
    throw new Error(`nginx does not listen:\n${nginx.logs()}`);
  }
  return { nginx, address, pin };
}

async function freePort(host) {
  const socket = createSocket();
  await new Promise((resolve) => socket.listen(0, host, resolve));
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

async function answers(address) {
  const [host, port] = address.split(":");
  const tries = () => new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) }, () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
  const end = performance.now() + DEADLINE;
  while (performance.now() < end) if (await tries()) return true;
  return false;
}
