"""SQL about activities, what they are attached to, and the operations that they caused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction
from tieline.entities.activities import ActivityWithOperations, FeedFilter, RecordedOperation
from tieline.entities.models import Activity
from tieline.kit import json
from tieline.kit.ids import ulid_time

OPERATIONS_IN_FEED = 10

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)

_COLUMNS = "a.id, a.created_at, a.type, a.title, a.message, a.payload, a.caller, a.pending"
_OPERATION = (
    "o.entity_id, o.activity_id, o.operation, o.schema, o.payload, o.diff, o.workflow_origin"
)


async def add_activity(tx: OrgTransaction, activity: Activity) -> None:
    """Store an activity that has no operations yet."""
    await tx.execute(
        "INSERT INTO activities "
        "(org_id, id, created_at, type, title, message, payload, caller, pending) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, $8::text::json, $9)",
        activity.id,
        activity.created_at,
        activity.type,
        activity.title,
        activity.message,
        json.dumps_str(activity.payload or {}),
        json.dumps_str(activity.caller or {}),
        activity.pending,
    )


async def find_activity(tx: OrgTransaction, activity_id: str) -> Activity | None:
    """An activity by its ULID, or None."""
    # The moment in the id leads to the one partition that can hold the row.
    sql = (
        f"SELECT {_COLUMNS} FROM activities a "
        "WHERE a.org_id = $1 AND a.id = $2 AND a.created_at = $3"
    )
    row = await tx.fetchrow(sql, activity_id, ulid_time(activity_id))
    return None if row is None else _activity(row)


async def find_activities(tx: OrgTransaction, ids: Collection[str]) -> list[Activity]:
    """Those of the activities that there are, in no particular order."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM unnest($2::text[], $3::timestamptz[]) AS w (id, created_at) "
        "JOIN activities a ON a.org_id = $1 AND a.id = w.id AND a.created_at = w.created_at",
        list(ids),
        [ulid_time(each) for each in ids],
    )
    return [_activity(row) for row in rows]


async def activity_types(tx: OrgTransaction, ids: Collection[str]) -> dict[str, str]:
    """The types of activities by their ids; of those that are not stored there is none."""
    if not ids:
        return {}
    rows = await tx.fetch(
        "SELECT a.id, a.type FROM unnest($2::text[], $3::timestamptz[]) AS i (id, created_at) "
        "JOIN activities a ON a.org_id = $1 AND a.id = i.id AND a.created_at = i.created_at",
        list(ids),
        [ulid_time(activity_id) for activity_id in ids],
    )
    return {row["id"]: row["type"] for row in rows}


async def fill_activity(tx: OrgTransaction, activity_id: str) -> None:
    """End the pending state of an activity."""
    await tx.execute(
        "UPDATE activities SET pending = false "
        "WHERE org_id = $1 AND id = $2 AND created_at = $3 AND pending",
        activity_id,
        ulid_time(activity_id),
    )


async def attach(tx: OrgTransaction, activity_id: str, entity_ids: Collection[UUID]) -> None:
    """Show an activity in the feeds of these entities."""
    await tx.execute(
        "INSERT INTO activity_attachments (org_id, entity_id, created_at, activity_id) "
        "SELECT $1, entity_id, $3, $4 FROM unnest($2::uuid[]) AS t (entity_id) "
        "ON CONFLICT DO NOTHING",
        list(entity_ids),
        ulid_time(activity_id),
        activity_id,
    )


async def missing_entities(tx: OrgTransaction, ids: Sequence[UUID]) -> list[UUID]:
    """Those of the ids under which there is no entity."""
    sql = (
        "SELECT i.id FROM unnest($2::uuid[]) AS i (id) WHERE NOT EXISTS "
        "(SELECT FROM entities e WHERE e.org_id = $1 AND e.id = i.id)"
    )
    return [row["id"] for row in await tx.fetch(sql, list(ids))]


async def operations_of(
    tx: OrgTransaction, activity: Activity, offset: int, size: int
) -> tuple[list[RecordedOperation], int]:
    """A page of an activity's operations in their order, and how many there are."""
    total: int = await tx.fetchval(
        "SELECT count(*) FROM entity_operations "
        "WHERE org_id = $1 AND activity_id = $2 AND created_at = $3",
        activity.id,
        activity.created_at,
    )
    rows = await tx.fetch(
        f"SELECT {_OPERATION} FROM entity_operations o "
        "WHERE o.org_id = $1 AND o.activity_id = $2 AND o.created_at = $3 "
        "ORDER BY o.seq LIMIT $4 OFFSET $5",
        activity.id,
        activity.created_at,
        size,
        offset,
    )
    return [_operation(row, activity.type) for row in rows], total


