"""SQL about integrations and their use cases as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.entities.changes.listening import listeners_changed
from tieline.integrations.models import Integration, UseCase, UseCaseType
from tieline.kit import json

CHANGED_CHANNEL = "tieline_integrations"

_USE_CASE_COLUMNS = (
    "id, integration_id, version, name, slug, type, enabled, change_description, configuration, "
    "created_at, updated_at"
)
_UNNESTED_USE_CASES = f"""
    unnest(
        $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::boolean[],
        $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[]
    ) AS n ({_USE_CASE_COLUMNS})
"""


async def insert_integration(tx: OrgTransaction, integration: Integration) -> None:
    """Store a new integration."""
    await tx.execute(
        "INSERT INTO integrations (org_id, id, document, created_at, updated_at) "
        "VALUES ($1, $2, $3::json, $4, $5)",
        integration.id,
        json.dumps_str(integration.document),
        integration.created_at,
        integration.updated_at,
    )


async def update_integration(tx: OrgTransaction, integration: Integration) -> None:
    """Store what an integration has become."""
    await tx.execute(
        "UPDATE integrations SET document = $3::json, updated_at = $4 "
        "WHERE org_id = $1 AND id = $2",
        integration.id,
        json.dumps_str(integration.document),
        integration.updated_at,
    )


async def delete_integration(tx: OrgTransaction, integration_id: UUID) -> bool:
    """Remove an integration together with its use cases; whether there was one."""
    sql = "DELETE FROM integrations WHERE org_id = $1 AND id = $2"
    return await tx.execute(sql, integration_id) > 0


async def find_integration(
    tx: OrgTransaction, integration_id: UUID, *, lock: bool = False
) -> Integration | None:
    """An integration by its id. `lock` keeps it and its use cases from changing elsewhere."""
    suffix = " FOR UPDATE" if lock else ""
    row = await tx.fetchrow(
        "SELECT * FROM integrations WHERE org_id = $1 AND id = $2" + suffix, integration_id
    )
    return _integration(row) if row else None


async def list_integrations(tx: OrgTransaction) -> list[Integration]:
    """All integrations of the organisation, oldest first."""
    rows = await tx.fetch("SELECT * FROM integrations WHERE org_id = $1 ORDER BY created_at, id")
    return [_integration(row) for row in rows]


async def announce_change(tx: OrgTransaction, integration_id: UUID) -> None:
    """Tell every process, at the commit, that the routes of an integration may have changed."""
    await listeners_changed(tx)
    await Transaction(tx.connection).execute(
        "SELECT pg_notify($1, $2)", CHANGED_CHANNEL, str(integration_id)
    )


async def list_use_cases(tx: OrgTransaction, integration_id: UUID | None = None) -> list[UseCase]:
    """The use cases of an integration, or of all, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_USE_CASE_COLUMNS} FROM use_cases "
        "WHERE org_id = $1 AND ($2::uuid IS NULL OR integration_id = $2) ORDER BY created_at, id",
        integration_id,
    )
    return [use_case_from(row) for row in rows]


async def find_use_case(
    tx: OrgTransaction, integration_id: UUID, use_case_id: UUID
) -> UseCase | None:
    """A use case of an integration by its id."""
    row = await tx.fetchrow(
        f"SELECT {_USE_CASE_COLUMNS} FROM use_cases "
        "WHERE org_id = $1 AND integration_id = $2 AND id = $3",
        integration_id,
        use_case_id,
    )
    return use_case_from(row) if row else None


async def find_use_case_by_slug(
    tx: OrgTransaction, integration_id: UUID, slug: str
) -> UseCase | None:
    """A use case of an integration by its slug."""
    row = await tx.fetchrow(
        f"SELECT {_USE_CASE_COLUMNS} FROM use_cases "
        "WHERE org_id = $1 AND integration_id = $2 AND slug = $3",
        integration_id,
        slug,
    )
    return use_case_from(row) if row else None


