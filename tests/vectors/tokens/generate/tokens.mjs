// Writes node.json: tokens that Node's `jose` makes, the odd ones among them by its own hand. By hand only, after
// `npm ci --prefix tests/peers/node`. RS256 and EdDSA throughout where it can be: their signatures are the same in every run.
import { createPrivateKey, createPublicKey, createSecretKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { CompactEncrypt, CompactSign, EncryptJWT, FlattenedSign, GeneralSign, SignJWT, UnsecuredJWT } from "../../../peers/node/jose.mjs";

const NOW = 1_800_000_000;
const ISSUER = "https://market.example.com";
const AUDIENCE = "loyalty-api";
const ALG = { p256: "ES256", rsa2048: "RS256", rsa3072: "PS256", p384: "ES384", ed25519: "EdDSA" };

const key = (name) => createPrivateKey(readFileSync(new URL(`../../jose/keys/${name}.pkcs8.txt`, import.meta.url)));
const secret = (bytes) => createSecretKey(bytes);
const bytes = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const segment = (token, at) => token.split(".")[at];

/** The claims of a good token; what is `undefined` in `changes` goes missing. */
function claims(changes = {}) {
  const good = { iss: ISSUER, sub: "8f3b1c0a-2f7e-4f0e-9d58-3a0d1d3c9c11", aud: AUDIENCE, iat: NOW - 10, nbf: NOW - 15, exp: NOW + 290, jti: "j-1", name: "ann@example.com", tenant: "acme" };
  return Object.fromEntries(Object.entries({ ...good, ...changes }).filter(([, value]) => value !== undefined));
}

const jwt = (name, changes = {}, members = {}) =>
  new SignJWT(claims(changes)).setProtectedHeader({ alg: ALG[name], kid: name, typ: "JWT", ...members }).sign(key(name), { crit: Object.fromEntries((members.crit ?? []).map((one) => [one, true])) });
const jws = (payload, members = {}, name = "rsa2048") =>
  new CompactSign(bytes(payload)).setProtectedHeader({ alg: ALG[name], kid: name, ...members }).sign(key(name), { crit: Object.fromEntries((members.crit ?? []).map((one) => [one, true])) });

const cases = [];

function add(name, about, token, code = "accepted", more = {}) {
  const { config = "usual", jose = code, ...request } = more;
  const [status, error] = { accepted: [200], tenant_not_allowed: [403, null], read_only_token: [403, null], keys_unavailable: [503, null] }[code] ?? [401, "invalid_token"];
  cases.push({ name: `jose: ${name}`, about, config, token, ...request, status, ...(status === 200 ? {} : { code, error }), jose });
}

for (const name of Object.keys(ALG)) {
  add(`${ALG[name]}`, ["lesson 4", "RFC 8725 3.2"], await jwt(name));
  add(`${ALG[name]} from a set full of unfit keys`, ["lesson 7"], await jwt(name), "accepted", { config: "polluted" });
}
for (const claim of ["iss", "aud", "sub", "exp"]) {
  add(`no ${claim}`, ["lesson 1"], await jwt("rsa2048", { [claim]: undefined }), "missing_claim", { jose: claim === "sub" ? "accepted" : "missing_claim" });
}
for (const [claim, value] of [["exp", "soon"], ["nbf", "soon"], ["iat", "now"], ["iss", 1], ["aud", {}], ["sub", 7], ["jti", []]]) {
  add(`${claim}: ${JSON.stringify(value)}`, ["lesson 2"], await jws({ ...claims(), [claim]: value }), "bad_claim_type");
}
for (const crit of [["urn:example:policy"], ["urn:example:a", "urn:example:b"], ["exp"]]) {
  const members = Object.fromEntries(crit.map((name) => [name, "strict"]));
  add(`crit ${crit.join()}`, ["lesson 3"], await jwt("rsa2048", {}, { crit, ...members }), "crit_unsupported");
}
add("crit b64 true", ["lesson 3"], await jws(claims(), { b64: true, crit: ["b64"] }), "crit_unsupported");

// jose writes an unencoded payload only where it is detached; put back, it is a token of RFC 7797.
const detached = await new FlattenedSign(bytes("unencoded")).setProtectedHeader({ alg: "RS256", kid: "rsa2048", b64: false, crit: ["b64"] }).sign(key("rsa2048"));
add("an unencoded payload, put back", ["lesson 3", "RFC 8725 3.3"], `${detached.protected}.unencoded.${detached.signature}`, "crit_unsupported");
add("an unencoded payload, detached", ["lesson 3", "RFC 8725 3.3"], `${detached.protected}..${detached.signature}`, "malformed");

add("an unsecured JWT", ["RFC 8725 3.1"], new UnsecuredJWT(claims()).encode(), "alg_not_allowed");
for (const alg of ["HS256", "HS384", "HS512"]) {
  const pem = createPublicKey(key("rsa2048")).export({ type: "spki", format: "pem" });
  add(`${alg} with our public key as secret`, ["RFC 8725 3.1"], await new SignJWT(claims()).setProtectedHeader({ alg, kid: "rsa2048" }).sign(secret(Buffer.from(pem))), "alg_not_allowed");
  add(`${alg} with a secret`, ["RFC 8725 3.5"], await new SignJWT(claims()).setProtectedHeader({ alg }).sign(secret(Buffer.alloc(64, 7))), "alg_not_allowed");
}

// Five segments, of every kind that jose makes. They change with each run: an initialisation vector is chance.
const publicKey = createPublicKey(key("rsa2048"));
for (const [alg, enc, to] of [["RSA-OAEP-256", "A256GCM", publicKey], ["RSA-OAEP", "A128CBC-HS256", publicKey], ["ECDH-ES", "A256GCM", createPublicKey(key("p256"))], ["dir", "A256GCM", secret(Buffer.alloc(32, 7))]]) {
  add(`a JWE: ${alg}, ${enc}`, ["RFC 8725 3.3"], await new EncryptJWT(claims()).setProtectedHeader({ alg, enc, kid: "rsa2048" }).encrypt(to), "malformed");
}
const inner = await jwt("rsa2048");
add("a JWS in a JWE", ["RFC 8725 3.3"], await new CompactEncrypt(bytes(inner)).setProtectedHeader({ alg: "dir", enc: "A256GCM", cty: "JWT" }).encrypt(secret(Buffer.alloc(32, 7))), "malformed");
add("a JWS in a JWS", ["RFC 8725 3.3"], await jws(inner, { cty: "JWT" }), "malformed");

// JSON serialisations have no compact form; a header of HTTP carries them only where spaces and quotes are no syntax, and here they are.
const general = await new GeneralSign(bytes(claims())).addSignature(key("rsa2048")).setProtectedHeader({ alg: "RS256", kid: "rsa2048" }).sign();
const unsendable = (name, token) => cases.push({ name: `jose: ${name}`, about: ["shape"], config: "usual", token, jose: "malformed" });
unsendable("general JSON serialisation", JSON.stringify(general));
unsendable("flattened JSON serialisation", JSON.stringify({ payload: general.payload, ...general.signatures[0] }));

add("another issuer", ["RFC 8725 3.8"], await jwt("rsa2048", { iss: "https://evil.example" }), "wrong_issuer");
add("another audience", ["RFC 8725 3.9"], await jwt("rsa2048", { aud: ["other", "another"] }), "wrong_audience");
add("several audiences, ours among them", ["RFC 8725 3.9"], await jwt("rsa2048", { aud: ["other", AUDIENCE] }));
add("expired", ["times"], await jwt("ed25519", { exp: NOW - 30 }), "expired");
add("expired, within the leeway", ["times"], await jwt("ed25519", { exp: NOW - 29 }));
add("not yet valid", ["times"], await jwt("ed25519", { nbf: NOW + 31 }), "not_yet_valid");
add("issued in the future", ["times"], await jwt("ed25519", { iat: NOW + 31 }), "iat_future");
for (const typ of ["secevent+jwt", "logout+jwt", "dpop+jwt"]) add(`typ ${typ}`, ["RFC 8725 3.11", "RFC 8725 3.12"], await jwt("rsa2048", {}, { typ }), "typ_mismatch");
add("an access token of RFC 9068", ["RFC 8725 3.12"], await jwt("rsa2048", { client_id: "app-1" }, { typ: "at+jwt" }), "accepted", { config: "rfc9068" });
add("a JWT where only access tokens are taken", ["RFC 8725 3.12"], await jwt("rsa2048", { client_id: "app-1" }), "typ_mismatch", { config: "rfc9068" });
for (const name of ["rsa2048-other", "ed25519-other"]) {
  const ours = name.replace("-other", "");
  const made = (kid) => new SignJWT(claims()).setProtectedHeader({ alg: ALG[ours], kid }).sign(key(name));
  add(`${name} under the name of ours`, ["lesson 19"], await made(ours), "bad_signature");
  add(`${name} under a name of its own`, ["lesson 11"], await made(name), "unknown_key");
  add(`${name}, its public half in the header`, ["RFC 8725 3.10"], await new SignJWT(claims()).setProtectedHeader({ alg: ALG[ours], kid: ours, jwk: createPublicKey(key(name)).export({ format: "jwk" }) }).sign(key(name)), "bad_signature");
}
for (const name of ["rsa2048", "ed25519"]) {
  add(`${ALG[name]}, payload of another token`, ["RFC 8725 3.4"], `${segment(await jwt(name), 0)}.${segment(await jwt(name, { sub: "root" }), 1)}.${segment(await jwt(name), 2)}`, "bad_signature");
  add(`${ALG[name]}, a good token while there are no keys`, ["lesson 15"], await jwt(name), "keys_unavailable", { config: "outage", jose: "unknown_key" });
}
for (const method of ["POST", "DELETE"]) add(`read-only, ${method}`, ["read-only"], await jwt("ed25519", { ro: true }), "read_only_token", { method, jose: "accepted" });
add("read-only, GET", ["read-only"], await jwt("ed25519", { ro: true }));
add("tenant of somebody else", ["tenant"], await jwt("ed25519", { tenant: "other" }), "tenant_not_allowed", { config: "tenants", jose: "accepted" });

const version = JSON.parse(readFileSync(new URL("../../../peers/node/package.json", import.meta.url))).dependencies.jose;
writeFileSync(new URL("../node.json", import.meta.url), `${JSON.stringify({ made_by: `jose ${version}`, cases }, null, 1)}\n`);
console.log(`node.json: ${cases.length} cases`);
