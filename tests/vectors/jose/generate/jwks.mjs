// JWK sets: good keys among every kind that is refused, each refused alone and with its reason.
import { createHash } from "node:crypto";
import { calculateJwkThumbprint, exportJWK } from "../../../peers/node/jose.mjs";
import { base64url, privateKey, publicJwk } from "./keys.mjs";

/** A modulus of exactly `bits` bits: odd, top bit set, otherwise a fixed stream of hashes. No one has its factors; none are needed. */
function modulus(bits) {
  const bytes = Buffer.alloc(Math.ceil(bits / 8));
  for (let at = 0; at < bytes.length; at += 32) createHash("sha256").update(`${bits}/${at}`).digest().copy(bytes, at);
  const top = (bits - 1) % 8;
  bytes[0] = (bytes[0] & ((1 << top) - 1)) | (1 << top);
  bytes[bytes.length - 1] |= 1;
  return base64url(bytes);
}

const resized = (coordinate, length) => {
  const bytes = Buffer.from(coordinate, "base64url");
  return base64url(length < bytes.length ? bytes.subarray(bytes.length - length) : Buffer.concat([Buffer.alloc(length - bytes.length), bytes]));
};

const flipped = (coordinate) => {
  const bytes = Buffer.from(coordinate, "base64url");
  bytes[bytes.length - 1] ^= 1;
  return base64url(bytes);
};

