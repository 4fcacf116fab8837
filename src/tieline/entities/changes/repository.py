"""SQL about changes that wait to be handed over, and the operations that they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.entities.changes.models import Change, ChangeKind, EntityChange
from tieline.entities.models import Diff
from tieline.kit import json


async def try_lock(tx: OrgTransaction) -> bool:
    """Whether nobody else hands over changes of the organisation until the transaction ends."""
    locked: bool = await tx.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('changes ' || $1, 0))"
    )
    return locked


async def waiting_changes(tx: OrgTransaction, count: int) -> list[Change]:
    """The next changes in their order; those with a fault are left where they are."""
    rows = await tx.fetch(
        "SELECT seq, kind, schema, subject_id, version, activity_id, created_at, reading "
        "FROM domain_changes WHERE org_id = $1 AND fault IS NULL ORDER BY seq LIMIT $2",
        count,
    )
    return [_change(row) for row in rows]


async def anything_waits(tx: OrgTransaction) -> bool:
    """Whether a change of the organisation waits."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM domain_changes WHERE org_id = $1 AND fault IS NULL)"
    )
    return found


async def finish(tx: OrgTransaction, changes: Sequence[Change]) -> None:
    """Take changes off the list."""
    await tx.execute(
        "DELETE FROM domain_changes WHERE org_id = $1 AND seq = ANY($2)",
        [change.seq for change in changes],
    )


async def set_aside(tx: OrgTransaction, change: Change, fault: str) -> None:
    """Leave a change that cannot be handed over for somebody to look at."""
    await tx.execute(
        "UPDATE domain_changes SET fault = $3 WHERE org_id = $1 AND seq = $2", change.seq, fault
    )


async def forget_faults(tx: Transaction) -> int:
    """Put the changes that were set aside back on the list; how many there were."""
    return await tx.execute("UPDATE domain_changes SET fault = NULL WHERE fault IS NOT NULL")


async def changes_set_aside(tx: Transaction) -> int:
    """How many changes of all organisations wait for somebody to look at them."""
    count: int = await tx.fetchval("SELECT count(*) FROM domain_changes WHERE fault IS NOT NULL")
    return count


async def organisations_with_changes(tx: Transaction, before: datetime) -> list[str]:
    """The organisations in which a change from before that moment still waits."""
    rows = await tx.fetch(
        "SELECT o.org_id FROM (SELECT DISTINCT org_id FROM change_listeners) o WHERE EXISTS "
        "(SELECT FROM domain_changes c WHERE c.org_id = o.org_id AND c.fault IS NULL "
        "AND c.created_at < $1)",
        before,
    )
    return [row["org_id"] for row in rows]


_OPERATIONS = """
    FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[])
        WITH ORDINALITY AS c (entity_id, created_at, activity_id, version, no)
    CROSS JOIN LATERAL (SELECT * FROM entity_operations o WHERE o.org_id = $1
        AND o.entity_id = c.entity_id AND o.created_at = c.created_at
        AND o.activity_id = c.activity_id AND o.version = c.version LIMIT 1) o
    ORDER BY c.no
"""


async def operation_sizes(tx: OrgTransaction, changes: Sequence[Change]) -> list[int]:
    """How many bytes the operation of each change has; 0 for one whose history is gone."""
    sizes = [0] * len(changes)
    rows = await tx.fetch(
        "SELECT c.no, octet_length(o.payload::text) + coalesce(octet_length(o.diff::text), 0) "
        f"AS size {_OPERATIONS}",
        *_places(changes),
    )
    for row in rows:
        sizes[row["no"] - 1] = row["size"]
    return sizes


async def operations_of(tx: OrgTransaction, changes: Sequence[Change]) -> list[EntityChange]:
    """The operations that changes of entities were, in the order of the changes.

    One whose history is gone, because the entity was purged since, is left out.
    """
    if not changes:
        return []
    rows = await tx.fetch(f"SELECT c.no, o.payload, o.diff {_OPERATIONS}", *_places(changes))
    return [_operation(changes[row["no"] - 1], row) for row in rows]


def _places(changes: Sequence[Change]) -> tuple[list[Any], ...]:
    return (
        [change.subject_id for change in changes],
        [change.created_at for change in changes],
        [change.activity_id for change in changes],
        [change.version for change in changes],
    )


def _change(row: asyncpg.Record) -> Change:
    subject_id: UUID = row["subject_id"]
    return Change(
        seq=row["seq"],
        kind=ChangeKind(row["kind"]),
        schema=row["schema"],
        subject_id=subject_id,
        version=row["version"],
        activity_id=row["activity_id"],
        created_at=row["created_at"],
        reading=json.loads(row["reading"]) if row["reading"] else None,
    )


def _operation(change: Change, row: asyncpg.Record) -> EntityChange:
    diff = json.loads(row["diff"]) if row["diff"] else None
    return EntityChange(
        change,
        json.loads(row["payload"]),
        None if diff is None else Diff(diff["added"], diff["updated"], diff["deleted"]),
        len(row["payload"]) + len(row["diff"] or ""),
    )
