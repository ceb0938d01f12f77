// The throw-away keys of `keys/`, as Node key objects and as public JWKs made by `jose`.
import { createPrivateKey, createPublicKey, sign as cryptoSign, constants } from "node:crypto";
import { readFileSync } from "node:fs";
import { calculateJwkThumbprint, exportJWK } from "../../../peers/node/jose.mjs";

export function privateKey(name) {
  return createPrivateKey(readFileSync(new URL(`../keys/${name}.pkcs8.txt`, import.meta.url)));
}

/** The public JWK with kid = RFC 7638 thumbprint, and the further members given (alg, use). */
export async function publicJwk(name, members = {}) {
  const jwk = await exportJWK(createPublicKey(privateKey(name)));
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), ...members };
}

export const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

const HASH = { 256: "sha256", 384: "sha384", 512: "sha512" };

/** A raw JWS signature by Node's OpenSSL: for tokens that `jose` rightly refuses to make. */
export function rawSignature(alg, name, input) {
  const key = privateKey(name);
  if (alg === "EdDSA" || alg === "Ed25519") return cryptoSign(null, input, key);
  const hash = HASH[alg.slice(2)];
  if (alg.startsWith("ES")) return cryptoSign(hash, input, { key, dsaEncoding: "ieee-p1363" });
  if (alg.startsWith("PS")) {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return cryptoSign(hash, input, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
  }
  return cryptoSign(hash, input, key);
}

/** Signs two segments exactly as they are. */
export function signSegments(alg, name, header, payload) {
  const input = `${header}.${payload}`;
  return `${input}.${base64url(rawSignature(alg, name, Buffer.from(input)))}`;
}

/** Signs a header and a payload given as JSON text (or as objects), byte for byte. */
export function signText(alg, name, header, payload) {
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return signSegments(alg, name, base64url(text(header)), base64url(text(payload)));
}
