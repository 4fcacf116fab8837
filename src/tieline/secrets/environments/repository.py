"""SQL about environment variables and their groups."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from tieline.database import OrgTransaction
from tieline.secrets.environments.models import Group, ValueType, Variable


async def lock(tx: OrgTransaction) -> None:
    """Wait for everybody else who changes the organisation's variables."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('tieline environment ' || $1, 0))"
    )


async def variables(tx: OrgTransaction) -> list[Variable]:
    """All variables, by key."""
    rows = await tx.fetch(
        'SELECT * FROM environment_variables WHERE org_id = $1 ORDER BY key COLLATE "C"'
    )
    return [_variable(row) for row in rows]


async def some(tx: OrgTransaction, keys: Sequence[str]) -> list[Variable]:
    """Those of some variables that exist."""
    rows = await tx.fetch(
        "SELECT * FROM environment_variables WHERE org_id = $1 AND key = ANY($2)", keys
    )
    return [_variable(row) for row in rows]


async def count(tx: OrgTransaction) -> int:
    """How many variables there are."""
    number: int = await tx.fetchval("SELECT count(*) FROM environment_variables WHERE org_id = $1")
    return number


async def put(tx: OrgTransaction, variable: Variable) -> None:
    """Store a variable, in place of the one of the same key if there is one."""
    await tx.execute(
        "INSERT INTO environment_variables (org_id, key, type, description, group_name, value, "
        "has_value, protected, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (org_id, key) DO UPDATE SET "
        "type = excluded.type, description = excluded.description, "
        "group_name = excluded.group_name, value = excluded.value, "
        "has_value = excluded.has_value, protected = excluded.protected, "
        "updated_at = excluded.updated_at",
        variable.key,
        variable.type,
        variable.description,
        variable.group,
        variable.value,
        variable.has_value,
        variable.protected,
        variable.created_at,
        variable.updated_at,
    )


async def delete(tx: OrgTransaction, key: str) -> None:
    """Remove a variable."""
    await tx.execute("DELETE FROM environment_variables WHERE org_id = $1 AND key = $2", key)


async def groups(tx: OrgTransaction) -> list[Group]:
    """All groups, by name."""
    rows = await tx.fetch(
        'SELECT * FROM environment_groups WHERE org_id = $1 ORDER BY name COLLATE "C"'
    )
    return [_group(row) for row in rows]


async def group(tx: OrgTransaction, name: str) -> Group | None:
    """One group, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM environment_groups WHERE org_id = $1 AND name = $2", name
    )
    return _group(row) if row else None


async def count_groups(tx: OrgTransaction) -> int:
    """How many groups there are."""
    number: int = await tx.fetchval("SELECT count(*) FROM environment_groups WHERE org_id = $1")
    return number


async def put_group(tx: OrgTransaction, changed: Group) -> None:
    """Store a group, in place of the one of the same name if there is one."""
    await tx.execute(
        "INSERT INTO environment_groups (org_id, name, description, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org_id, name) DO UPDATE SET "
        "description = excluded.description, updated_at = excluded.updated_at",
        changed.name,
        changed.description,
        changed.created_at,
        changed.updated_at,
    )


async def delete_group(tx: OrgTransaction, name: str) -> bool:
    """Remove a group, so that its variables have none; whether there was one."""
    removed = await tx.execute(
        "DELETE FROM environment_groups WHERE org_id = $1 AND name = $2", name
    )
    return removed > 0


def _variable(row: asyncpg.Record) -> Variable:
    return Variable(
        key=row["key"],
        type=ValueType(row["type"]),
        description=row["description"],
        group=row["group_name"],
        value=row["value"],
        has_value=row["has_value"],
        protected=row["protected"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _group(row: asyncpg.Record) -> Group:
    return Group(row["name"], row["description"], row["created_at"], row["updated_at"])
