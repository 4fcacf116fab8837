"""SQL that reads meter readings: over an interval, beside others, and the latest of counters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.entities.readings.models import Reading
from tieline.entities.readings.repository import COLUMNS, NO_COUNTER, reading_of
from tieline.kit.time import to_wire


@dataclass(frozen=True, slots=True)
class IntervalQuery:
    """Which readings of a counter are wanted: those from `first` up to, but not at, `end`.

    `relative` asks for what was consumed since the reading before, in place of the value; the very
    first reading has none before it and is left out.
    """

    meter_id: UUID
    counter_id: UUID | None
    first: datetime
    end: datetime
    direction: str | None = None
    relative: bool = False
    descending: bool = False
    offset: int = 0
    size: int = 20


@dataclass(frozen=True, slots=True)
class ReadingPage:
    """A page of readings, how many there are in all, and the counter's first one of all times."""

    readings: Sequence[Reading]
    hits: int
    earliest: str | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The values before and after a reading, of the same counter and direction."""

    previous: Decimal | None
    following: Decimal | None


@dataclass(frozen=True, slots=True)
class Latest:
    """The last reading of a counter, and what was consumed since the one before it."""

    timestamp: str
    consumption: Decimal | None


_SAME = (
    "{one}.org_id = $1 AND {one}.meter_id = {other}.meter_id "
    "AND {one}.counter_id = {other}.counter_id AND {one}.direction = {other}.direction"
)
_INTERVAL = (
    "meter_readings r {join} WHERE r.org_id = $1 AND r.meter_id = $2 AND r.counter_id = $3 "
    "AND r.read_at >= $4 AND r.read_at < $5 AND ($6::text IS NULL OR r.direction = $6)"
)
_PREVIOUS = (
    "JOIN LATERAL (SELECT p.value FROM meter_readings p WHERE "
    + _SAME.format(one="p", other="r")
    + " AND p.read_at < r.read_at ORDER BY p.read_at DESC LIMIT 1) b ON true"
)
_NEIGHBOURS = f"""
SELECT previous.value AS previous, following.value AS following
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[]) WITH ORDINALITY
    AS k (meter_id, counter_id, read_at, direction, no)
LEFT JOIN LATERAL (
    SELECT m.value FROM meter_readings m WHERE {_SAME.format(one="m", other="k")}
    AND m.read_at < k.read_at ORDER BY m.read_at DESC LIMIT 1) previous ON true
LEFT JOIN LATERAL (
    SELECT m.value FROM meter_readings m WHERE {_SAME.format(one="m", other="k")}
    AND m.read_at > k.read_at ORDER BY m.read_at LIMIT 1) following ON true
ORDER BY k.no
"""
_LATEST = f"""
SELECT r.counter_id, r.written_as, r.read_at, r.value - b.value AS consumption
FROM unnest($3::uuid[]) AS k (counter_id)
CROSS JOIN LATERAL (
    SELECT * FROM meter_readings m WHERE m.org_id = $1 AND m.meter_id = $2
    AND m.counter_id = k.counter_id ORDER BY m.read_at DESC, m.direction LIMIT 1) r
LEFT {_PREVIOUS}
"""


async def page_of(tx: OrgTransaction, query: IntervalQuery) -> ReadingPage:
    """The readings of an interval in the order of time."""
    counter_id = query.counter_id or NO_COUNTER
    where = (query.meter_id, counter_id, query.first, query.end, query.direction)
    source = _INTERVAL.format(join=_PREVIOUS if query.relative else "")
    columns = (
        COLUMNS.replace("r.value", "r.value - b.value AS value") if query.relative else COLUMNS
    )
    order = "DESC" if query.descending else "ASC"
    rows = await tx.fetch(
        f"SELECT {columns} FROM {source} ORDER BY r.read_at {order}, r.direction {order} "
        "LIMIT $7::bigint OFFSET $8::bigint",
        *where,
        query.size,
        query.offset,
    )
    hits = await tx.fetchval(f"SELECT count(*) FROM {source}", *where)
    earliest = await tx.fetchrow(
        "SELECT written_as, read_at FROM meter_readings WHERE org_id = $1 AND meter_id = $2 "
        "AND counter_id = $3 ORDER BY read_at, direction LIMIT 1",
        query.meter_id,
        counter_id,
    )
    timestamp = earliest and (earliest["written_as"] or to_wire(earliest["read_at"]))
    return ReadingPage([reading_of(row) for row in rows], hits, timestamp)


async def neighbours(
    tx: OrgTransaction, places: Sequence[tuple[UUID, UUID | None, datetime, str | None]]
) -> list[Neighbours]:
    """The values before and after each natural key, in the same order."""
    rows = await tx.fetch(
        _NEIGHBOURS,
        [meter_id for meter_id, _, _, _ in places],
        [counter_id or NO_COUNTER for _, counter_id, _, _ in places],
        [read_at for _, _, read_at, _ in places],
        [direction or "" for _, _, _, direction in places],
    )
    return [Neighbours(row["previous"], row["following"]) for row in rows]


async def latest_of(
    tx: OrgTransaction, meter_id: UUID, counters: Collection[UUID]
) -> dict[UUID, Latest]:
    """The latest reading of each counter of a meter that has one."""
    rows = await tx.fetch(_LATEST, meter_id, list(counters))
    return {
        row["counter_id"]: Latest(row["written_as"] or to_wire(row["read_at"]), row["consumption"])
        for row in rows
    }
