// An authorization server made of npm's `oidc-provider`, as people run it: JWT access tokens by the client credentials grant, for the resource
// that is asked for (RFC 8707, RFC 9068). Prints `listening peer URL`; the URL is the issuer. The line `replace` on stdin gives it new keys
// and no trace of the old ones, and is answered with `replaced`. Ends when stdin does.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

console.info = console.error; // its notices; stdout is for our lines
const ALGS = { "https://es256.example": "ES256", "https://rs256.example": "RS256" };
const [clientId, clientSecret] = process.argv.slice(2);

async function privateKeys() {
  const made = Object.values(ALGS).map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: "sig" };
  });
  return { keys: await Promise.all(made) };
}

async function provider(issuer) {
  const made = new Provider(issuer, {
    jwks: await privateKeys(),
    cookies: { keys: [randomBytes(32).toString("hex")] },
    clients: [{ client_id: clientId, client_secret: clientSecret, grant_types: ["client_credentials"], response_types: [], redirect_uris: [] }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (context, resource) => ({
          scope: "points:read", audience: resource, accessTokenTTL: 300, accessTokenFormat: "jwt", jwt: { sign: { alg: ALGS[resource] } },
        }),
      },
    },
  });
  return made.callback();
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = await provider(issuer);
  console.log(`listening peer ${issuer}`);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== "replace") throw new Error(`unknown order: ${line}`);
    answer = await provider(issuer);
    console.log("replaced");
  }
  server.closeAllConnections();
  server.close();
});
