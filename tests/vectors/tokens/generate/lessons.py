"""What users of other verifiers complained about (the numbers of lessons.md, "Verifying"), as tokens."""

import json

from configurations import AUDIENCE, ISSUER, NOW
from making import (
    ALG, by_authlib, by_authlib_jws, by_joserfc, by_joserfc_jws, by_pyjws, by_pyjwt, claims, header,
)
from signing import jwk, signed

LIBRARIES = {"PyJWT": by_pyjwt, "joserfc": by_joserfc, "Authlib": by_authlib}


def absent_claims(add):
    """1: a check of iss or aud that does nothing when the claim is absent."""
    about = ["lesson 1"]
    for library, make in LIBRARIES.items():
        for claim in ["iss", "aud", "sub", "exp"]:
            rfc = {"iss": ["RFC 8725 3.8"], "sub": ["RFC 8725 3.8"], "aud": ["RFC 8725 3.9"]}.get(claim, [])
            jose = "accepted" if claim == "sub" else None
            add(f"{library}, no {claim}", about + rfc, make(claims(**{claim: ...})), "missing_claim", jose=jose)
    add("no claim at all", about, by_pyjwt({}), "missing_claim")
    add("nothing but exp", about, by_pyjwt({"exp": NOW + 290}), "missing_claim")
    for claim in ["client_id", "jti", "iat"]:
        payload = claims(client_id="app-1") | {}
        payload.pop(claim)
        add(f"an access token of RFC 9068 without {claim}", about, by_joserfc(payload, typ="at+jwt"), "missing_claim", "rfc9068", jose="missing_claim")
    add("an access token of RFC 9068 with everything", about, by_joserfc(claims(client_id="app-1"), typ="at+jwt"), config="rfc9068")
    for changes in [{"iss": ..., "aud": ...}, {"aud": ...}]:
        add(f"AppDirect, absent: {', '.join(changes)}", about, by_pyjwt(claims(**changes)), config="app_direct")
    add("AppDirect, an aud where none is expected", about, by_pyjwt(claims(iss=...)), "wrong_audience", "app_direct")
    add("AppDirect, present and wrong iss", about, by_pyjwt(claims(iss="https://evil.example", aud=...)), "wrong_issuer", "app_direct")
    add("AppDirect, present and wrong aud", about, by_pyjwt(claims(aud="other", iss=...)), "wrong_audience", "app_direct with audience")
    add("AppDirect, present and right aud", about, by_pyjwt(claims(iss=...)), config="app_direct with audience")
    add("AppDirect, no exp", about, by_pyjwt(claims(iss=..., aud=..., exp=...)), "missing_claim", "app_direct")


def wrong_types(add):
    """2: a claim of the wrong JSON type, taken for an absent one."""
    wrong = {
        "exp": [str(NOW + 290), None, True, [NOW + 290], {}, -1, 1e300, 253_402_300_800, 2**64],
        "nbf": [str(NOW), None, False, [NOW], -1],
        "iat": [str(NOW), None, True, {}, -0.5],
        "iss": [1, {}, [ISSUER], None, True, [ISSUER, "https://evil.example"]],
        "aud": [1, [1, 2], {}, None, [AUDIENCE, 1], [[AUDIENCE]], {AUDIENCE: True}, False],
        "sub": [7, {}, [], None, True],
        "jti": [7, [], None],
    }
    makers = [("joserfc", by_joserfc_jws), ("Authlib", by_authlib_jws), ("PyJWT", by_pyjws)]
    for claim, values in wrong.items():
        rfc = {"iss": ["RFC 8725 3.8"], "sub": ["RFC 8725 3.8"], "aud": ["RFC 8725 3.9"]}.get(claim, [])
        for at, value in enumerate(values):
            library, make = makers[at % 3]
            shown = json.dumps(value)
            add(f"{library}, {claim}: {shown}", ["lesson 2", *rfc], make(claims(**{claim: value})), "bad_claim_type")
    for claim, values in {"name": [1, {}, ["ann"]], "tenant": [1, None, ["acme"], {}], "ro": ["true", 1, None, [True]]}.items():
        for value in values:
            add(f"{claim}: {json.dumps(value)}", ["lesson 2"], by_joserfc_jws(claims(**{claim: value})), "bad_claim_type", jose="accepted")
    for shown in ["1e400", "-0", "1e", "0x7", "01800000290", "+1800000290", "NaN", "Infinity", ".5"]:
        payload = json.dumps(claims()).replace(str(NOW + 290), shown)
        expect = "bad_claim_type" if shown in ("1e400", "-0") else "malformed"
        add(f"exp: {shown}", ["lesson 2"], signed(header(), payload), expect)


