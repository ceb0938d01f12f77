"""Writes valid_python.json: tokens by PyJWT, joserfc and Authlib. By hand only, in the environment of tests/peers/python/requirements.txt."""

import importlib.metadata
import json
import pathlib
import warnings

import jwt as pyjwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

warnings.simplefilter("ignore")  # Authlib announces the end of its own JOSE module; what it signs is still a vector.
from authlib.jose import JsonWebToken  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent.parent
NOW = 1_800_000_000
CLAIMS = {
    "iss": "https://market.example.com", "sub": "8f3b1c0a-2f7e-4f0e-9d58-3a0d1d3c9c11", "aud": "loyalty-api",
    "iat": NOW - 10, "nbf": NOW - 15, "exp": NOW + 290, "name": "Zoë <ann@example.com>", "tenant": "acme",
}
KEY_FOR = {
    "RS256": "rsa2048", "RS384": "rsa3072", "RS512": "rsa4096", "PS256": "rsa2048", "PS384": "rsa3072", "PS512": "rsa4096",
    "ES256": "p256", "ES384": "p384", "EdDSA": "ed25519", "Ed25519": "ed25519",
}
JOSERFC_KEY = {"R": RSAKey, "P": RSAKey, "E": ECKey}


def pem(name):
    return (FOLDER / "keys" / f"{name}.pkcs8.txt").read_bytes()


def joserfc_key(alg):
    kind = OKPKey if alg.startswith("Ed") else JOSERFC_KEY[alg[0]]
    return kind.import_key(pem(KEY_FOR[alg]))


def by_pyjwt(alg, kid):
    return pyjwt.encode(CLAIMS, load_pem_private_key(pem(KEY_FOR[alg]), None), algorithm=alg, headers={"kid": kid})


def by_joserfc(alg, kid):
    return joserfc_jwt.encode({"alg": alg, "kid": kid, "typ": "JWT"}, CLAIMS, joserfc_key(alg), algorithms=[alg])


def by_authlib(alg, kid):
    return JsonWebToken([alg]).encode({"alg": alg, "kid": kid}, CLAIMS, pem(KEY_FOR[alg])).decode()


def main():
    makers = {"PyJWT": by_pyjwt, "joserfc": by_joserfc, "Authlib": by_authlib}
    missing = {("PyJWT", "Ed25519"), ("Authlib", "Ed25519")}  # they know RFC 8037's name only
    cases = []
    for library, make in makers.items():
        for alg, name in KEY_FOR.items():
            if (library, alg) in missing:
                continue
            key = joserfc_key(alg)
            jwk = {**key.as_dict(private=False), "kid": key.thumbprint(), "alg": alg, "use": "sig"}
            jwk.pop("key_ops", None)
            token = make(alg, jwk["kid"])
            cases.append({"name": f"{alg} by {library}", "class": library, "jwk": jwk, "token": token, "claims": CLAIMS})
    made_by = ", ".join(f"{library} {importlib.metadata.version(library)}" for library in makers)
    expect = {
        "issuer": CLAIMS["iss"], "audience": CLAIMS["aud"], "leeway": 30, "typ": "jwt_or_access_token",
        "algorithms": [alg for alg in KEY_FOR if alg != "Ed25519"],
    }
    vectors = {"made_by": made_by, "now": NOW, "expect": expect, "cases": cases}
    (FOLDER / "valid_python.json").write_text(json.dumps(vectors, indent=2, ensure_ascii=False) + "\n")
    print(f"valid_python.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
