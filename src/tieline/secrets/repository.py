"""SQL about sealed secrets and the keys that seal them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.secrets.models import KeyUse, SealedSecret, WrappedKey

_COLUMNS = "org_id, path, key_version, nonce, sealed"


async def lock_keys(tx: Transaction) -> None:
    """Wait for everybody else who makes or re-wraps keys, until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tieline secret keys', 0))")


async def wrapped_keys(tx: Transaction) -> list[WrappedKey]:
    """All data keys, oldest first."""
    rows = await tx.fetch("SELECT version, wrapped FROM secret_keys ORDER BY version")
    return [WrappedKey(row["version"], row["wrapped"]) for row in rows]


async def newest_key(tx: Transaction) -> WrappedKey | None:
    """The data key that seals new values; it cannot be removed before the transaction ends."""
    row = await tx.fetchrow(
        "SELECT version, wrapped FROM secret_keys ORDER BY version DESC LIMIT 1 FOR SHARE"
    )
    return WrappedKey(row["version"], row["wrapped"]) if row else None


async def insert_key(tx: Transaction, key: WrappedKey, created_at: datetime) -> None:
    """Store a new data key."""
    await tx.execute(
        "INSERT INTO secret_keys (version, wrapped, created_at) VALUES ($1, $2, $3)",
        key.version,
        key.wrapped,
        created_at,
    )


async def replace_wrapping(tx: Transaction, keys: Sequence[WrappedKey]) -> None:
    """Store data keys in a new wrapping."""
    await tx.execute(
        "UPDATE secret_keys k SET wrapped = n.wrapped "
        "FROM unnest($1::int[], $2::bytea[]) AS n (version, wrapped) WHERE k.version = n.version",
        [key.version for key in keys],
        [key.wrapped for key in keys],
    )


async def read(tx: OrgTransaction, paths: Sequence[str]) -> list[tuple[SealedSecret, WrappedKey]]:
    """The organisation's secrets at some paths, each with its key as both are at one moment."""
    rows = await tx.fetch(
        "SELECT s.org_id, s.path, s.key_version, s.nonce, s.sealed, k.wrapped FROM secrets s "
        "JOIN secret_keys k ON k.version = s.key_version "
        "WHERE s.org_id = $1 AND s.path = ANY($2)",
        paths,
    )
    return [(_secret(row), WrappedKey(row["key_version"], row["wrapped"])) for row in rows]


async def write(tx: OrgTransaction, secret: SealedSecret, moment: datetime) -> None:
    """Store a secret in place of what its path holds."""
    await tx.execute(
        "INSERT INTO secrets (org_id, path, key_version, nonce, sealed, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, path) DO UPDATE SET "
        "key_version = excluded.key_version, nonce = excluded.nonce, sealed = excluded.sealed, "
        "updated_at = excluded.updated_at",
        secret.path,
        secret.key_version,
        secret.nonce,
        secret.sealed,
        moment,
    )


async def delete(tx: OrgTransaction, path: str) -> None:
    """Remove a secret."""
    await tx.execute("DELETE FROM secrets WHERE org_id = $1 AND path = $2", path)


async def take_older(
    tx: Transaction, version: int, after: tuple[str, str], limit: int
) -> list[SealedSecret]:
    """The next secrets under older keys, locked; those that somebody else is writing are left out.

    Whoever re-seals never waits for a writer, so that the two cannot wait for each other.
    """
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM secrets WHERE key_version < $1 AND (org_id, path) > ($2, $3) "
        "ORDER BY org_id, path LIMIT $4 FOR UPDATE SKIP LOCKED",
        version,
        *after,
        limit,
    )
    return [_secret(row) for row in rows]


async def count_older(tx: Transaction, version: int) -> int:
    """How many secrets are still under older keys."""
    number: int = await tx.fetchval("SELECT count(*) FROM secrets WHERE key_version < $1", version)
    return number


async def reseal(tx: Transaction, secrets: Sequence[SealedSecret]) -> None:
    """Store secrets under another key; their time of change stays, since they did not change."""
    await tx.execute(
        "UPDATE secrets s SET key_version = n.key_version, nonce = n.nonce, sealed = n.sealed "
        "FROM unnest($1::text[], $2::text[], $3::int[], $4::bytea[], $5::bytea[]) "
        f"AS n ({_COLUMNS}) WHERE s.org_id = n.org_id AND s.path = n.path",
        [secret.org_id for secret in secrets],
        [secret.path for secret in secrets],
        [secret.key_version for secret in secrets],
        [secret.nonce for secret in secrets],
        [secret.sealed for secret in secrets],
    )


async def lock_older_keys(tx: Transaction, version: int) -> list[int]:
    """The versions before this one, once nobody seals with them any more."""
    rows = await tx.fetch(
        "SELECT version FROM secret_keys WHERE version < $1 ORDER BY version FOR UPDATE", version
    )
    return [row["version"] for row in rows]


async def delete_unused_keys(tx: Transaction, versions: Sequence[int]) -> list[int]:
    """Delete those of some data keys that seal nothing; their versions."""
    rows = await tx.fetch(
        "DELETE FROM secret_keys k WHERE version = ANY($1) "
        "AND NOT EXISTS (SELECT FROM secrets s WHERE s.key_version = k.version) RETURNING version",
        versions,
    )
    return sorted(row["version"] for row in rows)


async def key_uses(tx: Transaction) -> list[KeyUse]:
    """All data keys, oldest first, and how many secrets each of them seals."""
    rows = await tx.fetch(
        "SELECT k.version, k.created_at, count(s.path) AS secrets FROM secret_keys k "
        "LEFT JOIN secrets s ON s.key_version = k.version GROUP BY k.version ORDER BY k.version"
    )
    return [KeyUse(row["version"], row["created_at"], row["secrets"]) for row in rows]


def _secret(row: asyncpg.Record) -> SealedSecret:
    return SealedSecret(row["org_id"], row["path"], row["key_version"], row["nonce"], row["sealed"])