async function refusedKeys() {
  const rsa = await publicJwk("rsa2048");
  const ec = await publicJwk("p256");
  const p384 = await publicJwk("p384");
  const ed = await publicJwk("ed25519");
  const full = async (name) => ({ ...(await exportJWK(privateKey(name))), kid: `private-${name}` });
  const drop = (jwk, name) => Object.fromEntries(Object.entries(jwk).filter(([member]) => member !== name));
  const raw = (jwk, extra) => JSON.stringify(jwk).replace("{", `{${extra},`);
  return {
    symmetric: [{ kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", kid: "oct" }, { kty: "oct", k: "AAAA", alg: "HS256", use: "sig" }, { kty: "oct", alg: "HS512", k: "" }],
    private: [await full("rsa2048"), await full("p256"), await full("ed25519"), { ...ec, d: "" }, { ...rsa, p: "AQAB" }],
    use: [{ ...rsa, use: "enc" }, { ...ec, use: "enc" }, { ...ed, use: "SIG" }, { ...ec, use: "" }],
    key_ops: [{ ...ec, key_ops: ["sign"] }, { ...rsa, key_ops: [] }, { ...ed, key_ops: ["encrypt", "wrapKey"] }, { ...ec, key_ops: ["Verify"] }],
    rsa_modulus: [await publicJwk("rsa1024"), { ...rsa, n: modulus(2047) }, { ...rsa, n: modulus(8193) }, { ...rsa, n: modulus(16384) }, { ...rsa, n: "AQ" }],
    rsa_exponent: [{ ...rsa, e: "AQ" }, { ...rsa, e: "Ag" }, { ...rsa, e: "AQAA" }],
    coordinate_length: [
      { ...ec, x: resized(ec.x, 31) }, { ...ec, y: resized(ec.y, 33) }, { ...ec, x: "" }, { ...p384, x: resized(p384.x, 49) },
      { ...ed, x: resized(ed.x, 31) }, { ...ed, x: resized(ed.x, 33) }, { ...ed, x: base64url("abc") },
    ],
    not_on_curve: [{ ...ec, y: flipped(ec.y) }, { ...p384, x: flipped(p384.x) }, { ...ec, x: base64url(Buffer.alloc(32)), y: base64url(Buffer.alloc(32)) }],
    alg_mismatch: [{ ...ec, alg: "RS256" }, { ...ec, alg: "ES384" }, { ...rsa, alg: "ES256" }, { ...ed, alg: "ES256" }, { ...p384, alg: "ES256" }, { ...rsa, alg: "EdDSA" }],
    unsupported: [
      await publicJwk("p521"), await publicJwk("secp256k1"), await publicJwk("ed448"), await publicJwk("x25519"),
      { kty: "AKP", alg: "ML-DSA-65", pub: "AAAA", kid: "ml-dsa" }, { kty: "OKP", crv: "X448", x: "AAAA" }, { kty: "rsa", n: rsa.n, e: rsa.e },
      { ...rsa, alg: "RSA-OAEP" }, { ...rsa, alg: "rs256" }, { ...ec, crv: "p-256" },
    ],
    not_a_jwk: [
      null, 1, "key", [], {}, { kid: "nothing" }, { ...ec, kty: 1 }, { ...ec, kid: 7 }, { ...ec, kid: null }, { ...rsa, alg: 256 }, { ...ec, use: ["sig"] }, { ...ec, key_ops: "verify" },
      drop(rsa, "n"), drop(rsa, "e"), drop(ec, "y"), drop(ec, "crv"), drop(ed, "x"), { ...ec, x: 1 }, { ...rsa, n: null },
      { ...rsa, n: `${rsa.n}==` }, { ...ec, x: `${ec.x}=` }, { ...ec, x: "not base64url!" }, { ...ed, x: ed.x.slice(0, -1) + "\n" },
      raw(ec, '"kty":"EC"'), raw(ec, `"x":"${ec.x}"`), raw(ec, '"kid":"other"'), { ...ec, kid: "k".repeat(129) }, { ...ec, kid: "" }, { ...ec, kid: "a b" },
    ],
  };
}

const text = (key) => (typeof key === "string" && key.startsWith("{") ? key : JSON.stringify(key));
const set = (keys, more = "") => `{"keys":[${keys.map(text).join()}]${more}}`;

async function kept(jwk, position, algorithm) {
  return { position, kid: jwk.kid ?? null, algorithm, thumbprint: await calculateJwkThumbprint(jwk) };
}

export async function jwks() {
  const good = await publicJwk("p256-other", { alg: "ES256", use: "sig" });
  const cases = [];
  for (const [reason, keys] of Object.entries(await refusedKeys())) {
    for (const [at, key] of keys.entries()) {
      // Before and after a good key: neither may be dragged along.
      cases.push({
        name: `${reason} ${at + 1} of ${keys.length}`, class: reason, json: set([key, good, key]),
        kept: [await kept(good, 1, "ES256")], refused: [{ position: 0, reason }, { position: 2, reason }],
      });
    }
  }

  const accepted = [
    ["rsa2048", {}, "RS256"], ["rsa2048", { alg: "PS512" }, "PS512"], ["rsa3072", { alg: "RS384" }, "RS384"], ["rsa4096", { alg: "PS256" }, "PS256"], ["rsa2048-e3", {}, "RS256"],
    ["p256", {}, "ES256"], ["p384", {}, "ES384"], ["ed25519", {}, "EdDSA"], ["ed25519", { alg: "EdDSA" }, "EdDSA"], ["ed25519", { alg: "Ed25519" }, "EdDSA"],
    ["p256", { use: "sig", key_ops: ["verify"] }, "ES256"], ["p256", { key_ops: ["sign", "verify"] }, "ES256"], ["p256", { kid: "k".repeat(128) }, "ES256"],
    ["p256", { kid: undefined }, "ES256"], ["p256", { x5c: ["AA=="], x5t: 1, unknown: { a: [] } }, "ES256"], ["rsa2048", { n: modulus(8192) }, "RS256"], ["rsa2048", { n: modulus(2048) }, "RS256"],
  ];
  for (const [name, members, algorithm] of accepted) {
    const jwk = JSON.parse(JSON.stringify(await publicJwk(name, members)));
    cases.push({ name: `accepted: ${name} ${Object.keys(members).join()}`, class: "accepted", json: set([jwk]), kept: [await kept(jwk, 0, algorithm)], refused: [] });
  }

  const many = (count) => Array.from({ length: count }, (_, at) => ({ ...good, kid: `k${at}` }));
  cases.push({ name: "64 keys", class: "set", json: set(many(64)), kept: await Promise.all(many(64).map((jwk, at) => kept(jwk, at, "ES256"))), refused: [] });
  cases.push({ name: "unknown members of the set", class: "set", json: set([good], ',"sequence":7,"refresh_hint":{"a":[1]}'), kept: [await kept(good, 0, "ES256")], refused: [] });
  cases.push({ name: "no keys", class: "set", json: '{"keys":[]}', kept: [], refused: [] });
  cases.push({ name: "65 keys", class: "set refused", json: set(many(65)), error: "too_many_keys" });
  for (const [name, json] of [
    ["empty", ""], ["an array", "[]"], ["no keys member", "{}"], ["keys is an object", '{"keys":{}}'], ["keys is null", '{"keys":null}'], ["keys twice", '{"keys":[],"keys":[]}'],
    ["cut off", set([good]).slice(0, -1)], ["a web page", "<!doctype html>"], ["a single JWK", JSON.stringify(good)], ["a trailing comma", '{"keys":[],}'],
  ]) cases.push({ name, class: "set refused", json, error: "not_a_set" });
  return { cases };
}
