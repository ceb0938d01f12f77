// Verifies the token on stdin as a user of `jose` would: verify.mjs JWKS_URL ISSUER AUDIENCE. Prints header and claims as one JSON object;
// exit code 3 means that the library refused the token.
import { text } from "node:stream/consumers";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const REFUSED = 3;

const [url, issuer, audience] = process.argv.slice(2);
const token = (await text(process.stdin)).trim();
try {
  const { protectedHeader, payload } = await jwtVerify(token, createRemoteJWKSet(new URL(url)), { issuer, audience });
  console.log(JSON.stringify({ header: protectedHeader, claims: payload }));
} catch (error) {
  if (!(error instanceof errors.JOSEError)) throw error;
  console.error(error.code);
  process.exitCode = REFUSED;
}