def critical(add):
    """3: crit ignored."""
    about = ["lesson 3"]
    add("PyJWT, crit of a name made up", about, by_pyjws(claims(), crit=["bork"], bork=True), "crit_unsupported")
    for name, members in {
        "crit: exp": {"crit": ["exp"], "exp": NOW}, "crit: b64": {"crit": ["b64"], "b64": True}, "crit of an absent name": {"crit": ["x"]},
        "crit: kid": {"crit": ["kid"]}, "crit: alg": {"crit": ["alg"]}, "crit: empty": {"crit": []}, "crit: a string": {"crit": "exp"},
        "crit: null": {"crit": None}, "crit: an object": {"crit": {"exp": True}}, "crit: two names": {"crit": ["x", "y"], "x": 1, "y": 2},
        "crit: the name is empty": {"crit": [""]}, "crit: http://openbanking.org.uk/iat": {
            "crit": ["http://openbanking.org.uk/iat"], "http://openbanking.org.uk/iat": NOW},
    }.items():
        add(name, about, signed(header(**members), claims()), "crit_unsupported")
    add("crit, escaped name", about, signed('{"alg":"ES256","kid":"p256","\\u0063rit":["x"]}', claims()), "crit_unsupported")
    for name, value in {"false": False, "a string": "false", "null": None, "0": 0}.items():
        add(f"b64: {name}, without crit", about, signed(header(b64=value), claims()), "bad_header")
    add("b64: true changes nothing", about, signed(header(b64=True), claims()))


def families(add):
    """4: several families of algorithms in one verifier."""
    about = ["lesson 4"]
    for key, alg in ALG.items():
        for library, make in LIBRARIES.items():
            add(f"{alg} by {library}", [*about, "RFC 8725 3.2"], make(claims(), key=key))
    for key, other in [("rsa2048", "p256"), ("p256", "rsa2048"), ("ed25519", "p384"), ("p384", "p256"), ("rsa3072", "rsa2048")]:
        add(f"{ALG[key]} under the name of a key for {ALG[other]}", [*about, "RFC 8725 3.1"],
            by_pyjwt(claims(), key=key, kid=other), "unknown_key")


def sets(add):
    """7: one key that cannot be used breaks the set. 24: use, alg, key_ops and lengths of a JWK ignored."""
    for key in ALG:
        add(f"a set full of unfit keys, and a {ALG[key]} token by a good one", ["lesson 7"], by_joserfc(claims(), key=key), config="polluted")
    about = ["lesson 24", "RFC 8725 3.4"]
    for kid, key, alg in [
        ("use-enc", "rsa2048-other", "RS256"), ("alg-rsa-oaep", "rsa2048-other", "RS256"), ("ops-sign", "p256-other", "ES256"),
        ("rsa1024", "rsa1024", "RS256"), ("short-x", "ed25519-other", "EdDSA"), ("off-curve", "p256-other", "ES256"),
        ("wrong-alg", "p256-other", "ES256"), ("null-member", "rsa2048-other", "RS256"), ("ill-typed-alg", "p256-other", "ES256"),
    ]:
        # ring finds an impossible point only when it is used.
        ring = {"under_ring": "bad_signature"} if kid == "off-curve" else {}
        add(f"signed by the refused key {kid}", about, signed(header(alg=alg, kid=kid), claims(), alg, key), "unknown_key", "polluted", **ring)
    for kid, key, alg in [("p521", "p521", "ES512"), ("secp256k1", "secp256k1", "ES256K"), ("ml-dsa", "ed25519", "ML-DSA-65")]:
        add(f"signed by the refused key {kid}", about, signed(header(alg=alg, kid=kid), claims(), "ES512" if key == "p521" else ALG.get(key, "ES256"), key),
            "alg_not_allowed", "polluted")
    add("an ill-typed x5c is nobody's business", ["lesson 7"], signed(header(kid="ill-typed-x5c"), claims(), key="p256-other"), config="polluted")


