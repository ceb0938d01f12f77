"""Each row of the table of errors that the other files leave thin: credentials, shapes, sizes, duplicates, times, tenants, read-only."""

import json

from configurations import NOW, PARTNER
from making import by_authlib, by_joserfc, by_joserfc_jws, by_pyjwt, claims, header
from signing import b64, signature, signed, signed_segments, text

GOOD = by_pyjwt(claims())
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def credentials(add):
    """What stands in Authorization. Characters are bytes (Latin-1)."""
    def authorization(name, value, expect="accepted", **more):
        add(name, ["credentials"], None, expect, headers=[["authorization", value]], **more)

    add("no Authorization", ["credentials"], None, "no_token", headers=[])
    for shown, value in {"Basic": "Basic dTpw", "DPoP": f"DPoP {GOOD}", "Bearerish": f"Bearerish {GOOD}", "a scheme alone": "Negotiate", "Digest": 'Digest username="u"'}.items():
        authorization(f"another scheme: {shown}", value, "no_token")
    for shown, scheme in {"bearer": "bearer ", "BEARER": "BEARER ", "several spaces": "Bearer    "}.items():
        authorization(f"scheme: {shown}", scheme + GOOD)
    for shown, value in {
        "nothing": "", "the scheme alone": "Bearer", "the scheme and a space": "Bearer ", "a tab": f"Bearer\t{GOOD}", "a token alone": GOOD, "no space": f"Bearer{GOOD}",
        "a comma after": f"Bearer {GOOD},", "two in one line": f"Bearer {GOOD}, Bearer {GOOD}", "a space inside": f"Bearer {GOOD[:20]} {GOOD[20:]}", "a quote": f'Bearer "{GOOD}"',
        "a parameter": f"Bearer token={GOOD}", "a colon": f"Bearer: {GOOD}", "padding in front": f"Bearer ={GOOD}", "padding alone": "Bearer ====", "not ASCII": f"Bearer {GOOD[:9]}\xe9{GOOD[9:]}",
        "a byte over 0x7f at the end": f"Bearer {GOOD}\xff", "UTF-8": f"Bearer {GOOD}\xc3\xa9", "a no-break space": f"Bearer\xa0{GOOD}", "a semicolon": f"Bearer {GOOD};", "a percent sign": "Bearer %20",
    }.items():
        # A token alone, or run together with its scheme, reads as the name of another scheme.
        expect = "no_token" if shown in ("no space", "a token alone") else "bad_credentials"
        authorization(f"credentials: {shown}", value, expect)
    line = ["authorization", f"Bearer {GOOD}"]
    add("two lines of Authorization, the same", ["credentials"], None, "multiple_tokens", headers=[line, line])
    add("two lines of Authorization, one is Basic", ["credentials"], None, "multiple_tokens", headers=[line, ["authorization", "Basic dTpw"]])
    add("two lines of Authorization, both other schemes", ["credentials"], None, "multiple_tokens", headers=[["authorization", "Basic dTpw"], ["authorization", "DPoP x"]])
    add("two lines of the named header", ["credentials"], None, "multiple_tokens", "named header", headers=[["mp-authorization", GOOD]] * 2)
    add("a token in a cookie, and cookies are not asked", ["credentials"], None, "no_token", headers=[["cookie", f"access_token={GOOD}"]])


