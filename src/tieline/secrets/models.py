"""What is stored of secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it is stored."""

    version: int
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True)
class SealedSecret:
    """A secret as it is stored, and the version of the data key that opens it."""

    org_id: str
    path: str
    key_version: int
    nonce: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class KeyUse:
    """A data key, and how many secrets are sealed with it."""

    version: int
    created_at: datetime
    secrets: int
