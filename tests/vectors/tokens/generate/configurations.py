"""Who checks the tokens, and with which keys: keys.json and configurations.json."""

from signing import b64, jwk, unb64

NOW = 1_800_000_000
ISSUER = "https://market.example.com"
AUDIENCE = "loyalty-api"
PARTNER = "https://partner.example"
EVERY_ALG = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]

#: What the marketplace publishes.
MARKET = [
    jwk("p256", alg="ES256"), jwk("rsa2048", alg="RS256"), jwk("rsa3072", alg="PS256"),
    jwk("p384", alg="ES384"), jwk("ed25519", alg="EdDSA"),
]


def resized(coordinate, size):
    return b64(unb64(coordinate)[-size:].rjust(size, b"\0"))


def flipped(coordinate):
    raw = bytearray(unb64(coordinate))
    raw[-1] ^= 1
    return b64(bytes(raw))


#: Keys that no token may be checked with, each named for what is wrong with it, and whatever else may stand in a set.
UNFIT = [
    {"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA", "kid": "ml-dsa"}, None, 7, "a key", [],
    jwk("p256-other", kid=7), jwk("p256-other", kid="ill-typed-alg", alg=256), jwk("rsa2048-other", kid="null-member", n=None) | {"n": None},
    jwk("p256-other", kid="ill-typed-x5c", alg="ES256", x5c=7),
    jwk("rsa2048-other", kid="use-enc", use="enc"), jwk("rsa2048-other", kid="alg-rsa-oaep", alg="RSA-OAEP"),
    jwk("p256-other", kid="ops-sign", use=None, key_ops=["sign"]), jwk("p521", kid="p521"), jwk("rsa1024", kid="rsa1024"),
    jwk("secp256k1", kid="secp256k1"), jwk("ed448", kid="ed448"), jwk("x25519", kid="x25519", use="enc"),
    jwk("ed25519-other", kid="short-x", x=resized(jwk("ed25519-other")["x"], 3)),
    jwk("p256-other", kid="off-curve", y=flipped(jwk("p256-other")["y"])),
    jwk("p256-other", kid="wrong-alg", alg="RS256"),
    {"kty": "oct", "k": b64("secret"), "kid": "shared", "alg": "HS256"},
]


def small_order_points():
    """The encodings of Ed25519's points of small order, canonical or not, and which multiple of each is the neutral point: computed."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p

    def add(one, other):
        (x, y), (u, v) = one, other
        shared = d * x * u * y * v % p
        return (x * v + y * u) * pow(1 + shared, -1, p) % p, (y * v + x * u) * pow(1 - shared, -1, p) % p

    def x_of(y):
        return square_root((y * y - 1) * pow(d * y * y + 1, -1, p) % p, p)

    # y = 0 and y = -1 have order 4 and 2; doubling order 8 gives y = 0, whose y is a root of d·y⁴ + 2·y² - 1 = 0.
    root = square_root(1 + d, p)
    eighth = [square_root((sign * root - 1) * pow(d, -1, p) % p, p) for sign in (1, -1)]
    ys = {y for y in (0, 1, p - 1, p, p + 1)} | {y for half in eighth if half is not None for y in (half, p - half)}
    points = {}
    for y in sorted(ys):
        x = x_of(y % p)
        assert x is not None
        point, order = (x, y % p), 1
        while point != (0, 1):
            point, order = add(point, (x, y % p)), order + 1
            assert order <= 8
        for sign in (0, 1):
            points[f"order-{order}-{y % 1000}-{sign}"] = ((y | sign << 255).to_bytes(32, "little"), order)
    assert len(points) == 14
    return points


def square_root(square, p):
    root = pow(square, (p + 3) // 8, p)
    root = root if root * root % p == square % p else root * pow(2, (p - 1) // 4, p) % p
    return root if root * root % p == square % p else None


SMALL_ORDER = small_order_points()


def configuration(says, keys=MARKET, **members):
    return {
        "says": says, "profile": "exeat", "issuer": ISSUER, "audience": AUDIENCE, "algorithms": EVERY_ALG, "leeway": 30,
        "keys": None if keys is None else {"keys": keys}, **members,
    }


CONFIGURATIONS = {
    "usual": configuration("ExternalApi::new with every algorithm"),
    "default algorithms": configuration("RS256 and ES256, which is what no setting means", algorithms=["RS256", "ES256"]),
    "exact": configuration("no leeway", leeway=0),
    "rfc9068": configuration("ExternalApi::rfc9068", profile="rfc9068"),
    "app_direct": configuration("ExternalApi::app_direct for tenant acme, no audience", profile="app_direct", audience=None, tenants=["acme"]),
    "app_direct with audience": configuration("ExternalApi::app_direct for tenant acme and our audience", profile="app_direct", tenants=["acme"]),
    "tenants": configuration("tenants acme and zeta", tenants=["acme", "zeta"]),
    "named header": configuration("MP-Authorization may carry the token too", token_header="MP-Authorization"),
    "polluted": configuration("a key set full of keys that cannot be used", keys=UNFIT[:10] + MARKET + UNFIT[10:]),
    "same name": configuration("three keys of one kid", keys=[
        jwk("p256", kid="shared-name", alg="ES256"), jwk("p384", kid="shared-name", alg="ES384"),
        jwk("rsa2048", kid="shared-name", alg="RS256"),
        jwk("rsa3072", kid="shared-name", alg="RS256"),
    ]),
    "two issuers": configuration("the marketplace and a partner, each with its own key of one kid", keys=MARKET + [jwk("ed25519-other", kid="theirs", alg="EdDSA")],
        others=[{"issuer": PARTNER, "keys": {"keys": [jwk("p256-other", kid="theirs", alg="ES256"), jwk("rsa2048-other", alg="RS256")]}}]),
    "revocation": configuration("tokens of the jti j-revoked are revoked", revoked=["j-revoked"]),
    "short-lived": configuration("at most an hour from iat to exp", max_lifetime=3600),
    "one key": configuration("a single key without kid and alg", keys=[jwk("p256", kid=None, alg=None, use=None)]),
    "small exponent": configuration("an RSA key with exponent 3", keys=[jwk("rsa2048-e3", alg="RS256")]),
    "small order": configuration("Ed25519 keys that are points of small order, beside the usual ones", keys=MARKET + [
        {"kty": "OKP", "crv": "Ed25519", "x": b64(encoding), "kid": kid, "alg": "EdDSA"} for kid, (encoding, _) in SMALL_ORDER.items()
    ]),
    "outage": configuration("no key was ever fetched, and none can be", keys=None),
}
