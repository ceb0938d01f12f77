"""Verifies the token on stdin as a user of PyJWT would: verify.py JWKS_URL ISSUER AUDIENCE. Prints header and claims as one JSON object;
exit code 3 means that the library refused the token."""

import json
import sys

import jwt

REFUSED = 3
url, issuer, audience = sys.argv[1:]
token = sys.stdin.read().strip()
try:
    key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["ES256", "RS256"], audience=audience, issuer=issuer)
    print(json.dumps({"header": jwt.get_unverified_header(token), "claims": claims}))
except jwt.PyJWTError as error:
    print(type(error).__name__, file=sys.stderr)
    sys.exit(REFUSED)
