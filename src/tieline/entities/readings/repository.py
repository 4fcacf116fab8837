"""SQL that fills a ledger and writes its changes back. Everything is set-based."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction
from tieline.database.pipeline import Pipeline, Statement
from tieline.entities.changes import outbox
from tieline.entities.changes.listening import anybody_listens
from tieline.entities.readings.days import bounds
from tieline.entities.readings.errors import TooManyReadings
from tieline.entities.readings.ledger import ReadingLedger
from tieline.entities.readings.models import Reading, ReadingChanges, ReadingLookup
from tieline.kit import json
from tieline.kit.time import to_wire

NO_COUNTER = UUID(int=0)
MAX_SCOPE = 100_000  # readings that are taken into memory to be pruned
COLUMNS = (
    "r.meter_id, r.counter_id, r.direction, r.read_at, r.written_as, r.value, r.source, "
    "r.external_id, r.details, r.created_at, r.updated_at, r.version"
)

# `OFFSET 0` and `LIMIT` keep the planner from turning the look-ups into one scan of everything.
_BY_EXTERNAL_ID = f"""
SELECT {COLUMNS} FROM unnest($2::uuid[], $3::text[]) AS k (meter_id, external_id)
CROSS JOIN LATERAL (
    SELECT * FROM meter_readings m WHERE m.org_id = $1 AND m.meter_id = k.meter_id
    AND m.external_id = k.external_id LIMIT 100) r
"""
_BY_TIME = f"""
SELECT {COLUMNS}
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
    AS k (meter_id, counter_id, first, last)
CROSS JOIN LATERAL (
    SELECT * FROM meter_readings m WHERE m.org_id = $1 AND m.meter_id = k.meter_id
    AND m.counter_id = k.counter_id AND m.read_at >= k.first AND m.read_at <= k.last OFFSET 0) r
"""
_WHOLE = f"""
SELECT {COLUMNS} FROM unnest($2::uuid[], $3::uuid[]) AS k (meter_id, counter_id)
CROSS JOIN LATERAL (
    SELECT * FROM meter_readings m WHERE m.org_id = $1 AND m.meter_id = k.meter_id
    AND (k.counter_id IS NULL OR m.counter_id = k.counter_id) OFFSET 0) r
LIMIT {MAX_SCOPE + 1}
"""
_INSERT = """
    INSERT INTO meter_readings (org_id, meter_id, counter_id, read_at, direction, value, source,
        external_id, written_as, details, version, created_at, updated_at)
    SELECT $1, n.meter_id, n.counter_id, n.read_at, n.direction, n.value, n.source, n.external_id,
        n.written_as, n.details::json, n.version, n.created_at, n.updated_at
    FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::numeric[], $7::text[],
        $8::text[], $9::text[], $10::text[], $11::bigint[], $12::timestamptz[],
        $13::timestamptz[]) AS n (meter_id, counter_id, read_at, direction, value, source,
        external_id, written_as, details, version, created_at, updated_at)
    ON CONFLICT DO NOTHING
"""
# The organisation comes with each row, behind `OFFSET 0`. Compared with a constant, it would tempt
# the planner to read all its readings once instead of a few by their keys.
# `created_at` never changes: its column carries nothing here but keeps the rows alike.
_UPDATE = """
    UPDATE meter_readings m SET value = n.value, source = n.source, external_id = n.external_id,
        written_as = n.written_as, details = n.details::json, version = n.version,
        updated_at = n.updated_at
    FROM (SELECT $1::text AS org_id, * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[],
        $5::text[], $6::numeric[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[],
        $12::timestamptz[], $13::timestamptz[], $14::bigint[]) AS u (meter_id, counter_id, read_at,
        direction, value, source, external_id, written_as, details, version, created_at,
        updated_at, seen) OFFSET 0) n
    WHERE m.org_id = n.org_id AND m.meter_id = n.meter_id AND m.counter_id = n.counter_id
        AND m.read_at = n.read_at AND m.direction = n.direction AND m.version = n.seen
"""
_DELETE = """
    DELETE FROM meter_readings m
    USING (SELECT $1::text AS org_id, * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[],
        $5::text[], $6::bigint[]) AS u (meter_id, counter_id, read_at, direction, seen) OFFSET 0) n
    WHERE m.org_id = n.org_id AND m.meter_id = n.meter_id AND m.counter_id = n.counter_id
        AND m.read_at = n.read_at AND m.direction = n.direction AND m.version = n.seen
