"""SQL about organisations and API keys."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.identity.models import ApiKey, KeyKind, Principal

CHANGED_CHANNEL = "tieline_keys"


async def ensure_organisation(tx: Transaction, org_id: str, name: str) -> bool:
    """Create the organisation unless it exists; whether it is new."""
    return bool(
        await tx.fetchval(
            "INSERT INTO organisations (id, name) VALUES ($1, $2) "
            "ON CONFLICT DO NOTHING RETURNING true",
            org_id,
            name,
        )
    )


async def lock_first_key(tx: Transaction) -> None:
    """Wait for everybody else who looks whether there is a key yet."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tieline first key', 0))")


async def any_key_exists(tx: Transaction) -> bool:
    """Whether a key was ever created here."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT 1 FROM api_keys)"))


async def insert_key(tx: OrgTransaction, key: ApiKey, key_hash: bytes) -> None:
    """Store a new key."""
    await tx.execute(
        "INSERT INTO api_keys (org_id, id, name, kind, key_prefix, key_hash, scopes, created_at, "
        "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.id,
        key.name,
        key.kind,
        key.prefix,
        key_hash,
        list(key.scopes),
        key.created_at,
        key.expires_at,
    )


async def list_keys(tx: OrgTransaction) -> list[ApiKey]:
    """All keys of the organisation, oldest first."""
    rows = await tx.fetch("SELECT * FROM api_keys WHERE org_id = $1 ORDER BY created_at, id")
    return [_key(row) for row in rows]


async def revoke_key(tx: OrgTransaction, key_id: str, moment: datetime) -> bool:
    """Revoke a key and tell every process; whether the key exists."""
    changed = await tx.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $3) WHERE org_id = $1 AND id = $2",
        key_id,
        moment,
    )
    await Transaction(tx.connection).execute("SELECT pg_notify($1, $2)", CHANGED_CHANNEL, key_id)
    return changed > 0


async def find_principal(
    tx: Transaction, key_hash: bytes
) -> tuple[Principal, datetime | None] | None:
    """Whom a key belongs to and when it expires, unless it is revoked or expired."""
    row = await tx.fetchrow(
        "SELECT org_id, id, name, scopes, expires_at FROM api_keys WHERE key_hash = $1 "
        "AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
        key_hash,
    )
    if row is None:
        return None
    scopes = frozenset(row["scopes"])
    return Principal(row["org_id"], row["id"], row["name"], scopes), row["expires_at"]


def _key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        org_id=row["org_id"],
        id=row["id"],
        name=row["name"],
        kind=KeyKind(row["kind"]),
        prefix=row["key_prefix"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
