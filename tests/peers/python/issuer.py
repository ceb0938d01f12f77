"""A foreign issuer made of one library: issuer.py PyJWT or issuer.py Authlib. Serves its own JWKS and signs what it is told. Prints
`listening peer URL`, then for each line {"alg", "claims", "typ"?} on stdin one line with the token. Ends when stdin does."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PyJwt:
    def __init__(self):
        import jwt
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        self.library = jwt
        self.keys = {
            "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
            "RS256": (rsa.generate_private_key(public_exponent=65537, key_size=2048), RSAAlgorithm),
        }

    def jwk(self, alg):
        private, algorithm = self.keys[alg]
        jwk = algorithm.to_jwk(private.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return {**jwk, "kid": f"pyjwt-{alg}", "alg": alg, "use": "sig"}

    def sign(self, alg, typ, claims):
        return self.library.encode(claims, self.keys[alg][0], algorithm=alg, headers={"kid": f"pyjwt-{alg}", "typ": typ})


class Authlib:
    def __init__(self):
        # It warns on stderr of the end of this module, which is what people's issuers run.
        from authlib.jose import JsonWebKey, JsonWebToken

        self.library = JsonWebToken(["ES256", "RS256"])
        options = {"use": "sig"}
        self.keys = {
            "ES256": JsonWebKey.generate_key("EC", "P-256", {**options, "alg": "ES256"}, is_private=True),
            "RS256": JsonWebKey.generate_key("RSA", 2048, {**options, "alg": "RS256"}, is_private=True),
        }

    def jwk(self, alg):
        return {**self.keys[alg].as_dict(is_private=False), "kid": self.keys[alg].thumbprint()}

    def sign(self, alg, typ, claims):
        return self.library.encode({"alg": alg, "typ": typ, "kid": self.keys[alg].thumbprint()}, claims, self.keys[alg]).decode()


issuer = {"PyJWT": PyJwt, "Authlib": Authlib}[sys.argv[1]]()
jwks = json.dumps({"keys": [issuer.jwk(alg) for alg in issuer.keys]}).encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/jwks"
        body = jwks if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "max-age=300")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"listening peer http://127.0.0.1:{server.server_address[1]}", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    print(issuer.sign(order["alg"], order.get("typ", "JWT"), order["claims"]), flush=True)
