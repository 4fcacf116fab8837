"""SQL about accepted events: writing them, claiming those that wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from tieline.database import OrgTransaction, Transaction
from tieline.database.pipeline import Statement
from tieline.inbound.lanes import lane_of
from tieline.inbound.models import AcceptedEvent, PendingEvent
from tieline.mapping.models import PayloadFormat

# Accepting serves several organisations in one transaction, so each row names its own.
_CLAIM_DEDUPLICATION_IDS = """
INSERT INTO inbound_deduplications AS d
    (org_id, integration_id, deduplication_id, event_id, accepted_at)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
    AS n (org_id, integration_id, deduplication_id, event_id, accepted_at)
ORDER BY 1, 2, 3
ON CONFLICT (org_id, integration_id, deduplication_id)
DO UPDATE SET event_id = excluded.event_id, accepted_at = excluded.accepted_at
    WHERE d.accepted_at <= $6
RETURNING event_id
"""

_EVENT_COLUMNS = (
    "org_id",
    "integration_id",
    "seq",
    "event_id",
    "accepted_at",
    "event_name",
    "use_case_slug",
    "event_time",
    "format",
    "payload",
    "correlation_id",
    "deduplication_id",
    "event_type",
    "use_case_id",
    "use_case_version",
    "replay_of",
    "group_id",
)
_PENDING_COLUMNS = ("org_id", "integration_id", "seq", "event_id", "accepted_at", "lane")

MOST_BYTES = 16 << 20  # of payloads at once, give or take one: they are in memory several times

# A loose index scan: one probe per lane that has waiting events, however many they are.
_FIND_WAITING = """
WITH RECURSIVE waiting AS (
    (SELECT org_id, integration_id, lane, accepted_at FROM inbound_pending
     ORDER BY org_id, integration_id, lane, seq LIMIT 1)
    UNION ALL
    SELECT n.* FROM waiting w CROSS JOIN LATERAL (
        SELECT p.org_id, p.integration_id, p.lane, p.accepted_at FROM inbound_pending p
        WHERE (p.org_id, p.integration_id, p.lane) > (w.org_id, w.integration_id, w.lane)
        ORDER BY p.org_id, p.integration_id, p.lane, p.seq LIMIT 1) AS n
)
SELECT org_id, integration_id, lane, accepted_at FROM waiting WHERE accepted_at < $1
"""


async def claim_deduplication_ids(
    tx: Transaction, events: Sequence[AcceptedEvent], oldest: datetime
) -> set[str]:
    """Remember the events' deduplication ids; the ids of the events whose id was free.

    An id last used before `oldest` is free again. Each id may occur once in `events`.
    """
    rows = await tx.fetch(
        _CLAIM_DEDUPLICATION_IDS,
        [event.org_id for event in events],
        [event.integration_id for event in events],
        [event.deduplication_id for event in events],
        [event.event_id for event in events],
        [event.accepted_at for event in events],
        oldest,
    )
    return {row["event_id"] for row in rows}


async def insert_events(tx: Transaction, events: Sequence[AcceptedEvent]) -> None:
    """Store events in this order; those that have a use case wait to be applied."""
    numbers = await tx.fetch(
        "SELECT nextval('inbound_seq') AS seq FROM generate_series(1, $1)", len(events)
    )
    rows = [
        (
            event.org_id,
            event.integration_id,
            row["seq"],
            event.event_id,
            event.accepted_at,
            event.name,
            event.slug,
            event.time,
            event.format,
            event.payload,
            event.correlation_id,
            event.deduplication_id,
            event.event_type,
            event.use_case_id,
            event.use_case_version,
            event.replay_of,
            event.group_id,
        )
        for event, row in zip(events, numbers, strict=True)
    ]
    await tx.copy("inbound_events", _EVENT_COLUMNS, rows)
    waiting = [
        (*row[:5], lane_of(event.group_id))
        for event, row in zip(events, rows, strict=True)
        if event.use_case_id is not None
    ]
    await tx.copy("inbound_pending", _PENDING_COLUMNS, waiting)


async def try_lock_lane(tx: OrgTransaction, integration_id: UUID, lane: int) -> bool:
    """Become the one who applies this lane's events, until the transaction ends."""
    locked: bool = await tx.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || $2, $3))",
        str(integration_id),
        lane,
    )
    return locked