_TOUCHED = """
WITH subject AS (
    SELECT $2::uuid AS id
    UNION SELECT target_id FROM entity_relations WHERE $3 AND org_id = $1 AND entity_id = $2
    UNION SELECT entity_id FROM entity_relations WHERE $3 AND org_id = $1 AND target_id = $2
), touched AS (
    SELECT o.created_at, o.activity_id FROM entity_operations o JOIN subject s ON o.entity_id = s.id
    WHERE o.org_id = $1 AND o.created_at >= $4 AND o.created_at < $5
    UNION
    SELECT t.created_at, t.activity_id FROM activity_attachments t
    JOIN subject s ON t.entity_id = s.id
    WHERE t.org_id = $1 AND t.created_at >= $4 AND t.created_at < $5
), feed AS (
    SELECT a.* FROM touched t JOIN activities a
        ON a.org_id = $1 AND a.id = t.activity_id AND a.created_at = t.created_at
    WHERE a.created_at >= $4 AND a.created_at < $5 AND NOT a.pending
        AND (cardinality($6::text[]) = 0 OR a.type = ANY($6)) AND a.type <> ALL($7::text[])
)
"""


async def feed(
    tx: OrgTransaction, entity_id: UUID, wanted: FeedFilter
) -> tuple[list[ActivityWithOperations], int]:
    """A page of the activities that concern an entity, newest first, and how many there are.

    Each comes with its first operations, those on the entity itself before others.
    """
    arguments = (
        entity_id,
        wanted.with_relations,
        wanted.since or _EARLIEST,
        wanted.until or _LATEST,
        list(wanted.types),
        list(wanted.excluded_types),
    )
    total: int = await tx.fetchval(f"{_TOUCHED} SELECT count(*) FROM feed", *arguments)
    rows = await tx.fetch(
        f"{_TOUCHED} SELECT {_COLUMNS} FROM feed a "
        "ORDER BY a.created_at DESC, a.id DESC LIMIT $8 OFFSET $9",
        *arguments,
        wanted.size,
        wanted.offset,
    )
    activities = [_activity(row) for row in rows]
    return await _with_operations(tx, entity_id, activities), total


async def _with_operations(
    tx: OrgTransaction, entity_id: UUID, activities: Sequence[Activity]
) -> list[ActivityWithOperations]:
    if not activities:
        return []
    rows = await tx.fetch(
        f"SELECT {_OPERATION}, o.total FROM "
        "unnest($2::text[], $3::timestamptz[]) AS a (id, created_at), LATERAL ("
        "SELECT o.*, count(*) OVER () AS total FROM entity_operations o "
        "WHERE o.org_id = $1 AND o.activity_id = a.id AND o.created_at = a.created_at "
        "ORDER BY o.entity_id <> $4, o.seq LIMIT $5) o",
        [activity.id for activity in activities],
        [activity.created_at for activity in activities],
        entity_id,
        OPERATIONS_IN_FEED,
    )
    found: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["activity_id"]].append(row)
    return [
        ActivityWithOperations(
            activity,
            [_operation(row, activity.type) for row in found[activity.id]],
            found[activity.id][0]["total"] if found[activity.id] else 0,
        )
        for activity in activities
    ]


def _activity(row: asyncpg.Record) -> Activity:
    return Activity(
        type=row["type"],
        title=row["title"],
        message=row["message"],
        payload=_json(row["payload"]),
        caller=_json(row["caller"]),
        pending=row["pending"],
        id=row["id"],
        stored=True,
    )


def _operation(row: asyncpg.Record, activity_type: str) -> RecordedOperation:
    return RecordedOperation(
        entity_id=row["entity_id"],
        activity_id=row["activity_id"],
        activity_type=activity_type,
        operation=row["operation"],
        schema=row["schema"],
        payload=_json(row["payload"]) or {},
        diff=_json(row["diff"]),
        workflow_origin=_json(row["workflow_origin"]),
    )


def _json(text: str | None) -> dict[str, object] | None:
    return None if text is None else json.loads(text)
