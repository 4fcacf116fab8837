"""SQL about dead letters: deliveries whose state is `failed`.

The conditions on the state are written out, not bound: they decide which index can serve.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.kit.ids import uuid_time
from tieline.outbound.dead_letters.models import (
    DeadDelivery,
    LetterCursor,
    LetterFilter,
    LetterGroup,
    LetterStatus,
)

_STATES = {
    LetterStatus.OPEN: "d.state = 'failed' AND d.discarded_at IS NULL",
    LetterStatus.DISCARDED: "d.state = 'failed' AND d.discarded_at IS NOT NULL",
}
_WEBHOOK_IS_THERE = (
    "EXISTS (SELECT FROM webhooks w WHERE w.org_id = $1 AND w.id = d.webhook_id "
    "AND NOT w.is_deleted)"
)
_SENDABLE = f"(d.body IS NOT NULL AND {_WEBHOOK_IS_THERE})"
_COMPUTED = {
    "failed_at": "coalesce(d.ended_at, d.updated_at)",
    "error_code": "coalesce(d.error_code, 'UNKNOWN_ERROR')",
    "reason": "coalesce(d.reason, '')",
    "sendable": _SENDABLE,
}
_COLUMNS = ", ".join(
    f"{_COMPUTED.get(name, f'd.{name}')} AS {name}" for name in DeadDelivery.__struct_fields__
)
_FAILED_AT = _COMPUTED["failed_at"]

# The id of a delivery grows with time: the greatest is that of the newest.
_GROUPS = """
WITH found AS (
    SELECT d.webhook_id, {error_code} AS error_code, count(*) AS count,
        min({failed_at}) AS first_failed_at, max({failed_at}) AS last_failed_at,
        max(d.id::text)::uuid AS example_id, max(d.created_at) AS created_at
    FROM deliveries d WHERE {conditions}
    GROUP BY 1, 2 ORDER BY count(*) DESC, max(d.id::text) DESC LIMIT {count:d}
)
SELECT found.webhook_id, found.error_code, found.count, first_failed_at, last_failed_at,
    example_id, coalesce(e.reason, '') AS example_reason
FROM found JOIN deliveries e ON e.org_id = $1 AND e.created_at = found.created_at
    AND e.id = found.example_id
ORDER BY found.count DESC, found.example_id DESC
"""


async def newest_letters(
    tx: OrgTransaction,
    wanted: LetterFilter,
    webhook_ids: Collection[UUID] | None,
    status: LetterStatus,
    *,
    cursor: LetterCursor | None,
    count: int,
) -> list[DeadDelivery]:
    """Up to `count` letters of these webhooks, None for all, newest delivery first."""
    where = letters_where(wanted, webhook_ids, status)
    if cursor is not None:
        where.add("(d.created_at, d.id) < ({}, {})", cursor.created_at, cursor.id)
        # Says nothing new, but leaves out whole partitions.
        where.add("d.created_at <= {}", cursor.created_at)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM deliveries d WHERE {where} "
        f"ORDER BY d.created_at DESC, d.id DESC LIMIT {count:d}",
        *where.values,
    )
    return [msgspec.convert(dict(row), DeadDelivery) for row in rows]


async def largest_groups(
    tx: OrgTransaction,
    wanted: LetterFilter,
    webhook_ids: Collection[UUID] | None,
    status: LetterStatus,
    *,
    count: int,
) -> list[LetterGroup]:
    """Up to `count` groups of letters of one webhook with one error, largest first."""
    where = letters_where(wanted, webhook_ids, status)
    statement = _GROUPS.format(
        conditions=where, count=count, failed_at=_FAILED_AT, error_code=_COMPUTED["error_code"]
    )
    rows = await tx.fetch(statement, *where.values)
    return [msgspec.convert(dict(row), LetterGroup) for row in rows]


async def discard_open(
    tx: OrgTransaction,
    wanted: LetterFilter,
    webhook_ids: Collection[UUID] | None,
    *,
    note: str,
    by: str,
    now: datetime,
) -> int:
    """Close open letters with a note; how many there were."""
    where = letters_where(wanted, webhook_ids, LetterStatus.OPEN)
    reason, who, moment = [where.bind(value) for value in (note, by, now)]
    # Locked in the order in which a redrive locks them, so that nobody waits in a circle.
    return await tx.execute(
        f"WITH f AS (SELECT d.created_at, d.id FROM deliveries d WHERE {where} "
        "ORDER BY d.created_at, d.id FOR UPDATE) "
        f"UPDATE deliveries d SET note = {reason}, discarded_by = {who}, discarded_at = {moment} "
        "FROM f WHERE d.org_id = $1 AND d.created_at = f.created_at AND d.id = f.id",
        *where.values,
    )


async def webhooks_of_application(tx: OrgTransaction, app_id: str) -> list[UUID]:
    """The webhooks that an application may see, deleted ones included."""
    rows = await tx.fetch("SELECT id FROM webhooks WHERE org_id = $1 AND app_id = $2", app_id)
    return [row["id"] for row in rows]


def letters_where(
    wanted: LetterFilter, webhook_ids: Collection[UUID] | None, status: LetterStatus
) -> Conditions:
    """The WHERE clause of a filter over `deliveries d`."""
    where = Conditions("d.org_id = $1")
    where.add(_STATES[status])
    where.add_given(
        [
            ("d.webhook_id = {}", wanted.webhook_id),
            ("d.event_name = {}", wanted.event_name),
            (f"{_COMPUTED['error_code']} = {{}}", wanted.error_code),
            ("d.entity_id = {}", wanted.entity_id),
            (f"{_FAILED_AT} >= {{}}", wanted.from_date),
            (f"{_FAILED_AT} <= {{}}", wanted.to_date),
            # Nothing fails before it is made.
            ("d.created_at <= {}", wanted.to_date),
        ]
    )
    if webhook_ids is not None:
        where.add("d.webhook_id = ANY({}::uuid[])", list(webhook_ids))
    if wanted.delivery_ids is not None:
        where.add("d.id = ANY({}::uuid[])", list(wanted.delivery_ids))
        moments = {moment for i in wanted.delivery_ids if (moment := uuid_time(i)) is not None}
        where.add("d.created_at = ANY({}::timestamptz[])", list(moments))
    return where
