"""SQL about messages that are pulled: rows of the queue under leases of consumers.

Whoever calls these, but to look, holds the lock on the webhook's row in `webhook_states`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tieline.database import OrgTransaction
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.pulling.models import Leased, LeaseId, Message

_LEASED = ", ".join(Leased.__struct_fields__)

# What was found behind another is marked, so that nobody looks at it again before its turn. The
# first row of an entity is asked for in a form that only the index for it can answer, however the
# planner takes the size of a backlog.
_CANDIDATES = """
SELECT q.seq, q.due_at, coalesce(octet_length(d.body), 0) AS size,
    q.entity_id IS NOT NULL AND q.seq > (
        SELECT e.seq FROM delivery_queue e WHERE e.entity_id IS NOT NULL
            AND (e.org_id, e.webhook_id, e.entity_id, e.seq) >= ($1, $2, q.entity_id, 0)
        ORDER BY e.org_id, e.webhook_id, e.entity_id, e.seq LIMIT 1
    ) AS blocked
FROM delivery_queue q JOIN deliveries d
    ON d.org_id = q.org_id AND d.created_at = q.created_at AND d.id = q.delivery_id
WHERE q.org_id = $1 AND q.webhook_id = $2 AND NOT q.behind AND q.leased_until IS NULL
    AND q.due_at <= $3 AND ($4::timestamptz IS NULL OR (q.due_at, q.seq) > ($4, $5::bigint))
ORDER BY q.due_at, q.seq LIMIT $6
"""

_LEND = """
WITH lent AS (
    UPDATE delivery_queue q SET lease = gen_random_uuid(), leased_at = $4, leased_until = $5,
        attempt = attempt + 1
    WHERE q.org_id = $1 AND q.webhook_id = $2 AND q.seq = ANY($3::bigint[])
    RETURNING q.seq, q.due_at, q.delivery_id, q.created_at, q.attempt, q.lease
)
SELECT lent.lease, lent.attempt, d.id, d.message_id, d.event_id, d.event_name, d.entity_id,
    d.content_type, d.body, d.created_at
FROM lent JOIN deliveries d
    ON d.org_id = $1 AND d.created_at = lent.created_at AND d.id = lent.delivery_id
ORDER BY lent.due_at, lent.seq
"""


class Candidate(msgspec.Struct, frozen=True):
    """A row that is due and nobody has; `blocked` says that one of its entity comes first."""

    seq: int
    due_at: datetime
    size: int
    blocked: bool


async def candidates(
    tx: OrgTransaction, webhook_id: UUID, now: datetime, after: Candidate | None, count: int
) -> list[Candidate]:
    """The next rows that are due, in their order; `size` is that of the body in bytes."""
    place = (after.due_at, after.seq) if after else (None, None)
    rows = await tx.fetch(_CANDIDATES, webhook_id, now, *place, count)
    return [msgspec.convert(dict(row), Candidate) for row in rows]


async def mark_behind(tx: OrgTransaction, webhook_id: UUID, seqs: Sequence[int]) -> None:
    """Have rows wait until what is before them has left."""
    await tx.execute(
        "UPDATE delivery_queue SET behind = true "
        "WHERE org_id = $1 AND webhook_id = $2 AND seq = ANY($3::bigint[])",
        *(webhook_id, seqs),
    )


async def lend(
    tx: OrgTransaction, webhook_id: UUID, seqs: Sequence[int], now: datetime, until: datetime
) -> list[Message]:
    """Lease rows to a consumer, each for an attempt more; the messages in their order."""
    rows = await tx.fetch(_LEND, webhook_id, seqs, now, until)
    return [
        Message(
            id=LeaseId(row["id"], row["lease"]),
            message_id=row["message_id"],
            event_id=row["event_id"],
            event_name=row["event_name"],
            entity_id=row["entity_id"],
            content_type=row["content_type"],
            body=row["body"],
            attempt=row["attempt"],
            created_at=row["created_at"],
            lease_until=until,
        )
        for row in rows
    ]


async def hand_back(tx: OrgTransaction, webhook_id: UUID, leases: Sequence[UUID]) -> None:
    """Undo leases of messages that nobody has seen."""
    await tx.execute(
        "UPDATE delivery_queue SET lease = NULL, leased_at = NULL, leased_until = NULL, "
        "attempt = attempt - 1 WHERE org_id = $1 AND webhook_id = $2 AND lease = ANY($3::uuid[])",
        *(webhook_id, leases),
    )


async def expired(tx: OrgTransaction, webhook_id: UUID, now: datetime, count: int) -> list[Leased]:
    """Rows whose lease has run out."""
    rows = await tx.fetch(
        f"SELECT {_LEASED} FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
        f"AND leased_until <= $3 ORDER BY leased_until LIMIT {count:d}",
        *(webhook_id, now),
    )
    return [msgspec.convert(dict(row), Leased) for row in rows]


async def find_leased(
    tx: OrgTransaction, webhook_id: UUID, delivery_ids: Sequence[UUID]
) -> dict[UUID, Leased]:
    """The rows of deliveries that are in the queue, leased or not."""
    rows = await tx.fetch(
        f"SELECT {_LEASED} FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
        "AND delivery_id = ANY($3::uuid[])",
        *(webhook_id, delivery_ids),
    )
    return {row["delivery_id"]: msgspec.convert(dict(row), Leased) for row in rows}


async def states(
    tx: OrgTransaction, webhook_id: UUID, deliveries: Sequence[tuple[UUID, datetime]]
) -> dict[UUID, DeliveryState]:
    """How far deliveries are; those that are not there are left out."""
    rows = await tx.fetch(
        "SELECT id, state FROM deliveries WHERE org_id = $1 AND webhook_id = $2 "
        "AND id = ANY($3::uuid[]) AND created_at = ANY($4::timestamptz[])",
        webhook_id,
        [delivery_id for delivery_id, _ in deliveries],
        [moment for _, moment in deliveries],
    )
    return {row["id"]: DeliveryState(row["state"]) for row in rows}


async def extend(
    tx: OrgTransaction, webhook_id: UUID, seqs: Sequence[int], until: datetime
) -> None:
    """Let consumers keep rows for longer."""
    await tx.execute(
        "UPDATE delivery_queue SET leased_until = $4 "
        "WHERE org_id = $1 AND webhook_id = $2 AND seq = ANY($3::bigint[])",
        *(webhook_id, seqs, until),
    )


async def next_moment(tx: OrgTransaction, webhook_id: UUID) -> datetime | None:
    """When the next message comes up, or the next lease ends, if nothing else happens."""
    moment: datetime | None = await tx.fetchval(
        "SELECT least("
        "(SELECT due_at FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
        "AND NOT behind AND leased_until IS NULL ORDER BY due_at, seq LIMIT 1), "
        "(SELECT min(leased_until) FROM delivery_queue WHERE org_id = $1 AND webhook_id = $2 "
        "AND leased_until IS NOT NULL))",
        webhook_id,
    )
    return moment