"""
_MOST_LOCKS = 1_000
_EVERYTHING = "hashtextextended('readings ' || $1, 0)"


async def load(
    tx: OrgTransaction, ledger: ReadingLedger, lookups: Collection[ReadingLookup]
) -> None:
    """Fill a ledger with what is stored for the lookups, and keep others away from their meters.

    Raises `TooManyReadings` for a scope that memory should not hold.
    """
    if not lookups:
        return
    await _lock_meters(tx, {lookup.meter_id for lookup in lookups})
    ledger.listened = await anybody_listens(tx)
    named = {(k.meter_id, k.external_id) for k in lookups if k.external_id is not None}
    by_name: list[Reading] = []
    if named:
        rows = await tx.fetch(_BY_EXTERNAL_ID, *_columns(list(named)))
        by_name = [reading_of(row) for row in rows]
    moved = _moves(lookups, by_name)
    ledger.add(by_name, [*lookups, *moved])
    spans = {span for lookup in (*lookups, *moved) if (span := _span(lookup)) is not None}
    if spans:
        rows = await tx.fetch(_BY_TIME, *_columns(list(spans)))
        ledger.add(map(reading_of, rows), ())
    scopes = {(k.meter_id, k.counter_id) for k in lookups if k.whole}
    if scopes:
        rows = await tx.fetch(_WHOLE, *_columns(list(scopes)))
        if len(rows) > MAX_SCOPE:
            raise TooManyReadings
        ledger.add(map(reading_of, rows), ())


async def _lock_meters(tx: OrgTransaction, meters: Collection[UUID]) -> None:
    """Wait for everybody else who changes readings of the same meters.

    Without that, two who find nothing with an external id or on a day would both create a reading.
    Locks have a limit: whoever changes very many meters at once locks the organisation's readings.
    """
    if len(meters) > _MOST_LOCKS:
        await tx.execute(f"SELECT pg_advisory_xact_lock({_EVERYTHING})")
        return
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_EVERYTHING})")
    await tx.execute(
        "SELECT count(pg_advisory_xact_lock(n)) FROM (SELECT DISTINCT "
        "hashtextextended('reading ' || $1 || ' ' || meter_id, 0) AS n "
        "FROM unnest($2::uuid[]) AS m (meter_id) ORDER BY n) AS numbers",
        list(meters),
    )


def _moves(lookups: Collection[ReadingLookup], found: Iterable[Reading]) -> list[ReadingLookup]:
    """The moments to which a reading found by its external id may move, whatever its counter."""
    counters: dict[tuple[UUID, str], set[UUID | None]] = {}
    for reading in found:
        assert reading.external_id is not None
        counters.setdefault((reading.meter_id, reading.external_id), set()).add(reading.counter_id)
    for k in lookups:
        if k.external_id is not None:
            counters.setdefault((k.meter_id, k.external_id), set()).add(k.counter_id)
    return [
        ReadingLookup(k.meter_id, counter_id, read_at=k.read_at)
        for k in lookups
        if k.external_id is not None and k.counter_id is None and k.read_at is not None
        for counter_id in counters[k.meter_id, k.external_id]
    ]


def _span(lookup: ReadingLookup) -> tuple[UUID, UUID, datetime, datetime] | None:
    counter_id = lookup.counter_id or NO_COUNTER
    if lookup.day is not None:
        return lookup.meter_id, counter_id, *bounds(lookup.day)
    if lookup.read_at is not None:
        return lookup.meter_id, counter_id, lookup.read_at, lookup.read_at
    return None


async def write(pipeline: Pipeline, changes: ReadingChanges) -> None:
    """Have changes written: what goes first, so that a reading can move where another one was.

    A row that somebody else changed meanwhile ends the pipeline with `UnexpectedRowCount`.
    """
    if changes.deleted:
        keys = [(*_key(reading), reading.version) for reading in changes.deleted]
        await pipeline.add(Statement(_DELETE, _columns(keys), expected=len(keys)))
    if changes.updated:
        rows = await pipeline.prepare(changes.updated, _changed)
        await pipeline.add(Statement(_UPDATE, _columns(rows), expected=len(rows)))
    if changes.created:
        rows = await pipeline.prepare(changes.created, _row)
        await pipeline.add(Statement(_INSERT, _columns(rows), expected=len(rows)))
    if changes.listened:
        for step in outbox.reading_steps(changes):
            await pipeline.add(step)


def _changed(change: tuple[Reading, Reading]) -> tuple[Any, ...]:
    before, after = change
    return (*_row(after), before.version)


def _row(reading: Reading) -> tuple[Any, ...]:
    return (
        *_key(reading),
        reading.value,
        reading.source,
        reading.external_id,
        None if reading.timestamp == to_wire(reading.read_at) else reading.timestamp,
        json.dumps_str(reading.details) if reading.details else None,
        reading.version,
        reading.created_at,
        reading.updated_at,
    )


def _key(reading: Reading) -> tuple[Any, ...]:
    counter_id = reading.counter_id or NO_COUNTER
    return reading.meter_id, counter_id, reading.read_at, reading.direction or ""


def reading_of(row: asyncpg.Record) -> Reading:
    """The reading in a row with `COLUMNS`."""
    read_at = row["read_at"].astimezone(UTC)
    counter_id = row["counter_id"]
    return Reading(
        meter_id=row["meter_id"],
        counter_id=None if counter_id == NO_COUNTER else counter_id,
        direction=row["direction"] or None,
        read_at=read_at,
        timestamp=row["written_as"] or to_wire(read_at),
        value=row["value"],
        source=row["source"],
        external_id=row["external_id"],
        details=json.loads(row["details"]) if row["details"] else {},
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
