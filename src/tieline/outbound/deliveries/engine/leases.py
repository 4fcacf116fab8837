"""SQL that finds what is due, leases it, and finds leases that ran out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from tieline.database import Transaction
from tieline.outbound.deliveries.engine.models import (
    AttemptNumber,
    Claim,
    Found,
    Key,
    Lease,
    Leased,
    Standing,
)

# Deliveries of an ordered webhook that are looked at beyond those that are wanted: they may have to
# wait for others of their entity. Each is seen waiting once, then not looked at until it is free.
_LOOKED_AT = 100

_SWEEP = """
SELECT s.org_id, s.webhook_id, least(due.at, lost.at) AS due_at
FROM webhook_states s
LEFT JOIN webhooks w ON w.org_id = s.org_id AND w.id = s.webhook_id AND NOT w.is_deleted
LEFT JOIN LATERAL (
    SELECT CASE WHEN s.circuit <> 'closed' THEN greatest(q.due_at, s.circuit_until)
        ELSE q.due_at END AS at
    FROM delivery_queue q
    WHERE q.org_id = s.org_id AND q.webhook_id = s.webhook_id
        AND q.leased_until IS NULL AND NOT q.behind AND q.due_at <= $1
    ORDER BY q.due_at LIMIT 1
) due ON w.enabled AND w.paused_at IS NULL OR w.id IS NULL
LEFT JOIN LATERAL (
    SELECT l.leased_until AS at FROM delivery_queue l
    WHERE l.org_id = s.org_id AND l.webhook_id = s.webhook_id AND l.leased_until <= $1
    ORDER BY l.leased_until LIMIT 1
) lost ON true
WHERE (w.id IS NULL OR w.transport = 'push') AND least(due.at, lost.at) <= $1
"""
# The first row of an entity is asked for in a form that only the index for it can answer: with
# plain equalities the planner may read a whole backlog instead, as long as it knows of none.
_CLAIM = """
WITH room AS MATERIALIZED (
    SELECT w.*, least(w.most, w.concurrency - (
        SELECT count(*) FROM delivery_queue l WHERE l.org_id = w.org_id
        AND l.webhook_id = w.webhook_id AND l.leased_until IS NOT NULL)) AS free
    FROM unnest($1::text[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::timestamptz[])
        AS w (org_id, webhook_id, most, concurrency, beyond, until)
), seen AS MATERIALIZED (
    SELECT r.org_id, r.webhook_id, r.free, r.until, q.seq, q.due_at,
        q.entity_id IS NOT NULL AND q.seq > (
            SELECT e.seq FROM delivery_queue e
            WHERE e.entity_id IS NOT NULL AND (e.org_id, e.webhook_id, e.entity_id, e.seq)
                >= (q.org_id, q.webhook_id, q.entity_id, 0)
            ORDER BY e.org_id, e.webhook_id, e.entity_id, e.seq LIMIT 1
        ) AS behind
    FROM room r CROSS JOIN LATERAL (
        SELECT * FROM delivery_queue d
        WHERE d.org_id = r.org_id AND d.webhook_id = r.webhook_id
            AND d.leased_until IS NULL AND NOT d.behind AND d.due_at <= $7
        ORDER BY d.due_at, d.seq
        LIMIT CASE WHEN r.free > 0 THEN r.free + r.beyond ELSE 0 END
    ) q
), chosen AS (
    SELECT *, NOT behind AND count(*) FILTER (WHERE NOT behind) OVER (
        PARTITION BY org_id, webhook_id ORDER BY due_at, seq) <= free AS taken
    FROM seen
), leased AS (
    UPDATE delivery_queue q SET behind = c.behind, attempt = q.attempt + c.taken::int,
        lease = CASE WHEN c.taken THEN $8::uuid END,
        leased_at = CASE WHEN c.taken THEN $7 END,
        leased_until = CASE WHEN c.taken THEN c.until END
    FROM chosen c
    WHERE (c.taken OR c.behind)
        AND q.org_id = c.org_id AND q.webhook_id = c.webhook_id AND q.seq = c.seq
    RETURNING q.*, c.taken
)
SELECT l.org_id, l.webhook_id, l.seq, l.delivery_id, l.created_at, l.round, l.attempt, l.due_at,
    l.taken, d.message_id, d.event_name, d.content_type, d.body, d.ack_id
FROM leased l
LEFT JOIN deliveries d
    ON l.taken AND d.org_id = l.org_id AND d.created_at = l.created_at AND d.id = l.delivery_id
ORDER BY l.due_at, l.seq
"""
_ONE = """
WITH leased AS (
    UPDATE delivery_queue q SET behind = false, attempt = q.attempt + 1, lease = $4,
        leased_at = $5, leased_until = $6
    WHERE q.org_id = $1 AND q.webhook_id = $2 AND q.delivery_id = $3 AND q.leased_until IS NULL
    RETURNING q.*
)
SELECT l.org_id, l.webhook_id, l.seq, l.delivery_id, l.created_at, l.round, l.attempt,
    d.message_id, d.event_name, d.content_type, d.body, d.ack_id
FROM leased l
JOIN deliveries d
    ON d.org_id = l.org_id AND d.created_at = l.created_at AND d.id = l.delivery_id
"""
# Those of consumers who pull are none of the engine's business.
_EXPIRED = """
SELECT q.* FROM unnest($1::text[], $2::uuid[]) AS k (org_id, webhook_id)
JOIN delivery_queue q ON q.org_id = k.org_id AND q.webhook_id = k.webhook_id
WHERE q.leased_until <= $3 AND NOT EXISTS (SELECT FROM webhooks w WHERE w.org_id = k.org_id
    AND w.id = k.webhook_id AND w.transport = 'pull')
"""


class Claimed(NamedTuple):
    """What was leased, and for whom there may be more that can be leased at once."""

    leased: list[Leased]
    behind: set[Key]


async def sweep(tx: Transaction, until: datetime) -> list[Found]:
    """The webhooks for which there is something to do up to that moment, whoever knows of it."""
    rows = await tx.fetch(_SWEEP, until)
    return [Found(Key(row["org_id"], row["webhook_id"]), row["due_at"]) for row in rows]


async def claim(tx: Transaction, claims: Sequence[Claim], now: datetime, holder: UUID) -> Claimed:
    """Lease the oldest of what is due, for webhooks that are locked, within their concurrency."""
    if not claims:
        return Claimed([], set())
    standings = {each.standing.key: each.standing for each in claims}
    rows = await tx.fetch(
        _CLAIM,
        [key.org_id for key in standings],
        [key.webhook_id for key in standings],
        [each.most for each in claims],
        [each.standing.max_concurrency for each in claims],
        [_LOOKED_AT if each.standing.ordered else 0 for each in claims],
        [each.until for each in claims],
        *(now, holder),
    )
    leased, behind = [], set()
    for row in rows:
        if row["taken"]:
            leased.append(_leased(row, standings, now, holder))
        else:
            behind.add(Key(row["org_id"], row["webhook_id"]))
    return Claimed(leased, behind)


async def claim_one(
    tx: Transaction,
    standing: Standing,
    delivery_id: UUID,
    now: datetime,
    until: datetime,
    holder: UUID,
) -> Leased | None:
    """Lease one delivery, due or not, unless it is under way or at its end."""
    row = await tx.fetchrow(_ONE, *standing.key, delivery_id, holder, now, until)
    return _leased(row, {standing.key: standing}, now, holder) if row else None


async def expired(tx: Transaction, keys: Collection[Key], now: datetime) -> list[Lease]:
    """The leases of webhooks that are locked which ran out: who had them will not tell any more."""
    rows = await tx.fetch(
        _EXPIRED, [key.org_id for key in keys], [key.webhook_id for key in keys], now
    )
    return [
        Lease(
            key=Key(row["org_id"], row["webhook_id"]),
            seq=row["seq"],
            delivery_id=row["delivery_id"],
            created_at=row["created_at"],
            round=row["round"],
            attempt=row["attempt"],
            holder=row["lease"],
            leased_at=row["leased_at"],
        )
        for row in rows
    ]


async def give_back(tx: Transaction, holder: UUID, known: Collection[AttemptNumber]) -> int:
    """Free what is leased to a holder besides the attempts that it knows of; how many.

    These are of a transaction whose fate it never learned: nothing was sent. Their webhooks need
    no lock, since nobody but the holder changes a row with a living lease.
    """
    return await tx.execute(
        "UPDATE delivery_queue SET lease = NULL, leased_at = NULL, leased_until = NULL, "
        "attempt = attempt - 1 WHERE leased_until IS NOT NULL AND lease = $1 "
        "AND (delivery_id, round, attempt) NOT IN "
        "(SELECT * FROM unnest($2::uuid[], $3::int[], $4::int[]))",
        holder,
        [each.delivery_id for each in known],
        [each.round for each in known],
        [each.attempt for each in known],
    )


def _leased(
    row: asyncpg.Record, standings: Mapping[Key, Standing], now: datetime, holder: UUID
) -> Leased:
    key = Key(row["org_id"], row["webhook_id"])
    return Leased(
        key=key,
        seq=row["seq"],
        delivery_id=row["delivery_id"],
        created_at=row["created_at"],
        round=row["round"],
        attempt=row["attempt"],
        holder=holder,
        leased_at=now,
        ack_id=row["ack_id"],
        message_id=row["message_id"],
        event_name=row["event_name"],
        content_type=row["content_type"],
        body=row["body"],
        policy=standings[key].policy,
    )
