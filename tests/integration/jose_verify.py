"""Verifies one access token with pyca/cryptography: python3 jose_verify.py JWKS_FILE TOKEN_FILE

Exit 0: the signature is right; the claims go to stdout. 1: it is not. 2: no cryptography here.
"""
import base64
import hashlib
import json
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit(2)


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


with open(sys.argv[1], encoding="ascii") as file:
    jwks = json.load(file)
with open(sys.argv[2], encoding="ascii") as file:
    header, payload, signature = file.read().split(".")
kid = json.loads(decode(header))["kid"]
jwk = next((key for key in jwks["keys"] if key["kid"] == kid), None)
if jwk is None or jwk["kty"] != "OKP" or jwk["crv"] != "Ed25519":
    sys.exit(1)
try:
    key = Ed25519PublicKey.from_public_bytes(decode(jwk["x"]))
    key.verify(decode(signature), f"{header}.{payload}".encode())
except InvalidSignature:
    sys.exit(1)
# RFC 7638: the thumbprint of the key, whose first half is the kid.
thumb = hashlib.sha256(
    json.dumps({name: jwk[name] for name in ("crv", "kty", "x")}, separators=(",", ":")).encode()
).digest()
if base64.urlsafe_b64encode(thumb[:16]).rstrip(b"=").decode() != kid:
    sys.exit(1)
print(decode(payload).decode())
