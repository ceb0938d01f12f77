// Tokens that must be refused, each with the reason: signed well, so that nothing but the rule under test stands in the way.
import { createHmac, createPublicKey } from "node:crypto";
import { CompactSign, SignJWT } from "../../../peers/node/jose.mjs";
import { base64url, privateKey, publicJwk, rawSignature, signSegments, signText } from "./keys.mjs";
import { AUDIENCE, claims, DEFAULTS, ISSUER, NOW, numbered, paddedHeader, tokenOfLength } from "./valid.mjs";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The same bytes spelt with other unused bits at the end: decoders that do not check accept both. */
function nonCanonical(segment) {
  const unused = { 2: 4, 3: 2 }[segment.length % 4];
  if (!unused) throw new Error("no unused bits in this segment");
  return segment.slice(0, -1) + ALPHABET[ALPHABET.indexOf(segment.at(-1)) | 1];
}

/** Flips the lowest bit of a byte of a base64url segment. */
function flip(segment, at) {
  const bytes = Buffer.from(segment, "base64url");
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return base64url(bytes);
}

export async function refused() {
  const ec = await publicJwk("p256", { alg: "ES256", use: "sig" });
  const rsa = await publicJwk("rsa2048", { alg: "RS256", use: "sig" });
  const header = { alg: "ES256", kid: ec.kid, typ: "JWT" };
  const cases = [];
  const add = (class_, reason, name, token, more = {}) => cases.push({ name, class: class_, reason, jwk: ec, token, ...more });
  const signed = (head, payload = claims()) => signText("ES256", "p256", head, payload);
  const good = signed(header);
  const [h, p, s] = good.split(".");

  // shape
  for (const [name, token] of [
    ["empty", ""], ["one segment", h], ["two segments", `${h}.${p}`], ["four segments", `${good}.${s}`], ["five segments, a JWE", `${h}..${p}.${s}.${s}`],
    ["only dots", ".."], ["a trailing dot", `${good}.`], ["JSON serialisation", JSON.stringify({ protected: h, payload: p, signature: s })],
    ["a leading space", ` ${good}`], ["a trailing line feed", `${good}\n`], ["Bearer in front", `Bearer ${good}`], ["not ASCII", `${h}.${p}é.${s}`],
  ]) add("shape", "malformed", name, token);

  // base64url
  add("base64url", "malformed", "header padded", signSegments("ES256", "p256", pad(h), p));
  add("base64url", "malformed", "payload padded", signSegments("ES256", "p256", h, pad(p)));
  add("base64url", "malformed", "signature padded", `${good}==`);
  add("base64url", "malformed", "payload in standard base64", signSegments("ES256", "p256", h, Buffer.from(JSON.stringify(claims({ name: "???>>>~~~" }))).toString("base64").replace(/=+$/, "")));
  add("base64url", "malformed", "header of an impossible length", signSegments("ES256", "p256", h.slice(0, h.length - (h.length % 4)) + "A", p));
  add("base64url", "malformed", "payload of an impossible length", signSegments("ES256", "p256", h, p.slice(0, p.length - (p.length % 4)) + "A"));
  add("base64url", "malformed", "signature not canonical", `${h}.${p}.${nonCanonical(s)}`);
  add("base64url", "malformed", "header not canonical", signSegments("ES256", "p256", nonCanonical(base64url(withUnusedBits(header))), p));
  add("base64url", "malformed", "payload not canonical", signSegments("ES256", "p256", h, nonCanonical(base64url(withUnusedBits(claims())))));
  add("base64url", "malformed", "white space inside the payload", signSegments("ES256", "p256", h, `${p.slice(0, 8)} ${p.slice(8)}`));

  // size
  add("size", "too_large", "8,193 bytes", tokenOfLength(header, 8193));
  add("size", "too_large", "64 KiB of nothing", "a".repeat(65536));
  add("size", "too_large", "8,193 dots", ".".repeat(8193));
  add("header size", "bad_header", "1,025 bytes decoded", signed(paddedHeader(header, 1025)));
  add("header size", "bad_header", "4,000 bytes decoded", signed(paddedHeader(header, 4000)));
  add("header size", "bad_header", "1,025 bytes, all of them white space", signed(JSON.stringify(header).padEnd(1025)));
  add("header members", "bad_header", "17 members", signed({ ...header, ...numbered(14) }));
  add("header members", "bad_header", "100 members", signed({ ...header, ...numbered(97) }));
  add("header members", "bad_header", "17 members, alg last", signed(`{${Object.keys(numbered(16)).map((key) => `"${key}":0`).join()},"alg":"ES256"}`));

  // header content
  for (const [name, text] of [
    ["not JSON", "alg=ES256"], ["an array", '["alg","ES256"]'], ["null", "null"], ["a string", '"ES256"'], ["cut off", '{"alg":"ES256"'],
    ["two objects", '{"alg":"ES256"}{}'], ["empty object", "{}"], ["no alg", '{"typ":"JWT"}'], ["alg a number", '{"alg":256}'], ["alg null", '{"alg":null}'],
    ["alg an array", '{"alg":["ES256"]}'], ["typ a number", '{"alg":"ES256","typ":1}'], ["kid a number", '{"alg":"ES256","kid":1}'], ["kid an object", '{"alg":"ES256","kid":{}}'],
  ]) add("header", "bad_header", name, signed(text));
  add("header", "bad_header", "not UTF-8", signSegments("ES256", "p256", base64url(Buffer.from([...Buffer.from('{"alg":"ES256","x":"'), 0xff, 0x22, 0x7d])), p));
  for (const [name, text] of [
    ["alg twice, the same", '{"alg":"ES256","alg":"ES256"}'], ["alg twice, none first", '{"alg":"none","alg":"ES256"}'], ["alg twice, none last", '{"alg":"ES256","alg":"none"}'],
    ["alg twice, one escaped", '{"alg":"ES256","\\u0061lg":"ES256"}'], ["kid twice", '{"alg":"ES256","kid":"a","kid":"b"}'], ["typ twice", '{"alg":"ES256","typ":"JWT","typ":"JWT"}'],
    ["an unknown member twice", '{"alg":"ES256","x":1,"x":2}'],
  ]) add("duplicate header members", "bad_header", name, signed(text));

  // crit, b64, zip, enc
  for (const [name, members] of [
    ["an unknown name", { crit: ["x-unknown"], "x-unknown": true }], ["exp is no header extension", { crit: ["exp"], exp: NOW }], ["an unknown name that is not even there", { crit: ["x-unknown"] }],
    ["b64 false, made critical", { crit: ["b64"], b64: false }], ["b64 true, made critical", { crit: ["b64"], b64: true }], ["two names", { crit: ["b64", "x-unknown"], b64: true, "x-unknown": 1 }],
  ]) add("crit", "crit_unsupported", name, signed({ ...header, ...members }));
  add("crit", "crit_unsupported", "made by jose with an extension of its own", await new CompactSign(Buffer.from(JSON.stringify(claims())))
    .setProtectedHeader({ ...header, crit: ["urn:example:policy"], "urn:example:policy": "strict" })
    .sign(privateKey("p256"), { crit: { "urn:example:policy": true } }));
  for (const [name, crit] of [["empty", []], ["a string", "exp"], ["null", null], ["an array of numbers", [1]]]) {
    add("crit of the wrong shape", "crit_unsupported", name, signed({ ...header, crit }));
  }
  const unencoded = (members) => {
    const head = base64url(JSON.stringify({ ...header, ...members }));
    const payload = "unencoded";
    return `${head}.${payload}.${base64url(rawSignature("ES256", "p256", Buffer.from(`${head}.${payload}`)))}`;
  };
  add("b64", "bad_header", "b64 false without crit", signed({ ...header, b64: false }));
  add("b64", "bad_header", "b64 false with an unencoded payload", unencoded({ b64: false }));
  add("b64", "crit_unsupported", "b64 false with an unencoded payload, made critical", unencoded({ b64: false, crit: ["b64"] }));
  for (const [name, members] of [["zip", { zip: "DEF" }], ["enc", { enc: "A256GCM" }], ["zip and enc", { zip: "DEF", enc: "A128CBC-HS256" }]]) {
    add("zip and enc", "bad_header", name, signed({ ...header, ...members }));
  }

  // algorithm
  const rsaHeader = { alg: "RS256", kid: rsa.kid, typ: "JWT" };
  for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
    add("alg none", "alg_not_allowed", `alg "${alg}" without a signature`, `${base64url(JSON.stringify({ ...header, alg }))}.${p}.`);
    add("alg none", "alg_not_allowed", `alg "${alg}" with a signature`, signed({ ...header, alg }));
  }
  const pem = createPublicKey(privateKey("rsa2048")).export({ type: "spki", format: "pem" });
  for (const [name, secret] of [["PEM", pem], ["JWK text", JSON.stringify(rsa)], ["modulus", Buffer.from(rsa.n, "base64url")]]) {
    for (const alg of ["HS256", "HS384", "HS512"]) {
      const input = `${base64url(JSON.stringify({ ...rsaHeader, alg }))}.${p}`;
      const mac = createHmac(`sha${alg.slice(2)}`, secret).update(input).digest("base64url");
      add("HMAC with the public key as secret", "alg_not_allowed", `${alg}, ${name}`, `${input}.${mac}`, { jwk: rsa });
    }
  }
  for (const alg of ["ES256K", "ES512", "Ed448", "RSA-OAEP", "RSA1_5", "dir", "es256", "ES256 ", "A".repeat(300)]) {
    add("alg unknown", "alg_not_allowed", `alg ${alg.slice(0, 20)}`, signed({ ...header, alg }));
  }
  for (const [alg, name, allowed] of [["RS256", "rsa2048", ["ES256"]], ["ES256", "p256", ["RS256"]], ["PS256", "rsa2048", ["RS256", "ES256"]], ["ES384", "p384", ["ES256"]], ["EdDSA", "ed25519", ["RS256", "ES256"]], ["Ed25519", "ed25519", ["RS256", "ES256"]]]) {
    const jwk = await publicJwk(name, { alg });
    const token = await new SignJWT(claims()).setProtectedHeader({ alg, kid: jwk.kid }).sign(privateKey(name));
    add("alg not in the list", "alg_not_allowed", `${alg} where only ${allowed.join()} is taken`, token, { jwk, expect: { algorithms: allowed } });
  }
  for (const [alg, name, keyAlg] of [["PS256", "rsa2048", "RS256"], ["RS256", "rsa2048", "PS256"], ["RS512", "rsa2048", "RS256"], ["ES256", "p256", "RS256"], ["RS256", "rsa2048", "ES256"], ["EdDSA", "ed25519", "ES256"], ["ES384", "p384", "ES256"]]) {
    const jwk = keyAlg.startsWith("ES") ? ec : await publicJwk("rsa2048", { alg: keyAlg, use: "sig" });
    const token = await new SignJWT(claims()).setProtectedHeader({ alg, kid: jwk.kid }).sign(privateKey(name));
    add("alg of the header is not the key's", "alg_not_allowed", `${alg} under a key for ${keyAlg}`, token, { jwk });
  }

  // typ
  for (const typ of ["JWE", "JOSE", "secevent+jwt", "dpop+jwt", "logout+jwt", "", "JWT2"]) add("typ", "typ_mismatch", `typ "${typ}"`, signed({ ...header, typ }));
  for (const typ of ["JWT", "application/jwt", undefined]) {
    add("typ", "typ_mismatch", `typ ${typ ?? "absent"} where only access tokens are taken`, signed({ ...header, typ }), { expect: { typ: "access_token" } });
  }

  // signature
  const bad = (name, token, more) => add("signature", "bad_signature", name, token, more);
  bad("first byte flipped", `${h}.${p}.${flip(s, 0)}`);
  bad("last byte flipped", `${h}.${p}.${flip(s, -1)}`);
  bad("payload changed", `${h}.${base64url(JSON.stringify(claims({ sub: "someone-else" })))}.${s}`);
  bad("header changed", `${base64url(JSON.stringify({ ...header, x: 1 }))}.${p}.${s}`);
  bad("of another token", `${h}.${p}.${signed(header, claims({ jti: "other" })).split(".")[2]}`);
  bad("by another key", signText("ES256", "p256-other", header, claims()));
  bad("empty", `${h}.${p}.`);
  bad("one byte short", `${h}.${p}.${base64url(Buffer.from(s, "base64url").subarray(0, 63))}`);
  bad("one byte long", `${h}.${p}.${base64url(Buffer.concat([Buffer.from(s, "base64url"), Buffer.from([0])]))}`);
  bad("ES256, r and s zero", `${h}.${p}.${base64url(Buffer.alloc(64))}`);
  bad("ES256 in DER", `${h}.${p}.${base64url(der(Buffer.from(s, "base64url")))}`);
  bad("RS256 by another key", signText("RS256", "rsa2048-other", rsaHeader, claims()), { jwk: rsa });
  const rs = signText("RS256", "rsa2048", rsaHeader, claims());
  bad("RS256 cut to half", rs.slice(0, -172) + "A".repeat(1), { jwk: rsa });
  bad("RS256, all zero", `${rs.split(".", 2).join(".")}.${base64url(Buffer.alloc(256))}`, { jwk: rsa });
  const ed = await publicJwk("ed25519", { alg: "EdDSA", use: "sig" });
  bad("EdDSA by another key", signText("EdDSA", "ed25519-other", { alg: "EdDSA" }, claims()), { jwk: ed });
  bad("the key in the header is not believed", signText("ES256", "p256-other", { ...header, jwk: await publicJwk("p256-other") }, claims()));

  // payload
  for (const [name, text] of [
    ["not JSON", "exp=1"], ["an array", "[]"], ["null", "null"], ["a number", "1"], ["cut off", JSON.stringify(claims()).slice(0, -1)], ["empty", ""],
    ["two objects", `${JSON.stringify(claims())}{}`], ["a trailing comma", `${JSON.stringify(claims()).slice(0, -1)},}`], ["a lone surrogate", JSON.stringify(claims()).replace("acme", "\\ud800")],
  ]) add("payload", "malformed", name, signed(header, text));
  add("payload", "malformed", "not UTF-8", signSegments("ES256", "p256", h, base64url(Buffer.from([...Buffer.from(`${JSON.stringify(claims()).slice(0, -1)},"x":"`), 0xc3, 0x28, 0x22, 0x7d]))));
  const twice = (member) => JSON.stringify(claims()).replace("{", `{${member},`);
  for (const [name, member] of [["exp", `"exp":${NOW + 290}`], ["exp, escaped", `"e\\u0078p":${NOW - 5000}`], ["iss", `"iss":"${ISSUER}"`], ["aud", `"aud":"other"`], ["sub", `"sub":"root"`], ["nbf", `"nbf":1`], ["iat", `"iat":1`], ["jti", `"jti":"x"`]]) {
    add("duplicate claims", "malformed", name, signed(header, twice(member)));
  }

  // claims
  const claim = (class_, reason, name, changes, more) => add(class_, reason, name, signed(header, claims(changes)), more);
  claim("expired", "expired", "long ago", { exp: NOW - 100_000 });
  claim("expired", "expired", "at exp plus leeway", { exp: NOW - 30 });
  claim("expired", "expired", "at exp without leeway", { exp: NOW }, { expect: { leeway: 0 } });
  claim("expired", "expired", "one second past exp without leeway", { exp: NOW - 1 }, { expect: { leeway: 0 } });
  claim("expired", "expired", "exp zero", { exp: 0 });
  claim("nbf", "not_yet_valid", "one second past the leeway", { nbf: NOW + 31 });
  claim("nbf", "not_yet_valid", "one second early without leeway", { nbf: NOW + 1 }, { expect: { leeway: 0 } });
  claim("nbf", "not_yet_valid", "far in the future", { nbf: 4_102_444_800, exp: 4_102_444_900 });
  claim("iat", "iat_future", "one second past the leeway", { iat: NOW + 31 });
  claim("iat", "iat_future", "one second early without leeway", { iat: NOW + 1 }, { expect: { leeway: 0 } });
  claim("iat", "iat_future", "far in the future", { iat: 4_102_444_800, exp: 4_102_444_900 });
  claim("lifetime", "too_old", "one second over the maximum", { iat: NOW - 10, exp: NOW + 291 }, { expect: { max_lifetime: 300 } });
  claim("lifetime", "too_old", "a year", { exp: NOW + 31_536_000 }, { expect: { max_lifetime: 3600 } });
  claim("lifetime", "too_old", "from the longest ago", { iat: 1, exp: NOW + 100 }, { expect: { max_lifetime: 3600 } });
  for (const iss of ["https://evil.example", `${ISSUER}/`, ISSUER.toUpperCase(), "", `${ISSUER}\u0000`, `${ISSUER}.evil.example`]) claim("iss", "wrong_issuer", `iss ${JSON.stringify(iss)}`, { iss });
  for (const aud of ["other", [], ["other", "another"], "", AUDIENCE.toUpperCase(), `${AUDIENCE} other`, [""]]) claim("aud", "wrong_audience", `aud ${JSON.stringify(aud)}`, { aud });
  claim("aud", "wrong_audience", "AppDirect without an audience refuses any aud", {}, { expect: { optional_issuer_and_audience: true, audience: null } });
  claim("aud", "wrong_audience", "AppDirect with an audience checks a present aud", { aud: "other" }, { expect: { optional_issuer_and_audience: true } });
  claim("iss", "wrong_issuer", "AppDirect checks a present iss", { iss: "https://evil.example", aud: undefined }, { expect: { optional_issuer_and_audience: true, audience: null } });
  for (const name of ["exp", "iss", "aud"]) claim("missing claim", "missing_claim", `${name} missing`, { [name]: undefined });
  for (const name of ["sub", "jti"]) claim("missing claim", "missing_claim", `${name} missing where it is required`, { [name]: undefined }, { expect: { required_claims: [name] } });
  claim("missing claim", "missing_claim", "exp missing in AppDirect's profile", { exp: undefined, aud: undefined }, { expect: { optional_issuer_and_audience: true, audience: null } });
  const wrong = {
    exp: [String(NOW + 290), null, true, [], {}, -1, ""],
    nbf: [String(NOW), null, false, [NOW], -1],
    iat: [String(NOW), null, true, {}, -1],
    iss: [1, {}, [ISSUER], null, true],
    aud: [1, [1], {}, null, [AUDIENCE, 1], [[AUDIENCE]], [null], true],
    sub: [7, {}, [], null], jti: [7, {}, null],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) claim("claim of the wrong type", "bad_claim_type", `${name}: ${JSON.stringify(value)}`, { [name]: value });
  }
  add("claim of the wrong type", "bad_claim_type", "exp: 1e999", signed(header, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999')));
  add("claim of the wrong type", "bad_claim_type", "exp: 2^64", signed(header, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":18446744073709551616')));

  return { now: DEFAULTS.now, expect: DEFAULTS.expect, cases };
}

const pad = (segment) => segment.padEnd(Math.ceil(segment.length / 4) * 4, "=") + (segment.length % 4 ? "" : "====");

/** JSON whose base64url form has unused bits at its end. */
function withUnusedBits(value) {
  const text = JSON.stringify(value);
  return text.length % 3 ? text : `${text} `;
}

/** An ASN.1 DER ECDSA signature from r ‖ s. */
function der(raw) {
  const integer = (bytes) => {
    let value = bytes;
    while (value.length > 1 && value[0] === 0 && value[1] < 0x80) value = value.subarray(1);
    if (value[0] >= 0x80) value = Buffer.concat([Buffer.from([0]), value]);
    return Buffer.concat([Buffer.from([2, value.length]), value]);
  };
  const body = Buffer.concat([integer(raw.subarray(0, raw.length / 2)), integer(raw.subarray(raw.length / 2))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
