"""JSON Web Token Best Current Practices, section by section, as tokens."""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from configurations import AUDIENCE, ISSUER, NOW, SMALL_ORDER
from making import by_authlib_jws, by_joserfc, by_joserfc_jws, by_pyjws, by_pyjwt, claims, header
from signing import b64, jwk, private, public_pem, signature, signed, signed_segments, text, unb64

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def with_signature(head, payload, made):
    message = f"{b64(text(head))}.{b64(text(payload))}"
    made = made(message.encode()) if callable(made) else made
    return f"{message}.{b64(made)}"


def mac(alg, secret):
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    return lambda message: hmac.new(secret, message, digest).digest()


def algorithms(add):
    """3.1: the algorithm is the key's. 3.5: no secret that people can guess."""
    about = ["RFC 8725 3.1"]
    for alg in ["none", "None", "NONE", "nOnE", " none", "none ", "no\u0000ne", "", "\u217dnone"]:
        add(f"alg {json.dumps(alg)}, no signature", about, with_signature(header(alg=alg), claims(), b""), "alg_not_allowed")
    add("alg none, and the signature of another token", about, signed(header(alg="none"), claims()), "alg_not_allowed")
    add("alg none, two segments", about, f"{b64(text(header(alg='none')))}.{b64(text(claims()))}", "malformed")
    secrets = {"its PEM": public_pem("rsa2048"), "its PEM without the last line feed": public_pem("rsa2048").rstrip(),
               "its JWK": text(jwk("rsa2048", alg="RS256")).encode(), "its modulus": unb64(jwk("rsa2048")["n"])}
    for shown, secret in secrets.items():
        for alg in ["HS256", "HS384", "HS512"]:
            add(f"{alg} with the public key as secret: {shown}", about, with_signature(header("rsa2048", alg=alg), claims(), mac(alg, secret)), "alg_not_allowed")
    for shown, secret in {"empty": b"", "secret": b"secret", "32 zero bytes": bytes(32), "a published one": b"your-256-bit-secret"}.items():
        add(f"HS256, the secret is {shown}", ["RFC 8725 3.5"], with_signature(header(alg="HS256"), claims(), mac("HS256", secret)), "alg_not_allowed")
    add("HS256 under the name of a shared secret in the set", ["RFC 8725 3.5"],
        with_signature(header(alg="HS256", kid="shared"), claims(), mac("HS256", b"secret")), "alg_not_allowed", "polluted")
    add("RS256 by a key of 1024 bits", ["RFC 8725 3.5"], signed(header(alg="RS256", kid="rsa1024"), claims(), "RS256", "rsa1024"), "unknown_key", "polluted")

    def pss(salt, mgf=hashes.SHA256):
        return lambda message: private("rsa3072").sign(message, padding.PSS(padding.MGF1(mgf()), salt), hashes.SHA256())

    def pkcs1(key):
        return lambda message: private(key).sign(message, padding.PKCS1v15(), hashes.SHA256())

    add("PS256 in the header, RS256 in the signature", about, with_signature(header("rsa3072"), claims(), pkcs1("rsa3072")), "bad_signature")
    add("RS256 in the header and in the signature, by a key for PS256", about, with_signature(header("rsa3072", alg="RS256"), claims(), pkcs1("rsa3072")), "unknown_key")
    add("PS256 in the header and in the signature, by a key for RS256", about, signed(header("rsa2048", alg="PS256"), claims(), "RS256", "rsa2048"), "unknown_key")
    add("PS256 without salt", ["RFC 8725 3.4"], with_signature(header("rsa3072"), claims(), pss(0)), "bad_signature")
    add("PS256 with MGF1 over SHA-1", ["RFC 8725 3.4"], with_signature(header("rsa3072"), claims(), pss(32, hashes.SHA1)), "bad_signature")
    for alg, key in [("RS512", "rsa2048"), ("RS384", "rsa2048"), ("PS512", "rsa3072")]:
        add(f"{alg} by a key for another hash", about, by_pyjwt(claims(), key=key, alg=alg), "unknown_key")
    add("ES384 by a key of P-256", about, signed(header(alg="ES384"), claims()), "unknown_key")
    add("ES256 in the header, a signature of P-384", about, with_signature(header(), claims(), lambda m: signature("ES384", "p384", m)), "bad_signature")
    add("ES256 in the header, an Ed25519 signature", about, with_signature(header(), claims(), lambda m: signature("EdDSA", "ed25519", m)), "bad_signature")
    add("EdDSA in the header, an ES256 signature", about, with_signature(header("ed25519"), claims(), lambda m: signature("ES256", "p256", m)), "bad_signature")


