"""SQL about the keys that sign access tokens; their private parts are among the secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.database import OrgTransaction, Transaction
from tieline.identity.changes import announce
from tieline.kit import json


@dataclass(frozen=True)
class SigningKey:
    """The public part of a signing key, as a JWK."""

    kid: str
    public_key: dict[str, Any]
    retired_at: datetime | None


async def lock_signing_keys(tx: Transaction) -> None:
    """Wait for everybody else who makes or retires a signing key."""
    await Transaction(tx.connection).execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('tieline signing key', 0))"
    )


async def list_signing_keys(tx: OrgTransaction) -> list[SigningKey]:
    """All of them, the newest first."""
    rows = await tx.fetch(
        "SELECT kid, public_key, retired_at FROM token_signing_keys WHERE org_id = $1 "
        "ORDER BY created_at DESC, kid"
    )
    return [
        SigningKey(row["kid"], json.loads(row["public_key"]), row["retired_at"]) for row in rows
    ]


async def add_signing_key(
    tx: OrgTransaction, kid: str, public_key: dict[str, Any], moment: datetime
) -> None:
    """Store a new signing key, retire all others and tell every process."""
    await tx.execute(
        "UPDATE token_signing_keys SET retired_at = $2 WHERE org_id = $1 AND retired_at IS NULL",
        moment,
    )
    await tx.execute(
        "INSERT INTO token_signing_keys (org_id, kid, public_key, created_at) "
        "VALUES ($1, $2, $3, $4)",
        kid,
        json.dumps_str(public_key),
        moment,
    )
    await announce(tx, kid)
