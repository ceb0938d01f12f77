// Tokens that must be accepted: every algorithm by `jose`, and each rule at its last good value.
import { SignJWT } from "../../../peers/node/jose.mjs";
import { base64url, privateKey, publicJwk, signText } from "./keys.mjs";

export const NOW = 1_800_000_000;
export const ISSUER = "https://market.example.com";
export const AUDIENCE = "loyalty-api";
export const EVERY_ALG = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
export const DEFAULTS = {
  now: NOW,
  expect: { issuer: ISSUER, audience: AUDIENCE, algorithms: EVERY_ALG, leeway: 30, typ: "jwt_or_access_token" },
};

/** The claims of a good token; what is `undefined` in `changes` goes missing. */
export function claims(changes = {}) {
  const good = {
    iss: ISSUER, sub: "8f3b1c0a-2f7e-4f0e-9d58-3a0d1d3c9c11", aud: AUDIENCE,
    iat: NOW - 10, nbf: NOW - 15, exp: NOW + 290, jti: "3q2-7wEjRWeJq83v", name: "ann@example.com", tenant: "acme",
  };
  return Object.fromEntries(Object.entries({ ...good, ...changes }).filter(([, value]) => value !== undefined));
}

const KEY_FOR = [
  ["RS256", "rsa2048"], ["RS384", "rsa2048"], ["RS512", "rsa2048"],
  ["PS256", "rsa2048"], ["PS384", "rsa2048"], ["PS512", "rsa2048"],
  ["RS256", "rsa3072"], ["PS384", "rsa3072"], ["RS256", "rsa4096"], ["PS512", "rsa4096"], ["RS256", "rsa2048-e3"],
  ["ES256", "p256"], ["ES384", "p384"], ["EdDSA", "ed25519"], ["Ed25519", "ed25519"],
];

export async function valid() {
  const cases = [];
  for (const [alg, name] of KEY_FOR) {
    const jwk = await publicJwk(name, { alg, use: "sig" });
    const payload = claims();
    const token = await new SignJWT(payload).setProtectedHeader({ alg, kid: jwk.kid, typ: "JWT" }).sign(privateKey(name));
    cases.push({ name: `${alg} by jose with ${name}`, class: "algorithm", jwk, token, claims: payload });
  }

  const jwk = await publicJwk("p256", { alg: "ES256", use: "sig" });
  const header = { alg: "ES256", kid: jwk.kid, typ: "JWT" };
  const add = (class_, name, token, more = {}) => cases.push({ name, class: class_, jwk, token, ...more });
  const signed = (head, payload) => signText("ES256", "p256", head, payload);
  const withClaims = (class_, name, changes, more = {}) => {
    const payload = claims(changes);
    add(class_, name, signed(header, payload), { claims: payload, ...more });
  };

  // header
  const { typ: _, ...untyped } = header;
  add("typ", "typ absent", signed(untyped, claims()));
  for (const typ of ["jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"]) {
    add("typ", `typ ${typ}`, signed({ ...header, typ }, claims()));
  }
  for (const typ of ["at+jwt", "application/at+jwt"]) {
    add("typ", `typ ${typ} where only access tokens are taken`, signed({ ...header, typ }, claims()), { expect: { typ: "access_token" } });
  }
  add("header", "kid absent", signed({ alg: "ES256", typ: "JWT" }, claims()));
  add("header", "key material in the header is never trusted and never in the way", signed(
    { ...header, jwk: await publicJwk("p256-other"), jku: "https://evil.example/jwks", x5u: "https://evil.example/x5u", x5c: ["AA=="] }, claims()));
  add("header", "unknown members are skipped", signed({ ...header, extra: { nested: [1, { a: null }] }, n: 1.5e3 }, claims()));
  add("header", "16 members", signed({ ...header, ...numbered(13) }, claims()));
  add("header", "1,024 bytes decoded", signed(paddedHeader(header, 1024), claims()));
  add("header", "white space and escapes", signed(`{ "\\u0061lg" :\t"ES256",\n"typ":"J\\u0057T", "kid":"${jwk.kid}" }`, claims()));
  add("size", "8,192 bytes", tokenOfLength(header, 8192));

  // times, leeway 30 s
  withClaims("times", "last second before exp with leeway", { exp: NOW - 29 });
  withClaims("times", "last second before exp without leeway", { exp: NOW + 1 }, { expect: { leeway: 0 } });
  withClaims("times", "nbf is now without leeway", { nbf: NOW }, { expect: { leeway: 0 } });
  withClaims("times", "nbf within the leeway, last second", { nbf: NOW + 30 });
  withClaims("times", "iat within the leeway, last second", { iat: NOW + 30 });
  withClaims("times", "nbf and iat absent", { nbf: undefined, iat: undefined });
  withClaims("times", "exp far in the future", { exp: 4_102_444_800 });
  withClaims("times", "lifetime at the maximum", { iat: NOW - 10, exp: NOW + 290 }, { expect: { max_lifetime: 300 } });

  // audience and issuer
  withClaims("audience", "aud is an array with ours in it", { aud: ["other", AUDIENCE] });
  withClaims("audience", "aud is an array of one", { aud: [AUDIENCE] });
  const optional = { expect: { optional_issuer_and_audience: true, audience: null } };
  withClaims("appdirect", "AppDirect's five claims, no iss, no aud", { iss: undefined, aud: undefined, nbf: undefined, jti: undefined }, optional);
  withClaims("appdirect", "iss present and ours", { aud: undefined }, optional);
  withClaims("appdirect", "aud present and ours", {}, { expect: { optional_issuer_and_audience: true, audience: AUDIENCE } });
  withClaims("required", "every required claim is there", {}, { expect: { required_claims: ["sub", "jti"] } });
  const escaped = claims({ name: "Zoë \"Z\" \\ 雪 😀 \u0007", tenant: "acme" });
  add("payload", "escapes in strings", signed(header, JSON.stringify(escaped).replace("acme", "\\u0061cme")), { claims: escaped });
  withClaims("payload", "nested custom claims", { cnf: { jkt: "x" }, roles: ["a", { b: [] }] });
  return { now: DEFAULTS.now, expect: DEFAULTS.expect, cases };
}

export const numbered = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));

export function paddedHeader(header, length) {
  const bare = JSON.stringify({ ...header, pad: "" });
  return JSON.stringify({ ...header, pad: "x".repeat(length - bare.length) });
}

/** An ES256 token of exactly `length` characters: base64url lengths jump, so header and payload are padded together. */
export function tokenOfLength(header, length) {
  for (let extra = 0; extra < 3; extra += 1) {
    const head = paddedHeader(header, JSON.stringify({ ...header, pad: "" }).length + extra);
    const fixed = base64url(head).length + 2 + 86;
    const bare = JSON.stringify(claims({ pad: "" })).length;
    for (let pad = Math.floor(((length - fixed) * 3) / 4) - bare - 3; pad >= 0; pad += 1) {
      const payload = JSON.stringify(claims({ pad: "p".repeat(pad) }));
      const total = fixed + base64url(payload).length;
      if (total === length) return signText("ES256", "p256", head, payload);
      if (total > length) break;
    }
  }
  throw new Error(`no token of ${length} characters`);
}
