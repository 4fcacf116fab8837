"""What signatures are checked with, as somebody types it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tieline.kit import json
from tieline.receiving.errors import InvalidVerificationKey

_PREFIX = "whsec_"


@dataclass(frozen=True)
class Keys:
    """Secrets of webhooks and public keys of organisations. Several, since they are rotated."""

    secrets: tuple[str, ...] = ()
    public_keys: tuple[Ed25519PublicKey, ...] = ()

    @classmethod
    def of(cls, secrets: Iterable[str] = (), public_keys: Iterable[str] = ()) -> Keys:
        """From their texts. Raises `InvalidVerificationKey`."""
        return cls(
            tuple(secret(text) for text in secrets),
            tuple(public_key(text) for text in public_keys),
        )

    def __bool__(self) -> bool:
        return bool(self.secrets or self.public_keys)


NO_KEYS = Keys()


def secret(text: str) -> str:
    """A signing secret without the space around it. Raises `InvalidVerificationKey`.

    Those of Tieline begin with `whsec_`. One that somebody else chose may be any text.
    """
    text = text.strip()
    if not text or (text.startswith(_PREFIX) and not decoded(text.removeprefix(_PREFIX))):
        raise InvalidVerificationKey(
            f"This is no signing secret: after {_PREFIX} there has to be Base64."
        )
    return text


def hmac_key(secret: str) -> bytes:
    """What a secret stands for in Standard Webhooks: Base64 after `whsec_`, or else its text."""
    text = secret.removeprefix(_PREFIX)
    return decoded(text) or text.encode()


def public_key(text: str) -> Ed25519PublicKey:
    """An Ed25519 public key in PEM form, or in the JSON with which Tieline publishes it.

    Raises `InvalidVerificationKey`.
    """
    if text.lstrip().startswith("{"):
        text = _published(text)
    try:
        key = load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidVerificationKey("This is no public key in PEM form.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidVerificationKey("This public key is none of Ed25519, which signs as v1a.")
    return key


def _published(text: str) -> str:
    try:
        content = json.loads(text)
        found = content["public_key"]
    except (json.InvalidJson, KeyError, TypeError):
        found = None
    if not isinstance(found, str):
        raise InvalidVerificationKey("This answer has no `public_key` in it.")
    return found


def decoded(text: str) -> bytes | None:
    """What a text in Base64 stands for, or None if it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