def appropriate(add):
    """3.2: appropriate algorithms."""
    about = ["RFC 8725 3.2"]
    for alg in ["RS1", "HS1", "ES256K", "ES512", "Ed448", "RSA1_5", "RSA-OAEP", "dir", "A128KW", "ML-DSA-44", "es256", "ES256 ", "ES-256", "HS256", "A" * 300]:
        add(f"alg {alg[:12]}", about, signed(header(alg=alg), claims()), "alg_not_allowed")
    for alg, key in [("PS256", "rsa3072"), ("ES384", "p384"), ("EdDSA", "ed25519")]:
        add(f"{alg} where only RS256 and ES256 are taken", about, by_joserfc(claims(), key=key), "alg_not_allowed", "default algorithms")
    for key in ["p256", "rsa2048"]:
        add(f"{key} where only RS256 and ES256 are taken", about, by_joserfc(claims(), key=key), config="default algorithms")
    for alg, shown in [(None, "null"), (256, "256"), (["ES256"], "an array"), ({}, "an object"), (True, "true")]:
        add(f"alg is {shown}", about, signed(header(alg=alg), claims()), "bad_header")
    add("no alg", about, signed(header(alg=...), claims()), "bad_header")
    add("Ed25519, the name of RFC 9864", about, by_joserfc(claims(), key="ed25519", alg="Ed25519"))


def nested(add):
    """3.3: every operation is checked, of nested tokens too; exeat has none."""
    about = ["RFC 8725 3.3"]
    inner = by_pyjwt(claims())
    add("a token as the payload of another", about, signed(header(cty="JWT"), inner), "malformed")
    add("a token as a JSON string in the payload of another", about, signed(header(cty="JWT"), json.dumps(inner)), "malformed")
    add("the inner claims are good, the outer ones absent", about, signed(header(), {"jwt": inner}), "missing_claim")
    add("a detached payload", about, f"{inner.split('.')[0]}..{inner.split('.')[2]}", "malformed")
    add("two tokens in one", about, f"{inner}.{inner.split('.', 1)[1]}", "malformed")


