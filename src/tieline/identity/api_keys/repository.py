"""SQL about API keys beyond what all records have: their hashes, their use, their spending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tieline.database import OrgTransaction, Transaction
from tieline.identity.api_keys.models import BUDGET_EXHAUSTED, KEYS, ApiKey
from tieline.identity.applications.models import REFUSED_STATUSES, ApplicationKind


@dataclass(frozen=True)
class Credential:
    """What is behind a key's hash: enough to say who calls, or why not."""

    key_hash: bytes
    org_id: str
    key_id: str
    name: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    user_id: str | None
    rpm_limit: int | None
    blocked: bool
    blocked_reason: str | None
    expires_at: datetime | None
    application_id: UUID | None
    app_id: str | None
    application_may_act: bool
    user_is_disabled: bool


async def find_credential(tx: Transaction, key_hash: bytes) -> Credential | None:
    """The key with this hash, whatever state it is in."""
    row = await tx.fetchrow(
        "SELECT c.key_hash, k.org_id, k.id AS key_id, k.name, k.scopes, k.roles, "
        "k.issued_to_user_id AS user_id, k.rpm_limit, k.blocked, k.blocked_reason, k.expires_at, "
        "k.application_id, a.slug AS app_id, u.disabled IS TRUE AS user_is_disabled, "
        "k.application_id IS NULL OR (a.id IS NOT NULL AND NOT a.is_deleted "
        "AND a.kind <> $2 AND a.status <> ALL($3)) AS application_may_act "
        "FROM api_key_credentials c "
        "JOIN api_keys k ON k.org_id = c.org_id AND k.id = c.key_id "
        "LEFT JOIN applications a ON a.org_id = k.org_id AND a.id = k.application_id "
        "LEFT JOIN users u ON u.org_id = k.org_id AND u.id = k.issued_to_user_id "
        "WHERE c.key_hash = $1 AND NOT k.is_deleted",
        key_hash,
        ApplicationKind.LIBRARY,
        list(REFUSED_STATUSES),
    )
    if row is None:
        return None
    return Credential(**{**row, "scopes": tuple(row["scopes"]), "roles": tuple(row["roles"])})


async def insert_credential(tx: OrgTransaction, key_id: str, key_hash: bytes) -> None:
    """Store the hash of a new key."""
    await tx.execute(
        "INSERT INTO api_key_credentials (org_id, key_id, key_hash) VALUES ($1, $2, $3)",
        key_id,
        key_hash,
    )


async def list_keys(tx: OrgTransaction) -> list[ApiKey]:
    """All keys of the organisation, oldest first."""
    rows = await tx.fetch(
        f"SELECT {KEYS.selection()} FROM api_keys WHERE org_id = $1 AND NOT is_deleted "
        "ORDER BY created_at, id"
    )
    return [KEYS.decode(row) for row in rows]


async def list_usable_keys(
    tx: OrgTransaction, types: Sequence[str] | None, *, app_id: str | None
) -> list[ApiKey]:
    """The keys that are neither blocked nor expired, newest first."""
    rows = await tx.fetch(
        f"SELECT {KEYS.selection()} FROM api_keys WHERE org_id = $1 AND NOT is_deleted "
        "AND NOT blocked AND (expires_at IS NULL OR expires_at > now()) "
        "AND ($2::text[] IS NULL OR token_type = ANY($2)) "
        "AND ($3::text IS NULL OR app_id = $3) ORDER BY created_at DESC, id DESC",
        None if types is None else list(types),
        app_id,
    )
    return [KEYS.decode(row) for row in rows]


async def find_key_of_hash(tx: OrgTransaction, key_hash: bytes) -> ApiKey | None:
    """The organisation's key with this hash, whatever state it is in."""
    row = await tx.fetchrow(
        f"SELECT {KEYS.selection()} FROM api_keys WHERE org_id = $1 AND NOT is_deleted AND id = "
        "(SELECT key_id FROM api_key_credentials WHERE org_id = $1 AND key_hash = $2)",
        key_hash,
    )
    return KEYS.decode(row) if row else None


async def find_successor(tx: OrgTransaction, key_id: str) -> str | None:
    """The id of the usable key that has taken the place of a key."""
    found: str | None = await tx.fetchval(
        "SELECT id FROM api_keys WHERE org_id = $1 AND rotated_from_key_id = $2 "
        "AND NOT blocked AND NOT is_deleted LIMIT 1",
        key_id,
    )
    return found


async def add_usage(
    tx: OrgTransaction, key_id: str, actor: str, tokens: int, cost_usd: Decimal, moment: datetime
) -> tuple[ApiKey, bool] | None:
    """Add what was used, as the actor says, and block the key when its budget is spent.

    The key afterwards, and whether this use has blocked it; None when there is no such key. One
    statement, so that uses which are recorded at the same time add up.
    """
    row: Any = await tx.fetchrow(
        f"""
        WITH before AS MATERIALIZED (
            SELECT id AS key_id,
                   NOT blocked AND spend_usd + $3 >= max_budget_usd IS TRUE AS is_spent
            FROM api_keys WHERE org_id = $1 AND id = $2 AND NOT is_deleted FOR UPDATE
        )
        UPDATE api_keys SET
            spend_usd = spend_usd + $3,
            tokens_used = tokens_used + $4,
            blocked = blocked OR is_spent,
            blocked_reason = CASE WHEN is_spent THEN '{BUDGET_EXHAUSTED}' ELSE blocked_reason END,
            version = version + is_spent::integer,
            updated_at = CASE WHEN is_spent THEN $5 ELSE updated_at END,
            updated_by = CASE WHEN is_spent THEN $6 ELSE updated_by END
        FROM before WHERE org_id = $1 AND id = key_id
        RETURNING {KEYS.selection()}, is_spent
        """,
        key_id,
        cost_usd,
        tokens,
        moment,
        actor,
    )
    return (KEYS.decode(row), row["is_spent"]) if row else None


async def write_last_uses(tx: Transaction, uses: Mapping[tuple[str, str], datetime]) -> None:
    """Store when keys were last used, where that is later than what is stored."""
    ordered = sorted(uses)  # and locked in this order, or two processes could wait for each other
    await tx.execute(
        """
        WITH used AS (
            SELECT k.org_id, k.id, u.at
            FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS u (org_id, id, at)
            JOIN api_keys k ON k.org_id = u.org_id AND k.id = u.id
            WHERE k.last_used_at IS NULL OR k.last_used_at < u.at
            ORDER BY k.org_id, k.id FOR UPDATE OF k
        )
        UPDATE api_keys k SET last_used_at = used.at FROM used
        WHERE k.org_id = used.org_id AND k.id = used.id
            AND (k.last_used_at IS NULL OR k.last_used_at < used.at)
        """,
        [org_id for org_id, _ in ordered],
        [key_id for _, key_id in ordered],
        [uses[each] for each in ordered],
    )
