"""Verifies messages by Standard Webhooks 1.0: python3 webhook_verify.py LETTERS SECRET...

LETTERS has one JSON object a line: id, timestamp, signature (the three headers) and body, as they
arrived. Each must carry a signature by every SECRET ("whsec_…"), and no more than there are
secrets. Exit 0: all do; their number goes to stdout. 1: one does not. Uses the standard library
alone, and the reference library beside it where it is installed.
"""
import base64
import hashlib
import hmac
import json
import sys

try:
    from standardwebhooks.webhooks import Webhook
except ImportError:
    Webhook = None


def sign(secret, letter):
    prefix = "whsec_"
    if not secret.startswith(prefix):
        raise ValueError("not a secret")
    key = base64.b64decode(secret[len(prefix):], validate=True)
    if not 24 <= len(key) <= 64:
        raise ValueError("a key of another size")
    signed = f"{letter['id']}.{letter['timestamp']}.{letter['body']}".encode()
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def is_right(letter, secrets):
    given = letter["signature"].split(" ")
    wanted = [sign(secret, letter) for secret in secrets]
    if "." in letter["id"] or not letter["timestamp"].isdigit() or len(given) != len(wanted):
        return False
    body = json.loads(letter["body"])
    return set(given) == set(wanted) and set(body) == {"type", "timestamp", "data"}


def check_with_library(letter, secrets):
    """Raises when the reference library does not take it; it looks at the clock itself."""
    headers = {f"webhook-{name}": letter[name] for name in ("id", "timestamp", "signature")}
    for secret in secrets:
        Webhook(secret).verify(letter["body"], headers)


with open(sys.argv[1], encoding="utf-8") as file:
    letters = [json.loads(line) for line in file]
for number, letter in enumerate(letters):
    if not is_right(letter, sys.argv[2:]):
        print(f"letter {number} is not signed as it should be", file=sys.stderr)
        sys.exit(1)
    if Webhook is not None:
        check_with_library(letter, sys.argv[2:])
print(len(letters))