def outage(add):
    """15: an outage of the key set reported as the sender's fault. 8 and 9 need time to pass and are in `jwks::cache`."""
    about = ["lesson 15"]
    for library, make in LIBRARIES.items():
        add(f"{library}, a good token while there are no keys", about, make(claims()), "keys_unavailable", "outage")
    add("an unknown kid while there are no keys", about, by_pyjwt(claims(), kid="who"), "keys_unavailable", "outage")
    add("no kid while there are no keys", about, signed(header(kid=...), claims()), "keys_unavailable", "outage")
    bad = [("expired", {"exp": NOW - 100}, "expired"), ("of another issuer", {"iss": "https://evil.example"}, "wrong_issuer"),
           ("for another audience", {"aud": "other"}, "wrong_audience"), ("with an ill-typed exp", {"exp": "x"}, "bad_claim_type")]
    for name, changes, expect in bad:
        add(f"a token {name} while there are no keys", about, by_joserfc_jws(claims(**changes)), expect, "outage", jose="unknown_key")
    add("alg none while there are no keys", about, signed(header(alg="none"), claims()), "alg_not_allowed", "outage")


def same_name(add):
    """19: the same kid, another key."""
    about = ["lesson 19"]
    for key, alg in [("p256", "ES256"), ("p384", "ES384"), ("rsa2048", "RS256"), ("rsa3072", "RS256")]:
        add(f"several keys of one kid: {alg} by {key}", about, by_joserfc(claims(), key=key, alg=alg, kid="shared-name"), config="same name")
    for key, alg in [("p256-other", "ES256"), ("rsa2048-other", "RS256"), ("rsa4096", "RS256")]:
        add(f"several keys of one kid: {alg} by the stranger {key}", about, by_joserfc(claims(), key=key, alg=alg, kid="shared-name"), "bad_signature", "same name")
    for key, alg in [("p256-other", "ES256"), ("rsa2048-other", "RS256"), ("ed25519-other", "EdDSA")]:
        own = {"ES256": "p256", "RS256": "rsa2048", "EdDSA": "ed25519"}[alg]
        add(f"{key} under the name of ours", about, by_joserfc(claims(), key=key, alg=alg, kid=own), "bad_signature")


def kids(add):
    """10 to 14: what a kid that is not held causes is in the simulation of `jwks::cache`; here, that it is refused."""
    about = ["lesson 11"]
    for kid in ["who", "P256", "p256x", "p25", "k" * 128]:
        add(f"kid {kid[:8]}…" if len(kid) > 8 else f"kid {kid}", about, signed(header(kid=kid), claims()), "unknown_key")
    add("no kid, one key of the algorithm", about, signed(header(kid=...), claims()))
    add("no kid, two keys of the algorithm", about, signed(header("rsa2048", kid=...), claims(), "RS256", "rsa2048"), "unknown_key", "same name")
    add("no kid, and the only key has none", about, signed(header(kid=...), claims()), config="one key")
    add("a kid, and the only key has none", about, signed(header(), claims()), "unknown_key", "one key")


def asked_for(add):
    """23: another header, fractions of a second in dates."""
    about = ["lesson 23"]
    token = by_pyjwt(claims())
    for name, value in {"bare": token, "behind Bearer": f"Bearer {token}", "behind bEARER": f"bEARER {token}", "behind two spaces": f"Bearer  {token}"}.items():
        add(f"MP-Authorization, {name}", about, None, config="named header", headers=[["mp-authorization", value]])
    add("MP-Authorization where it is not enabled", about, None, "no_token", headers=[["mp-authorization", token]])
    add("MP-Authorization behind Basic", about, None, "bad_credentials", "named header", headers=[["mp-authorization", f"Basic {token}"]])
    add("MP-Authorization beside Authorization", about, None, "multiple_tokens", "named header",
        headers=[["authorization", f"Bearer {token}"], ["mp-authorization", token]])
    add("MP-Authorization beside another scheme", about, None, config="named header", headers=[["authorization", "Basic dTpw"], ["mp-authorization", token]])
    for claim, value in {"exp": NOW + 290.75, "nbf": NOW - 0.25, "iat": NOW - 10.5}.items():
        add(f"a fraction in {claim}", about, by_joserfc_jws(claims(**{claim: value})))
    add("exp in scientific notation", about, signed(header(), json.dumps(claims()).replace(str(NOW + 290), "1.80000029e9")))


EVERY = [absent_claims, wrong_types, critical, families, sets, outage, same_name, kids, asked_for]
