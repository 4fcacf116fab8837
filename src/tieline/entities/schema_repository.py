"""SQL about schemas and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from tieline.database import OrgTransaction
from tieline.entities.schemas import EntitySchema
from tieline.kit import json
from tieline.kit.ids import new_uuid

_COLUMNS = "id, slug, version, declared, document, created_at, updated_at"
_LATEST = f"SELECT DISTINCT ON (slug) {_COLUMNS}, true AS latest FROM entity_schemas"


async def latest_schema(tx: OrgTransaction, slug: str) -> EntitySchema | None:
    """The newest version of a schema, or None."""
    sql = f"{_LATEST} WHERE org_id = $1 AND slug = $2 ORDER BY slug, version DESC"
    row = await tx.fetchrow(sql, slug)
    return None if row is None else _schema(row)


async def latest_schemas(
    tx: OrgTransaction, include: Sequence[str] | None, exclude: Sequence[str]
) -> list[EntitySchema]:
    """The newest version of each schema; `include` None stands for all."""
    sql = (
        f"{_LATEST} WHERE org_id = $1 AND ($2::text[] IS NULL OR slug = ANY($2)) "
        "AND slug <> ALL($3::text[]) ORDER BY slug, version DESC"
    )
    return [_schema(row) for row in await tx.fetch(sql, include, list(exclude))]


async def schema_version(tx: OrgTransaction, slug: str, version_id: str) -> EntitySchema | None:
    """The version of a schema that has this id, or None."""
    sql = (
        f"SELECT {_COLUMNS}, version = (SELECT max(version) FROM entity_schemas "
        "WHERE org_id = $1 AND slug = $2) AS latest "
        "FROM entity_schemas WHERE org_id = $1 AND slug = $2 AND id = $3"
    )
    row = await tx.fetchrow(sql, slug, version_id)
    return None if row is None else _schema(row)


async def schema_versions(
    tx: OrgTransaction, slug: str, offset: int, limit: int
) -> list[EntitySchema]:
    """Versions of a schema, newest first."""
    sql = (
        f"SELECT {_COLUMNS}, version = max(version) OVER () AS latest FROM entity_schemas "
        "WHERE org_id = $1 AND slug = $2 ORDER BY version DESC OFFSET $3 LIMIT $4"
    )
    return [_schema(row) for row in await tx.fetch(sql, slug, offset, limit)]


async def add_version(
    tx: OrgTransaction, slug: str, document: Mapping[str, Any], now: datetime
) -> EntitySchema | None:
    """Store a declared schema as its next version; None when somebody else just did the same."""
    sql = f"""
        INSERT INTO entity_schemas
            (org_id, slug, version, id, declared, document, created_at, updated_at)
        SELECT $1, $2, COALESCE(max(version), 0) + 1, $3, true, $4::text::json,
            COALESCE(min(created_at), $5), $5
        FROM entity_schemas WHERE org_id = $1 AND slug = $2
        ON CONFLICT DO NOTHING RETURNING {_COLUMNS}, true AS latest
    """
    row = await tx.fetchrow(sql, slug, str(new_uuid()), json.dumps_str(document), now)
    return None if row is None else _schema(row)


async def delete_schema(tx: OrgTransaction, slug: str) -> int:
    """Remove all versions of a schema; how many there were."""
    sql = "DELETE FROM entity_schemas WHERE org_id = $1 AND slug = $2"
    return await tx.execute(sql, slug)


def _schema(row: asyncpg.Record) -> EntitySchema:
    return EntitySchema(
        id=row["id"],
        slug=row["slug"],
        version=row["version"],
        declared=row["declared"],
        document=json.loads(row["document"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        latest=row["latest"],
    )
