// A foreign issuer made of `jose`: serves its own JWKS and signs what it is told. Prints `listening peer URL`, then for each line
// {"alg", "claims", "typ"?} on stdin one line with the token. Ends when stdin does.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";

const keys = new Map();
for (const alg of ["ES256", "RS256", "PS256", "ES384", "EdDSA"]) {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const jwk = await exportJWK(publicKey);
  keys.set(alg, { privateKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: "sig" } });
}

const set = JSON.stringify({ keys: [...keys.values()].map(({ jwk }) => jwk) });
const server = createServer((request, response) => {
  const found = request.url === "/jwks";
  response.writeHead(found ? 200 : 404, { "Content-Type": "application/json", "Cache-Control": "max-age=300" });
  response.end(found ? set : "{}");
});
server.listen(0, "127.0.0.1", async () => {
  console.log(`listening peer http://127.0.0.1:${server.address().port}`);
  for await (const line of createInterface({ input: process.stdin })) {
    const { alg, claims, typ = "JWT" } = JSON.parse(line);
    const { privateKey, jwk } = keys.get(alg);
    console.log(await new SignJWT(claims).setProtectedHeader({ alg, kid: jwk.kid, typ }).sign(privateKey));
  }
  server.closeAllConnections();
  server.close();
});
