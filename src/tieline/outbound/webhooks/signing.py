"""Signatures of messages. Pure.

Standard Webhooks (standardwebhooks.com): over `id.timestamp.body`, as `v1a` with Ed25519 and as
`v1` with HMAC-SHA256, several at once while a secret is replaced. Or, as many older receivers want
it, the HMAC-SHA256 of the body alone in hexadecimal digits.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Header = tuple[str, str]

SIGNATURE = "webhook-signature"
BODY_SIGNATURE = "x-webhook-signature"
_PREFIX = "whsec_"


def identification(message_id: str, attempt: int, now: datetime) -> list[Header]:
    """The headers that say which message it is, when it was signed, and which attempt this is."""
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(_seconds(now))),
        ("x-webhook-attempt", str(attempt)),
    ]


def standard_signature(
    message_id: str,
    now: datetime,
    body: bytes,
    *,
    key: Ed25519PrivateKey,
    secrets: Iterable[str],
) -> Header:
    """The header with a signature by the key, and one by each secret, the newest first."""
    signed = b"%s.%d.%s" % (message_id.encode(), _seconds(now), body)
    signatures = [f"v1a,{_base64(key.sign(signed))}"]
    signatures += [
        f"v1,{_base64(hmac.digest(hmac_key(secret), signed, 'sha256'))}" for secret in secrets
    ]
    return SIGNATURE, " ".join(signatures)


def body_signature(body: bytes, secret: str) -> Header:
    """The header with the HMAC-SHA256 of the body; the key is the text of the secret."""
    return BODY_SIGNATURE, f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"


def hmac_key(secret: str) -> bytes:
    """The key that a secret stands for, as the libraries of receivers read it.

    Base64 after `whsec_`, which may be missing like the padding. A text that is no Base64 is taken
    as it is.
    """
    text = secret.removeprefix(_PREFIX)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def _seconds(now: datetime) -> int:
    return int(now.timestamp())


def _base64(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
