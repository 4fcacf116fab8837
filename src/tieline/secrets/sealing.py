"""Sealing: AES-256-GCM with a fresh nonce each time, bound to the place where the result lies.

The master key wraps data keys; the newest data key seals values. What is sealed opens only with the
organisation, the path and the version of the key with which it was sealed, so that a row that
somebody moves or swaps in the database is noticed (NIST SP 800-38D; nonces are 96 random bits, good
for 2**32 values under one data key).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tieline.kit import json
from tieline.secrets.material import HIDDEN

KEY_BYTES = 32
NONCE_BYTES = 12


class CannotOpen(Exception):
    """What is sealed was sealed with another key, for another place, or was changed since."""


class SealingKey:
    """A 256-bit key, which prints as nothing."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"A key has {KEY_BYTES} bytes")
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def random(cls) -> SealingKey:
        """A new key from the system's generator."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def reveal(self) -> bytes:
        """The bytes of the key."""
        return self._key

    def seal(self, plain: bytes, place: bytes) -> tuple[bytes, bytes]:
        """A fresh nonce, and `plain` sealed under it for a place."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce, self._cipher.encrypt(nonce, plain, place)

    def open(self, nonce: bytes, sealed: bytes, place: bytes) -> bytes:
        """What was sealed. Raises `CannotOpen`."""
        try:
            return self._cipher.decrypt(nonce, sealed, place)
        except (InvalidTag, ValueError):
            raise CannotOpen from None

    def __repr__(self) -> str:
        return HIDDEN


@dataclass(frozen=True)
class DataKey:
    """A key that seals values, and the number under which its wrapped form is stored."""

    version: int
    key: SealingKey

    def seal(self, org_id: str, path: str, plain: bytes) -> tuple[bytes, bytes]:
        """Nonce and sealed form of what an organisation keeps at a path."""
        return self.key.seal(plain, self._place(org_id, path))

    def open(self, org_id: str, path: str, nonce: bytes, sealed: bytes) -> bytes:
        """What an organisation keeps at a path. Raises `CannotOpen`."""
        return self.key.open(nonce, sealed, self._place(org_id, path))

    def _place(self, org_id: str, path: str) -> bytes:
        # As JSON, so that no two places have the same bytes.
        return json.dumps([org_id, path, self.version])


def wrap(master: SealingKey, data_key: DataKey) -> bytes:
    """A data key as it is stored: its nonce, and the key sealed by the master key."""
    nonce, sealed = master.seal(data_key.key.reveal(), _key_place(data_key.version))
    return nonce + sealed


def unwrap(master: SealingKey, version: int, wrapped: bytes) -> DataKey:
    """The data key that is stored so. Raises `CannotOpen` with another master key."""
    nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    return DataKey(version, SealingKey(master.open(nonce, sealed, _key_place(version))))


def _key_place(version: int) -> bytes:
    return json.dumps(["tieline data key", version])