async def waiting_events(
    tx: OrgTransaction, integration_id: UUID, lane: int, limit: int, *, after: int = 0
) -> list[PendingEvent]:
    """The next waiting events of a lane, in the order in which they were accepted.

    Fewer than `limit`, but at least one, when their payloads are large.
    """
    claimed = await tx.fetch(
        "SELECT seq, event_id, accepted_at FROM inbound_pending "
        "WHERE org_id = $1 AND integration_id = $2 AND lane = $3 AND seq > $5 "
        "ORDER BY seq LIMIT $4",
        integration_id,
        lane,
        limit,
        after,
    )
    if not claimed:
        return []
    moments = [row["accepted_at"] for row in claimed]
    rows = await tx.fetch(
        "SELECT event_id, event_name, event_type, format, payload, correlation_id, use_case_id, "
        "use_case_version FROM (SELECT *, sum(octet_length(payload)) OVER (ORDER BY seq) - "
        "octet_length(payload) AS before FROM inbound_events WHERE org_id = $1 "
        "AND event_id = ANY($2) AND accepted_at BETWEEN $3 AND $4) e WHERE before < $5",
        [row["event_id"] for row in claimed],
        min(moments),
        max(moments),
        MOST_BYTES,
    )
    stored = {row["event_id"]: row for row in rows}
    return [
        PendingEvent(
            seq=row["seq"],
            event_id=row["event_id"],
            accepted_at=row["accepted_at"],
            name=event["event_name"],
            event_type=event["event_type"],
            format=PayloadFormat(event["format"]),
            payload=event["payload"],
            correlation_id=event["correlation_id"],
            use_case_id=event["use_case_id"],
            use_case_version=event["use_case_version"],
        )
        for row in claimed
        if (event := stored.get(row["event_id"])) is not None
    ]


async def anything_waits(tx: OrgTransaction, integration_id: UUID, lane: int) -> bool:
    """Whether the lane has waiting events."""
    waits: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM inbound_pending "
        "WHERE org_id = $1 AND integration_id = $2 AND lane = $3)",
        integration_id,
        lane,
    )
    return waits


async def forget_without_event(tx: OrgTransaction, integration_id: UUID, lane: int) -> list[str]:
    """Take entries off the work list whose event does not exist; their event ids.

    That cannot happen by anything Tieline does, but a restored or edited database may have some,
    and they would be looked for without end.
    """
    rows = await tx.fetch(
        "DELETE FROM inbound_pending p WHERE p.org_id = $1 AND p.integration_id = $2 "
        "AND p.lane = $3 AND NOT EXISTS (SELECT FROM inbound_events e WHERE e.org_id = p.org_id "
        "AND e.event_id = p.event_id AND e.accepted_at = p.accepted_at) RETURNING p.event_id",
        integration_id,
        lane,
    )
    return [row["event_id"] for row in rows]


def finish(integration_id: UUID, lane: int, seqs: Sequence[int]) -> Statement:
    """Takes events off the work list; all of them must still be on it.

    If one is not, the lock was lost and somebody else applied it: nothing of this may commit.
    """
    return Statement(
        "DELETE FROM inbound_pending WHERE org_id = $1 AND integration_id = $2 AND lane = $3 "
        "AND seq = ANY($4)",
        [integration_id, lane, seqs],
        expected=len(seqs),
    )


async def lanes_with_waiting_events(
    tx: Transaction, accepted_before: datetime
) -> list[tuple[str, UUID, int]]:
    """Organisation, integration and lane whose oldest waiting event is older than that."""
    rows = await tx.fetch(_FIND_WAITING, accepted_before)
    return [(row["org_id"], row["integration_id"], row["lane"]) for row in rows]


async def oldest_waiting_event(tx: Transaction) -> datetime | None:
    """When the event that has waited longest was accepted; None when nothing waits."""
    rows = await tx.fetch(_FIND_WAITING, datetime.max.replace(tzinfo=UTC))
    return min((row["accepted_at"] for row in rows), default=None)


async def delete_old_deduplication_ids(tx: Transaction, before: datetime) -> int:
    """Forget deduplication ids whose window is over."""
    return await tx.execute("DELETE FROM inbound_deduplications WHERE accepted_at < $1", before)