async def insert_use_cases(tx: OrgTransaction, use_cases: Sequence[UseCase]) -> list[UUID]:
    """Store new use cases; the ids that were free, in no order."""
    rows = await tx.fetch(
        f"INSERT INTO use_cases (org_id, {_USE_CASE_COLUMNS}) "
        "SELECT $1, n.id, n.integration_id, n.version, n.name, n.slug, n.type, n.enabled, "
        "n.change_description, n.configuration::json, n.created_at, n.updated_at "
        f"FROM {_UNNESTED_USE_CASES} ON CONFLICT (org_id, id) DO NOTHING RETURNING id",
        *use_case_columns(use_cases),
    )
    return [row["id"] for row in rows]


async def update_use_cases(tx: OrgTransaction, use_cases: Sequence[UseCase]) -> None:
    """Store what use cases have become."""
    await tx.execute(
        "UPDATE use_cases u SET version = n.version, name = n.name, slug = n.slug, "
        "enabled = n.enabled, change_description = n.change_description, "
        "configuration = n.configuration::json, updated_at = n.updated_at "
        f"FROM {_UNNESTED_USE_CASES} "
        "WHERE u.org_id = $1 AND u.id = n.id AND u.integration_id = n.integration_id",
        *use_case_columns(use_cases),
    )


async def delete_use_cases(tx: OrgTransaction, use_case_ids: Iterable[UUID]) -> None:
    """Remove use cases; their versions stay, because events name them."""
    sql = "DELETE FROM use_cases WHERE org_id = $1 AND id = ANY($2::uuid[])"
    await tx.execute(sql, list(use_case_ids))


async def inbound_routes(tx: OrgTransaction, integration_id: UUID) -> list[asyncpg.Record]:
    """What is needed to route events, oldest use case first.

    One row per inbound use case; a single row without `id` when there is none; no row when there
    is no such integration.
    """
    return await tx.fetch(
        "SELECT u.id, u.version, u.enabled, u.slug, u.name FROM integrations i "
        "LEFT JOIN use_cases u ON u.org_id = i.org_id AND u.integration_id = i.id "
        "AND u.type = 'inbound' WHERE i.org_id = $1 AND i.id = $2 ORDER BY u.created_at, u.id",
        integration_id,
    )


async def outbound_use_cases(tx: OrgTransaction) -> list[UseCase]:
    """The outbound use cases of the organisation that are enabled, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_USE_CASE_COLUMNS} FROM use_cases "
        "WHERE org_id = $1 AND type = 'outbound' AND enabled ORDER BY created_at, id"
    )
    return [use_case_from(row) for row in rows]


async def outbound_event_names(tx: OrgTransaction, integration_id: UUID) -> list[str]:
    """The events that the outbound use cases of an integration take, enabled or not."""
    rows = await tx.fetch(
        "SELECT DISTINCT configuration ->> 'event_catalog_event' AS name FROM use_cases "
        "WHERE org_id = $1 AND integration_id = $2 AND type = 'outbound' "
        "AND configuration IS NOT NULL",
        integration_id,
    )
    return [row["name"] for row in rows if row["name"] is not None]


def use_case_columns(use_cases: Sequence[UseCase]) -> list[list[Any]]:
    """The columns of `_UNNESTED_USE_CASES`, one list each; at least one use case."""
    rows = (
        (
            use_case.id,
            use_case.integration_id,
            use_case.version,
            use_case.name,
            use_case.slug,
            use_case.type,
            use_case.enabled,
            use_case.change_description,
            _json(use_case.configuration),
            use_case.created_at,
            use_case.updated_at,
        )
        for use_case in use_cases
    )
    return [list(column) for column in zip(*rows, strict=True)]


def use_case_from(row: asyncpg.Record) -> UseCase:
    """The use case that a row of `use_cases` or of its versions describes."""
    configuration: str | None = row["configuration"]
    created_at: datetime = row["created_at"]
    return UseCase(
        id=row["id"],
        integration_id=row["integration_id"],
        version=row["version"],
        name=row["name"],
        slug=row["slug"],
        type=UseCaseType(row["type"]),
        enabled=row["enabled"],
        change_description=row["change_description"],
        configuration=None if configuration is None else json.loads(configuration),
        created_at=created_at,
        updated_at=row["updated_at"],
    )


def _json(configuration: Mapping[str, Any] | None) -> str | None:
    return None if configuration is None else json.dumps_str(configuration)


def _integration(row: asyncpg.Record) -> Integration:
    return Integration(
        org_id=row["org_id"],
        id=row["id"],
        document=json.loads(row["document"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
