// RFC 7638 thumbprints by `jose`, the RFC's own example first.
import { calculateJwkThumbprint } from "../../../peers/node/jose.mjs";
import { publicJwk } from "./keys.mjs";

/** RFC 7638 section 3.1. */
const RFC_7638 = {
  kty: "RSA",
  n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
  e: "AQAB",
  alg: "RS256",
  kid: "2011-04-29",
};
const RFC_7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

export async function thumbprints() {
  if ((await calculateJwkThumbprint(RFC_7638)) !== RFC_7638_THUMBPRINT) throw new Error("jose disagrees with RFC 7638");
  const cases = [{ name: "the example of RFC 7638", jwk: RFC_7638, thumbprint: RFC_7638_THUMBPRINT }];
  for (const name of ["rsa2048", "rsa3072", "rsa2048-e3", "p256", "p384", "ed25519"]) {
    const { kid: thumbprint, ...jwk } = await publicJwk(name);
    cases.push({ name, jwk, thumbprint, key: name });
    cases.push({ name: `${name}: kid, alg, use and unknown members do not count`, jwk: { x_unknown: 1, use: "sig", kid: "a-name", ...jwk }, thumbprint });
  }
  return { cases };
}