def shapes(add):
    h, p, s = GOOD.split(".")
    about = ["shape"]
    for shown, token in {"one segment": h, "two segments": f"{h}.{p}", "four segments": f"{GOOD}.{s}", "five segments": f"{h}..{p}.{s}.{s}", "only dots": "..",
                         "a dot after": f"{GOOD}.", "a dot before": f".{GOOD}", "no header": f".{p}.{s}", "no payload": f"{h}..{s}", "only tildes": "~~~.~~~.~~~"}.items():
        add(f"shape: {shown}", about, token, "malformed")
    # A header of HTTP cannot carry these; other callers of the verifier can.
    for shown, token in {"empty": "", "a line feed after": f"{GOOD}\n", "a zero byte": f"{GOOD}\0", "a space before": f" {GOOD}", "JSON": json.dumps({"protected": h, "payload": p, "signature": s}),
                         "Bearer before": f"Bearer {GOOD}", "a line feed inside": f"{h}.\n{p}.{s}", "a letter beyond ASCII": f"{h}.{p}é.{s}"}.items():
        add(f"no b64token: {shown}", about, token, None, jose="malformed")
    about = ["base64url"]
    for shown, token in {
        "header padded": signed_segments(h + "==", p), "payload padded": signed_segments(h, p + "="), "signature padded": f"{GOOD}==", "all with a padding": f"{h}=.{p}=.{s}=",
        "standard base64": signed_segments(h, p[:9] + "+" + p[10:]), "a slash": signed_segments(h, p[:9] + "/" + p[10:]), "a tilde": signed_segments(h, p[:9] + "~" + p[10:]),
        "header of an impossible length": signed_segments(b64(text(header(x="ab"))) + "A", p) if len(b64(text(header(x="ab")))) % 4 == 0 else signed_segments(h[: len(h) // 4 * 4] + "A", p),
        "payload of an impossible length": signed_segments(b64(text(header())), p[: len(p) // 4 * 4] + "A"),
        "signature of an impossible length": f"{h}.{p}.{s[: len(s) // 4 * 4]}A",
        "signature with other unused bits": f"{h}.{p}.{unused_bits(s)}",
        "payload with other unused bits": signed_segments(b64(text(header())), unused_bits(spare(claims()))),
        "header with other unused bits": signed_segments(unused_bits(spare(header())), p),
    }.items():
        # b64token has padding at its end alone.
        inside = "=" in token.rstrip("=")
        add(f"base64url: {shown}", about, token, "bad_credentials" if inside else "malformed", jose="malformed")
    about = ["payload"]
    for shown, payload in {"an array": "[]", "null": "null", "a string": '"x"', "a number": "1", "empty": " ", "cut off": text(claims())[:-1], "two objects": text(claims()) + "{}",
                           "a trailing comma": text(claims())[:-1] + ",}", "single quotes": text(claims()).replace('"', "'"), "a comment": text(claims()) + "/**/", "NaN": text(claims())[:-1] + ',"x":NaN}',
                           "not JSON": "sub=ann", "257 members": claims(**{f"m{i}": 0 for i in range(248)})}.items():
        add(f"payload: {shown}", about, signed(header(), payload), "malformed")
    add("payload: 256 members", about, signed(header(), claims(**{f"m{i}": 0 for i in range(247)})))
    add("payload: white space around", about, signed(header(), f" \n\t{text(claims())}\r\n "))
    add("payload: an unread number too large for a double", about, signed(header(), text(claims())[:-1] + ',"x":1e400}'))
    for depth in [10, 100, 127, 1000, 2500]:
        add(f"payload: {depth} arrays in each other, unread", about, signed(header(), text(claims())[:-1] + f',"x":{"[" * depth}{"]" * depth}}}'))
    add("payload: 3,000 opened arrays", about, signed(header(), "[" * 3000), "malformed")
    about = ["header"]
    for shown, head in {"an array": "[]", "null": "null", "not JSON": "alg=ES256", "cut off": text(header())[:-1], "two objects": text(header()) + "{}", "empty": "{}", "a trailing comma": text(header())[:-1] + ",}",
                        "17 members": header(**{f"m{i}": i for i in range(14)}), "1,025 bytes": sized(1025), "1,025 bytes of white space": text(header()).ljust(1025), "4,000 bytes": sized(4000),
                        "900 opened arrays": "[" * 900, "100 members": header(**{f"m{i}": i for i in range(97)})}.items():
        add(f"header: {shown}", about, signed(head, claims()), "bad_header")
    for shown, head in {"16 members": header(**{f"m{i}": i for i in range(13)}), "1,024 bytes": sized(1024), "1,023 bytes": sized(1023), "400 arrays in each other": text(header())[:-1] + f',"x":{"[" * 400}{"]" * 400}}}',
                        "1e400": text(header())[:-1] + ',"x":1e400}', "white space around": f" {text(header())}\n"}.items():
        add(f"header: {shown}", about, signed(head, claims()))


def spare(value):
    """Base64url whose last character has bits to spare."""
    encoded = b64(text(value))
    return encoded if len(encoded) % 4 else b64(text(value) + " ")


def unused_bits(segment):
    assert len(segment) % 4, "no unused bits"
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) | 1]


def sized(length, **members):
    bare = len(text(header(pad="", **members)))
    return header(pad="x" * (length - bare), **members)


def token_of(length):
    """Base64url lengths jump, so header and payload are padded together."""
    for spare in range(3):
        head = sized(len(text(header(pad=""))) + spare)
        rest = length - len(b64(text(head))) - 2 - 86
        for pad in range(rest * 3 // 4 - 400, rest * 3 // 4):
            payload = text(claims(pad="p" * pad))
            if len(b64(payload)) == rest:
                return signed(head, payload)
    raise AssertionError(length)


def sizes(add):
    about = ["size"]
    for length in [8191, 8192]:
        add(f"{length} bytes", about, token_of(length))
    for length in [8193, 8194, 9000]:
        add(f"{length} bytes", about, token_of(length), "too_large")
    add("8,193 letters", about, "a" * 8193, "too_large")
    add("8,193 dots", about, "." * 8193, "too_large")
    add("8,192 letters", about, "a" * 8192, "malformed")
    add("8,192 dots", about, "." * 8192, "malformed")


def duplicates(add):
    about = ["duplicates"]
    good = text(claims())
    for name, value in {"exp": NOW + 290, "iss": claims()["iss"], "aud": "other", "sub": "root", "nbf": 1, "iat": 1, "jti": "x", "tenant": "zeta", "ro": False, "x": 1}.items():
        first = good[:-1] + (f',"{name}":{json.dumps(value)}' if f'"{name}"' not in good else "") + "}"
        add(f"{name} twice in the payload", about, signed(header(), first[:-1] + f',"{name}":{json.dumps(value)}}}'), "malformed")
    add("exp twice, one escaped", about, signed(header(), good[:-1] + ',"\\u0065xp":9999999999}'), "malformed")
    add("a name twice in a nested object", about, signed(header(), good[:-1] + ',"x":{"a":1,"a":2}}'))
    for shown, head in {"alg": '{"alg":"ES256","kid":"p256","alg":"ES256"}', "alg, none last": '{"alg":"ES256","kid":"p256","alg":"none"}', "alg, none first": '{"alg":"none","kid":"p256","alg":"ES256"}',
                        "alg, one escaped": '{"alg":"ES256","kid":"p256","\\u0061lg":"none"}', "kid": '{"alg":"ES256","kid":"p256","kid":"p256"}', "typ": '{"alg":"ES256","kid":"p256","typ":"JWT","typ":"JWT"}',
                        "an unknown one": '{"alg":"ES256","kid":"p256","x":1,"x":1}'}.items():
        add(f"header member twice: {shown}", about, signed(head, claims()), "bad_header")


def times(add):
    about = ["times"]
    makers = [by_pyjwt, by_joserfc, by_authlib]
    for at, (shown, changes, expect) in enumerate([
        ("exp at the leeway's last second", {"exp": NOW - 29}, "accepted"), ("exp at the leeway", {"exp": NOW - 30}, "expired"), ("exp a second past the leeway", {"exp": NOW - 31}, "expired"),
        ("exp long ago", {"exp": NOW - 86_400}, "expired"), ("exp zero", {"exp": 0}, "expired"), ("exp in the year 9999", {"exp": 253_402_300_799}, "accepted"),
        ("nbf at the leeway", {"nbf": NOW + 30}, "accepted"), ("nbf past the leeway", {"nbf": NOW + 31}, "not_yet_valid"), ("nbf tomorrow", {"nbf": NOW + 86_400, "exp": NOW + 90_000}, "not_yet_valid"),
        ("nbf in the year 9999", {"nbf": 253_402_300_799, "exp": 253_402_300_799}, "not_yet_valid"),
        ("iat at the leeway", {"iat": NOW + 30}, "accepted"), ("iat past the leeway", {"iat": NOW + 31}, "iat_future"), ("iat tomorrow", {"iat": NOW + 86_400, "exp": NOW + 90_000}, "iat_future"),
        ("iat in milliseconds", {"iat": NOW * 100, "exp": NOW * 100 + 300}, "iat_future"),
        ("iat after exp", {"iat": NOW + 20, "exp": NOW + 10}, "accepted"), ("no nbf and no iat", {"nbf": ..., "iat": ...}, "accepted"),
    ]):
        add(f"{shown}", about, makers[at % 3](claims(**changes)), expect)
    for shown, changes, expect in [("exp is now", {"exp": NOW}, "expired"), ("exp a second ago", {"exp": NOW - 1}, "expired"), ("exp in a second", {"exp": NOW + 1}, "accepted"),
                                   ("exp a fraction from now", {"exp": NOW + 0.9}, "expired"), ("nbf is now", {"nbf": NOW}, "accepted"), ("nbf in a second", {"nbf": NOW + 1}, "not_yet_valid"),
                                   ("iat is now", {"iat": NOW}, "accepted"), ("iat in a second", {"iat": NOW + 1}, "iat_future")]:
        add(f"{shown}, no leeway", about, by_joserfc_jws(claims(**changes)), expect, "exact")


def lifetimes(add):
    about = ["times"]
    for shown, changes, verdict in [("a second over the longest life", {"iat": NOW - 10, "exp": NOW + 3591}, "too_old"), ("a year", {"exp": NOW + 31_536_000}, "too_old"),
                                    ("an exp in milliseconds", {"exp": NOW * 100}, "too_old"), ("the longest life", {"iat": NOW - 10, "exp": NOW + 3590}, "accepted"),
                                    ("no iat to count from", {"iat": ...}, "missing_claim")]:
        add(f"lifetime: {shown}", about, by_pyjwt(claims(**changes)), verdict, "short-lived")


def revoked(add):
    about = ["revocation"]
    for library, make in {"PyJWT": by_pyjwt, "joserfc": by_joserfc, "Authlib": by_authlib}.items():
        add(f"{library}, a revoked token", about, make(claims(jti="j-revoked")), "revoked", "revocation", jose="accepted")
    add("a token that is not revoked", about, by_pyjwt(claims()), config="revocation")
    add("a revoked token that expired besides", about, by_pyjwt(claims(jti="j-revoked", exp=NOW - 100)), "expired", "revocation")
    add("a revoked token that is forged besides", about, by_joserfc(claims(jti="j-revoked"), key="rsa2048-other", alg="RS256", kid="rsa2048"), "bad_signature", "revocation")


def issuers(add):
    """Several issuers: what a token claims chooses one, whose key must then have signed it. exeat-jose alone knows the first one."""
    about = ["issuers"]
    by_partner = {"key": "rsa2048-other", "alg": "RS256"}
    add("two issuers: the first one's token", about, by_pyjwt(claims()), config="two issuers")
    add("two issuers: the other one's token", about, by_pyjwt(claims(iss=PARTNER), **by_partner), config="two issuers", jose="unknown_key")
    add("two issuers: the first one's, by the key of a kid that both have", about, by_joserfc(claims(), key="ed25519-other", alg="EdDSA", kid="theirs"), config="two issuers")
    add("two issuers: the other one's, by the key of a kid that both have", about, by_joserfc(claims(iss=PARTNER), key="p256-other", alg="ES256", kid="theirs"), config="two issuers", jose="unknown_key")
    add("two issuers: the first one's name under the other one's key", about, by_pyjwt(claims(), **by_partner), "unknown_key", "two issuers")
    add("two issuers: the other one's name under the first one's key", about, by_pyjwt(claims(iss=PARTNER)), "unknown_key", "two issuers", jose="wrong_issuer")
    for iss in ["https://evil.example", f"{PARTNER}/", PARTNER.upper(), f"{PARTNER}.evil.example", ""]:
        add(f"two issuers: iss {json.dumps(iss)}", about, by_pyjwt(claims(iss=iss)), "unknown_issuer", "two issuers", jose="wrong_issuer")
    add("two issuers: iss of a stranger, and no signature at all", about, f"{GOOD.split('.')[0]}.{b64(text(claims(iss='https://evil.example')))}.", "unknown_issuer", "two issuers", jose="bad_signature")
    add("two issuers: no iss", about, by_authlib(claims(iss=...)), "missing_claim", "two issuers")
    add("two issuers: an array of both", about, by_joserfc_jws(claims(iss=["https://market.example.com", PARTNER])), "bad_claim_type", "two issuers")
    add("two issuers: the other one's, for another audience", about, by_pyjwt(claims(iss=PARTNER, aud="other"), **by_partner), "wrong_audience", "two issuers", jose="unknown_key")


def tenants(add):
    about = ["tenant"]
    for tenant in ["acme", "zeta"]:
        add(f"tenant {tenant}", about, by_pyjwt(claims(tenant=tenant)), config="tenants")
    for tenant in ["other", "", "ACME", "acme ", "*", ...]:
        shown = "absent" if tenant is ... else json.dumps(tenant)
        add(f"tenant {shown}", about, by_pyjwt(claims(tenant=tenant)), "tenant_not_allowed", "tenants", jose="accepted")
    add("AppDirect, another tenant", about, by_joserfc(claims(iss=..., aud=..., tenant="other")), "tenant_not_allowed", "app_direct", jose="accepted")
    add("AppDirect, our tenant", about, by_joserfc(claims(iss=..., aud=...)), config="app_direct")


def read_only(add):
    about = ["read-only"]
    token = by_authlib(claims(ro=True))
    for method in ["POST", "PUT", "PATCH", "DELETE"]:
        add(f"read-only token, {method}", about, token, "read_only_token", jose="accepted", method=method)
    for method in ["GET", "HEAD", "OPTIONS"]:
        add(f"read-only token, {method}", about, token, method=method)
    add("ro: false, POST", about, by_authlib(claims(ro=False)), method="POST")
    add("an expired read-only token, POST", about, by_authlib(claims(ro=True, exp=NOW - 100)), "expired", method="POST")


EVERY = [credentials, shapes, sizes, duplicates, times, lifetimes, revoked, issuers, tenants, read_only]
