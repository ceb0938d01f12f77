// The API of tests/examples/browser_api.rs behind the real gate, and an issuer made of `jose` whose tokens it takes.
import { randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "../../peers/node/jose.mjs";
import { startExeat, startListening } from "../process.mjs";
import { startSite } from "./site.mjs";

/** Which tenant's page is where: both origins are allowed, each for its own tenant. */
export const TENANTS = { acme: "localhost", north: "north.localhost" };

/** Resolves to `{ issuer, port, token(claims), taken(), without(tenant), revoke(token), stop() }`; `pages` are the sites that the policy allows, with `extensions`. */
export async function startApi(pages, extensions) {
  const program = process.env.BROWSER_API;
  if (!program) throw new Error("BROWSER_API must name the example browser_api of package tests");
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const issuer = await startSite();
  const set = JSON.stringify({ keys: [{ ...jwk, kid, alg: "ES256", use: "sig" }] });
  issuer.answers(() => ({ headers: [["Content-Type", "application/json"]], body: set }));
  const iss = `http://127.0.0.1:${issuer.port}`;
  const tenants = Object.fromEntries(Object.entries(TENANTS).map(([tenant, host]) => [tenant, [`http://${host}:${pages.port}`]]));
  for (const list of Object.values(tenants)) list.push(...extensions);
  const policy = {
    origins: [...new Set(Object.values(tenants).flat())],
    methods: ["GET", "HEAD", "POST", "PUT"],
    credentials: "include",
    tenants,
  };
  const child = await startListening(program, [iss, `${iss}/jwks`, JSON.stringify(policy)], ["api", "journal"]);
  const journal = async (path, body) => {
    const answer = await fetch(child.urls.journal + path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (!answer.ok) throw new Error(`the journal answers ${path} with ${answer.status}`);
    return answer.status === 200 ? answer.json() : undefined;
  };
  return {
    issuer: iss,
    port: Number(new URL(child.urls.api).port),
    /** A token of `ada` of tenant acme, good for five minutes unless `claims` say otherwise. */
    token: (claims = {}) => {
      const now = Math.floor(Date.now() / 1_000);
      return new SignJWT({ iss, aud: "points", sub: "ada", tenant: "acme", iat: now, exp: now + 300, jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: "ES256", kid, typ: "JWT" })
        .sign(privateKey);
    },
    /** What arrived at the gate and what got through, since the last time. */
    taken: () => journal("/taken"),
    /** Takes a tenant's origins out of the policy, or puts all of them back. */
    without: (tenant) => journal("/policy", JSON.stringify({
      ...policy,
      origins: policy.origins.filter((origin) => !tenant || !tenants[tenant].includes(origin) || extensions.includes(origin)),
      tenants: Object.fromEntries(Object.entries(tenants).filter(([name]) => name !== tenant)),
    })),
    /** From now on the gate refuses the token. */
    revoke: (token) => journal("/revoke", JSON.parse(Buffer.from(token.split(".")[1], "base64url")).jti),
    async stop() {
      await child.stop();
      await issuer.close();
    },
  };
}

/** `exeat sample-api` for the same tokens, whose only page is `origin`. */
export async function startSample(issuer, origin) {
  const options = { issuer, "jwks-uri": `${issuer}/jwks`, audience: "points", origin, listen: "127.0.0.1:0" };
  const { urls, stop } = await startExeat(["sample-api", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])], ["sample-api"]);
  return { url: urls["sample-api"], stop };
}
