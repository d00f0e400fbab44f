"""Is it really the gateway? Standard Webhooks 1.0, as https://www.standardwebhooks.com says it.

The signature is HMAC-SHA256 over `id.timestamp.body` with the bytes of a key, written as
`v1,` and base64. Several signatures may come, and several keys may be set while one
replaces the other: one pair that fits is enough.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

TOLERANCE_S = 300
PREFIX = "whsec_"


def parse_keys(text: str) -> list[bytes]:
    """The bytes of `whsec_...` keys, separated by white space; ValueError tells which is wrong."""
    keys = []
    for number, word in enumerate(text.split(), 1):
        if not word.startswith(PREFIX):
            raise ValueError(f"signing key {number}: must start with {PREFIX}")
        try:
            key = base64.b64decode(word[len(PREFIX):], validate=True)
        except binascii.Error:
            raise ValueError(f"signing key {number}: no base64 behind {PREFIX}") from None
        if not 24 <= len(key) <= 64:
            raise ValueError(f"signing key {number}: has {len(key)} bytes, must have 24 to 64")
        keys.append(key)
    return keys


def sign(key: bytes, ident: str, timestamp: int, body: bytes) -> str:
    """What the gateway writes into `webhook-signature`; for tests and test kits."""
    mac = hmac.digest(key, f"{ident}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(mac).decode()


def is_signed(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Does a signature of these headers (names in small letters) fit the bytes of the body?"""
    ident = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    if not ident or not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 18:
        return False
    if abs(int(now) - int(stamp)) > TOLERANCE_S:
        return False
    wanted = [sign(key, ident, int(stamp), body).encode() for key in keys]
    fits = False
    for given in headers.get("webhook-signature", "").encode("utf-8", "replace").split():
        for one in wanted:
            fits |= hmac.compare_digest(given, one)
    return fits