def inputs(add):
    """3.4: cryptographic inputs."""
    about = ["RFC 8725 3.4"]
    size = 32
    number = lambda value: value.to_bytes(size, "big")  # noqa: E731
    for shown, r, s in [("r = s = 0", 0, 0), ("r = 0", 0, 1), ("s = 0", 1, 0), ("r = s = 1", 1, 1), ("r = s = n", P256_ORDER, P256_ORDER),
                        ("r = n, s = 1", P256_ORDER, 1), ("r = s = n - 1", P256_ORDER - 1, P256_ORDER - 1), ("all ones", 2**256 - 1, 2**256 - 1)]:
        add(f"ES256, {shown}", about, with_signature(header(), claims(), number(r) + number(s)), "bad_signature")
    add("ES384, r = s = 0", about, with_signature(header("p384"), claims(), bytes(96)), "bad_signature")
    good = lambda message: signature("ES256", "p256", message)  # noqa: E731
    add("ES256 in DER", about, with_signature(header(), claims(), lambda m: der(good(m))), "bad_signature")
    add("ES256, r and s swapped", about, with_signature(header(), claims(), lambda m: good(m)[32:] + good(m)[:32]), "bad_signature")
    add("ES256, r + n", about, with_signature(header(), claims(), lambda m: (int.from_bytes(good(m)[:32]) + P256_ORDER).to_bytes(33, "big") + good(m)[32:]), "bad_signature")
    add("ES256, n - s: another signature of ECDSA that holds", about, with_signature(
        header(), claims(), lambda m: good(m)[:32] + number(P256_ORDER - int.from_bytes(good(m)[32:]))))
    for shown, change in {"cut by a byte": lambda made: made[:-1], "longer by a zero": lambda made: made + b"\0", "empty": lambda made: b"",
                          "a zero in front": lambda made: b"\0" + made, "half": lambda made: made[: len(made) // 2], "twice": lambda made: made + made}.items():
        for key, alg in [("p256", "ES256"), ("rsa2048", "RS256"), ("ed25519", "EdDSA")]:
            add(f"{alg}, {shown}", about, with_signature(header(key), claims(), lambda m: change(signature(alg, key, m))), "bad_signature")
    add("1,024 bytes of signature", about, with_signature(header("rsa2048"), claims(), bytes(1024)), "bad_signature")
    add("1,100 bytes of signature", about, with_signature(header("rsa2048"), claims(), bytes(1100)), "bad_signature")
    n = int.from_bytes(unb64(jwk("rsa2048")["n"]))
    add("RS256, zero", about, with_signature(header("rsa2048"), claims(), bytes(256)), "bad_signature")
    add("RS256, one", about, with_signature(header("rsa2048"), claims(), (1).to_bytes(256, "big")), "bad_signature")
    add("RS256, n - 1", about, with_signature(header("rsa2048"), claims(), (n - 1).to_bytes(256, "big")), "bad_signature")
    add("RS256, signature + n", about, with_signature(header("rsa2048"), claims(), lambda m: over(signature("RS256", "rsa2048", m), n)), "bad_signature")
    add("RS256 over SHA-512", about, with_signature(header("rsa2048"), claims(), lambda m: signature("RS512", "rsa2048", m)), "bad_signature")
    add("RS256, Bleichenbacher's cube root under exponent 3", about, with_signature(
        header("rsa2048-e3", alg="RS256"), claims(), cube_root), "bad_signature", "small exponent")
    add("RS256 by the key with exponent 3", about, signed(header("rsa2048-e3", alg="RS256"), claims(), "RS256", "rsa2048-e3"), config="small exponent")
    add("EdDSA, S + L", about, with_signature(header("ed25519"), claims(), lambda m: malleable(signature("EdDSA", "ed25519", m))), "bad_signature")
    add("EdDSA, 64 zero bytes", about, with_signature(header("ed25519"), claims(), bytes(64)), "bad_signature")


def small_order(add):
    """Points of small order as public keys: under the neutral one R = identity and S = 0 hold for every message. None is ever imported."""
    for kid, (encoding, _) in SMALL_ORDER.items():
        forged = with_signature(header(kid, alg="EdDSA"), claims(), b"\1" + bytes(31) + bytes(32))
        add(f"EdDSA, forged for the key of small order {kid}", ["RFC 8725 3.4"], forged, "unknown_key", "small order")


def over(made, n):
    return (int.from_bytes(made) + n).to_bytes(257, "big")


def malleable(made):
    return made[:32] + (int.from_bytes(made[32:], "little") + ED25519_ORDER).to_bytes(32, "little")


def cube_root(message):
    """A block whose padding is too short and whose end is what a cube happens to bring (CVE-2006-4339)."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    block = b"\0\1" + b"\xff" * 8 + b"\0" + info
    target = int.from_bytes(block + bytes(256 - len(block)))
    root = round(target ** (1 / 3)) if target < 2**900 else integer_root(target)
    root += root**3 < target
    made = root.to_bytes(256, "big")
    assert (root**3).to_bytes(256, "big").startswith(block)
    return made


def integer_root(value):
    low, high = 0, 1 << (value.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**3 < value:
            low = middle + 1
        else:
            high = middle
    return low


def der(raw):
    def integer(value):
        value = value.lstrip(b"\0") or b"\0"
        value = b"\0" + value if value[0] & 0x80 else value
        return bytes([2, len(value)]) + value
    body = integer(raw[:32]) + integer(raw[32:])
    return bytes([0x30, len(body)]) + body


def compression(add):
    """3.6: nothing is decompressed."""
    about = ["RFC 8725 3.6"]
    for value in ["DEF", "GZIP", "", None, 1]:
        add(f"zip: {json.dumps(value)}", about, signed(header(zip=value), claims()), "bad_header")
    for enc in ["A256GCM", "A128CBC-HS256"]:
        add(f"enc: {enc}", about, signed(header(enc=enc), claims()), "bad_header")


def unicode(add):
    """3.7: UTF-8 and nothing else."""
    about = ["RFC 8725 3.7"]
    good = json.dumps(claims(name="Zoë"), ensure_ascii=False)
    head = json.dumps(header())
    for shown, raw in {
        "Latin-1": good.encode("latin-1"), "UTF-16": good.encode("utf-16"), "UTF-16 without mark": good.encode("utf-16-be"), "a byte order mark": b"\xef\xbb\xbf" + good.encode(),
        "an overlong slash": good.encode().replace(b"market", b"\xc0\xafmarket"), "a surrogate in UTF-8": good.encode().replace(b"ann", b"\xed\xa0\x80ann").replace("Zoë".encode(), b"\xed\xa0\x80"),
        "a zero byte at the end": good.encode() + b"\0", "a zero byte in a string": good.encode().replace(b"acme", b"ac\0me"),
    }.items():
        add(f"payload with {shown}", about, signed(header(), raw), "malformed")
    for shown, raw in {"Latin-1": head.replace("JWT", "JWTé").encode("latin-1"), "UTF-16": head.encode("utf-16"), "a byte order mark": b"\xef\xbb\xbf" + head.encode(),
                       "a zero byte at the end": head.encode() + b"\0"}.items():
        add(f"header with {shown}", about, signed(raw, claims()), "bad_header")
    add("a lone surrogate in iss", about, signed(header(), text(claims()).replace("https:", "\\ud800https:")), "malformed")
    add("a lone surrogate in a claim nobody reads", about, signed(header(), text(claims(x="lone")).replace("lone", "\\udfff")))
    add("a lone surrogate in kid", about, signed('{"alg":"ES256","kid":"p256\\ud800"}', claims()), "bad_header")
    add("characters beyond ASCII", about, by_joserfc(claims(name="Zoë 雪 😀")))
    add("escapes for letters", about, signed('{"\\u0061lg":"\\u0045S256","k\\u0069d":"p256"}', text(claims()).replace('"iss"', '"\\u0069ss"')))


def whose(add):
    """3.8: iss and sub. 3.9: aud."""
    for iss in ["https://evil.example", f"{ISSUER}/", ISSUER.upper(), ISSUER.replace("https", "http"), "", f" {ISSUER}", f"{ISSUER}.evil.example", f"{ISSUER}\0", f"{ISSUER}@evil.example", "https://market.example.com:443"]:
        add(f"iss {json.dumps(iss)}", ["RFC 8725 3.8"], by_pyjwt(claims(iss=iss)), "wrong_issuer")
    for aud in ["other", [], ["other", "another"], "", AUDIENCE.upper(), f"{AUDIENCE} other", f"{AUDIENCE}/", [""], f"{AUDIENCE}\0", "*"]:
        add(f"aud {json.dumps(aud)}", ["RFC 8725 3.9"], by_joserfc_jws(claims(aud=aud)), "wrong_audience")
    for aud in [[AUDIENCE], ["other", AUDIENCE], [AUDIENCE] * 3]:
        add(f"aud {json.dumps(aud)}", ["RFC 8725 3.9"], by_joserfc_jws(claims(aud=aud)))
    add("sub is empty", ["RFC 8725 3.8"], by_pyjwt(claims(sub="")))


def received(add):
    """3.10: nothing that a header says is trusted."""
    about = ["RFC 8725 3.10"]
    for kid in ["../../../../dev/null", "/dev/null", "' OR '1'='1", "p256'--", "$(id)", "http://169.254.169.254/", "..%2f", "{{7*7}}"]:
        graphic = all("!" <= letter <= "~" for letter in kid)
        add(f"kid {kid}", about, signed(header(kid=kid), claims()), "unknown_key" if graphic else "bad_header")
    for shown, kid in {"a number": 1, "null": None, "an object": {}, "empty": "", "129 characters": "k" * 129, "two words": "a b", "with a line feed": "p256\n", "not ASCII": "ключ"}.items():
        add(f"kid is {shown}", about, signed(header(kid=kid), claims()), "bad_header")
    own = jwk("p256-other", kid="mine")
    members = {"jwk": {"jwk": own}, "jku": {"jku": "https://evil.example/jwks.json"}, "x5u": {"x5u": "https://evil.example/x5u.pem"}, "x5c": {"x5c": ["MIIB"]},
               "x5t": {"x5t": "AAAA"}, "all of them": {"jwk": own, "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/x5u.pem", "x5c": ["MIIB"]}}
    for shown, extra in members.items():
        add(f"{shown} brings the attacker's key, kid is the attacker's", about, signed(header(kid="mine", **extra), claims(), key="p256-other"), "unknown_key")
        add(f"{shown} brings the attacker's key, kid is ours", about, signed(header(**extra), claims(), key="p256-other"), "bad_signature")
        add(f"{shown} brings the attacker's key, no kid", about, signed(header(kid=..., **extra), claims(), key="p256-other"), "bad_signature")
        add(f"{shown} is there, signed by us", about, signed(header(**extra), claims()))
    add("jwk with a private key", about, signed(header(jwk=own | {"d": "AA"}), claims(), key="p256-other"), "bad_signature")
    add("jku is ill-typed, signed by us", about, signed(header(jku=[1]), claims()))


def typing(add):
    """3.11: explicit types. 3.12: other kinds of JWT are not taken."""
    for typ in ["JWE", "JOSE", "JOSE+JSON", "", "JWT2", " JWT", "JWT ", "text/jwt", "application/", "at+jwt;v=1"]:
        add(f"typ {json.dumps(typ)}", ["RFC 8725 3.11"], signed(header(typ=typ), claims()), "typ_mismatch")
    for typ in [1, None, ["JWT"], {}]:
        add(f"typ {json.dumps(typ)}", ["RFC 8725 3.11"], signed(header(typ=typ), claims()), "bad_header")
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "application/at+jwt", ...]:
        add(f"typ {'absent' if typ is ... else typ}", ["RFC 8725 3.11"], signed(header(typ=typ), claims()))
    for typ in ["JWT", "jwt", "application/jwt", ...]:
        add(f"typ {'absent' if typ is ... else typ} where only access tokens are taken", ["RFC 8725 3.11", "RFC 8725 3.12"],
            signed(header(typ=typ), claims(client_id="app-1")), "typ_mismatch", "rfc9068")
    for typ in ["secevent+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "id_token+jwt", "entity-statement+jwt", "kb+jwt", "vc+sd-jwt"]:
        add(f"{typ} in place of an access token", ["RFC 8725 3.11", "RFC 8725 3.12"], by_joserfc(claims(), typ=typ), "typ_mismatch")
    identity = claims(aud="spa-client", nonce="n-0S6_WzA2Mj", at_hash="77QmUPtjPfzWtF2AnpK9RQ")
    add("an ID token in place of an access token", ["RFC 8725 3.12"], by_authlib_jws(identity, typ="JWT"), "wrong_audience")
    logout = claims(exp=..., events={"http://schemas.openid.net/event/backchannel-logout": {}})
    add("a logout token without typ and exp", ["RFC 8725 3.12"], by_pyjws(logout), "missing_claim")
    add("an access token for another API of the same issuer", ["RFC 8725 3.12"], by_pyjwt(claims(aud="billing-api"), typ="at+jwt"), "wrong_audience")


EVERY = [algorithms, appropriate, nested, inputs, small_order, compression, unicode, whose, received, typing]
