"""The throw-away keys of tests/vectors/jose/keys, and signatures over any bytes. What is signed here is the same in every run."""

import base64
import functools
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc.jwk import ECKey, OKPKey, RSAKey

KEYS = pathlib.Path(__file__).resolve().parents[2] / "jose" / "keys"
KIND = {"rsa": RSAKey, "p25": ECKey, "p38": ECKey, "p52": ECKey, "sec": ECKey, "ed2": OKPKey, "ed4": OKPKey, "x25": OKPKey}
HASH = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def b64(data):
    data = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(value):
    """JSON as given, or written without white space."""
    return value if isinstance(value, (str, bytes)) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pem(name):
    return (KEYS / f"{name}.pkcs8.txt").read_bytes()


@functools.cache
def private(name):
    return load_pem_private_key(pem(name), None)


@functools.cache
def jose_key(name):
    return KIND[name[:3]].import_key(pem(name))


def public_pem(name):
    return private(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(name, **members):
    """The public JWK, named after its file; a member given as None is left out."""
    key = {**jose_key(name).as_dict(private=False), "kid": name, "use": "sig", **members}
    key.pop("key_ops", None) if "key_ops" not in members else None
    return {member: value for member, value in key.items() if value is not None}


def signature(alg, name, message):
    key = private(name)
    if alg.startswith("Ed"):
        return key.sign(message)
    digest = HASH[alg[2:5]]()
    if alg.startswith("ES"):
        # RFC 6979: no chance in it.
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest, deterministic_signing=True)))
        size = (key.curve.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(message, padding.PKCS1v15(), digest)


def signed_segments(header, payload, alg="ES256", key="p256"):
    message = f"{header}.{payload}"
    return f"{message}.{b64(signature(alg, key, message.encode()))}"


def signed(header, payload, alg="ES256", key="p256"):
    """A token over exactly these bytes, whatever they are."""
    return signed_segments(b64(text(header)), b64(text(payload)), alg, key)
