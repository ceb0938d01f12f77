"""A foreign issuer made of PyJWT: serves its own JWKS and signs what it is told. Prints `listening peer URL`, then for each line
{"alg", "claims", "typ"?} on stdin one line with the token. Ends when stdin does."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

keys = {
    "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "RS256": (rsa.generate_private_key(public_exponent=65537, key_size=2048), RSAAlgorithm),
}


def published(alg):
    private, algorithm = keys[alg]
    jwk = algorithm.to_jwk(private.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": f"pyjwt-{alg}", "alg": alg, "use": "sig"}


jwks = json.dumps({"keys": [published(alg) for alg in keys]}).encode()


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
    headers = {"kid": f"pyjwt-{order['alg']}", "typ": order.get("typ", "JWT")}
    print(jwt.encode(order["claims"], keys[order["alg"]][0], algorithm=order["alg"], headers=headers), flush=True)
