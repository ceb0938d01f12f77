"""What every vector has, and the libraries that make tokens."""

import copy
import warnings
import json

import jwt as pyjwt
warnings.simplefilter("ignore")  # Authlib announces the end of its own JOSE module; what it signs is still a vector.
from authlib.jose import JsonWebSignature, JsonWebToken
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt

from configurations import AUDIENCE, ISSUER, NOW
from signing import jose_key, pem, private, text

#: Algorithm and kid of each key of the marketplace.
ALG = {"p256": "ES256", "rsa2048": "RS256", "rsa3072": "PS256", "p384": "ES384", "ed25519": "EdDSA"}

#: code → status and challenge error (spec: errors → HTTP).
REFUSAL = {
    "no_token": (401, None), "multiple_tokens": (400, "invalid_request"), "bad_credentials": (400, "invalid_request"),
    "tenant_not_allowed": (403, None), "read_only_token": (403, None), "keys_unavailable": (503, None),
}
INVALID = (401, "invalid_token")


def claims(**changes):
    """The claims of a good token; a claim given as `...` is left out."""
    good = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "8f3b1c0a-2f7e-4f0e-9d58-3a0d1d3c9c11", "iat": NOW - 10, "nbf": NOW - 15,
        "exp": NOW + 290, "jti": "3q2-7wEjRWeJq83v", "name": "ann@example.com", "tenant": "acme",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def header(key="p256", **members):
    """The header of a good token; a member given as `...` is left out."""
    good = {"alg": ALG.get(key, "ES256"), "kid": key, "typ": "JWT"}
    return {name: value for name, value in {**good, **members}.items() if value is not ...}


def by_pyjwt(payload, key="rsa2048", alg=None, **members):
    extra = {"kid": key, **members}
    return pyjwt.encode(payload, private(key), algorithm=alg or ALG[key], headers=extra)


def by_pyjws(payload, key="rsa2048", **members):
    """PyJWT one floor down: any bytes."""
    return pyjwt.PyJWS().encode(text(payload).encode(), private(key), algorithm=ALG[key], headers={"kid": key, **members})


def by_joserfc(payload, key="rsa2048", alg=None, **members):
    alg = alg or ALG[key]
    return joserfc_jwt.encode({"alg": alg, "kid": key, **members}, payload, jose_key(key), algorithms=[alg])


def by_joserfc_jws(payload, key="rsa2048", **members):
    """joserfc one floor down: any bytes, any JSON types."""
    alg = ALG[key]
    raw = payload if isinstance(payload, bytes) else text(payload).encode()
    registry = joserfc_jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    return joserfc_jws.serialize_compact({"alg": alg, "kid": key, **members}, raw, jose_key(key), registry=registry)


def by_authlib(payload, key="rsa2048", alg=None, **members):
    alg = alg or ALG[key]
    return JsonWebToken([alg]).encode({"alg": alg, "kid": key, **members}, copy.copy(payload), pem(key), check=False).decode()


def by_authlib_jws(payload, key="rsa2048", **members):
    """Authlib one floor down: any bytes, any header member."""
    alg = ALG[key]
    return JsonWebSignature([alg]).serialize_compact({"alg": alg, "kid": key, **members}, text(payload).encode(), pem(key)).decode()


class Vectors:
    def __init__(self):
        self.cases = []

    def add(self, name, about, token, expect="accepted", config="usual", jose=None, **request):
        """`about`: what the vector is a case of. `jose`: the verdict of exeat-jose alone where it is another."""
        case = {"name": name, "about": about, "config": config}
        if token is not None:
            case["token"] = token
        case |= request
        if expect == "accepted":
            case |= {"status": 200}
        elif expect is not None:
            status, error = REFUSAL.get(expect, INVALID)
            case |= {"status": status, "code": expect, "error": error}
        if token is not None:
            # Without keys, a verifier that cannot wait for them knows no key.
            case["jose"] = jose or ("unknown_key" if expect == "keys_unavailable" else expect)
        self.cases.append(case)

    def dump(self, path, made_by):
        names = [case["name"] for case in self.cases]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, twice
        path.write_text(json.dumps({"made_by": made_by, "cases": self.cases}, indent=1, ensure_ascii=True) + "\n")
        print(f"{path.name}: {len(names)} cases")
