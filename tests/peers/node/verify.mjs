// Verifies the token on stdin as a user of `jose` would: verify.mjs JWKS_URL ISSUER AUDIENCE. Prints header and claims as one JSON object.
import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [url, issuer, audience] = process.argv.slice(2);
const token = (await text(process.stdin)).trim();
try {
  const { protectedHeader, payload } = await jwtVerify(token, createRemoteJWKSet(new URL(url)), { issuer, audience });
  console.log(JSON.stringify({ header: protectedHeader, claims: payload }));
} catch (error) {
  console.error(error.code ?? String(error));
  process.exitCode = 1;
}
