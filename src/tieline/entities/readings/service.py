"""What one can do with meter readings. Every call is one transaction: all of it happens, or none.

Changes go through the same ledger as those of inbound events.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

from tieline.database import Database, OrgTransaction
from tieline.database.pipeline import Pipeline
from tieline.entities import activity_repository
from tieline.entities.activity_service import known_activity
from tieline.entities.flush import conflicts_named
from tieline.entities.queries import live_entities
from tieline.entities.readings.errors import (
    CounterNotFound,
    InvalidReading,
    MeterNotFound,
    ReadingNotFound,
    ReadingRefused,
    TooManyReadings,
)
from tieline.entities.readings.ledger import ReadingLedger, lookup_for_scope
from tieline.entities.readings.matching import Identifiers, Place, only
from tieline.entities.readings.models import (
    COUNTER,
    METER,
    IncomingReading,
    Pruned,
    Reading,
    ReadingLookup,
    ReadingOutcome,
    ReadingReference,
)
from tieline.entities.readings.parsing import parse_reading, reference_of
from tieline.entities.readings.plausibility import refuse_implausible
from tieline.entities.readings.queries import IntervalQuery, ReadingPage, page_of
from tieline.entities.readings.repository import MAX_SCOPE, load, write
from tieline.kit.time import Clock, to_wire, utc_now

_REQUIRED = ("source", "value")


class ReadingOperation(StrEnum):
    """What is to happen to a reading."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class SentReading:
    """A reading as a client sends it. `place` is its place in the body, for messages."""

    meter_id: UUID
    counter_id: UUID | None
    attributes: Mapping[str, Any]
    operation: ReadingOperation = ReadingOperation.CREATE
    place: str = ""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How readings are changed: as part of which activity, and compared with those around them."""

    activity_id: str | None = None
    validate: bool = True


class ReadingService:
    """The meter readings of all organisations."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def apply(
        self,
        org_id: str,
        sent: Sequence[SentReading],
        options: ReadingOptions,
        identifiers: Identifiers,
    ) -> list[Reading]:
        """Create, update and delete readings; those that were, in their order.

        A reading that is to be created and is there already is refused when readings are validated,
        and updated otherwise. One that is to be updated or deleted and is not there is left out.
        Raises `InvalidReading`, `ReadingRefused`, `MeterNotFound`, `CounterNotFound`,
        `ActivityNotFound`, `ConcurrentChange`.
        """
        now = self._clock()
        places = [_place(item, now) for item in sent]
        async with self._database.organisation(org_id) as tx:
            ledger = await self._open(tx, options, _belongings(sent), now)
            await load(tx, ledger, [k for place in places for k in place.lookups(identifiers)])
            changed = []
            for item, place in zip(sent, places, strict=True):
                reading = _change(ledger, item, place, identifiers, options)
                if reading is not None:
                    changed.append(reading)
            await self._close(tx, ledger, options, changed)
        return changed

    async def update(
        self,
        org_id: str,
        place: SentReading,
        read_at: datetime,
        options: ReadingOptions,
    ) -> Reading:
        """Change the reading of a counter at a moment; it may move to another one.

        Raises `ReadingNotFound` and what `apply` raises.
        """
        moments = {read_at}
        if place.attributes.get("timestamp"):
            moved = reference_of({"timestamp": place.attributes["timestamp"]}).read_at
            moments |= {moved} if moved else set()
        now = self._clock()
        async with self._database.organisation(org_id) as tx:
            ledger = await self._open(tx, options, _belongings([place]), now)
            await load(tx, ledger, [_moment(place, moment) for moment in moments])
            direction = reference_of({"direction": place.attributes.get("direction")}).direction
            stored = _one_at(ledger, place, read_at, direction)
            attributes = {"timestamp": stored.timestamp, **place.attributes}
            outcome = ledger.update(stored, parse_reading(attributes, required=_REQUIRED))
            reading = _accepted(outcome, place)
            await self._close(tx, ledger, options, [reading])
        return reading

    async def delete(
        self,
        org_id: str,
        place: SentReading,
        read_at: datetime,
        options: ReadingOptions,
    ) -> Reading:
        """Remove the reading of a counter at a moment, for good; the reading as it was.

        Raises `ReadingNotFound`, `ReadingRefused`, `MeterNotFound`, `CounterNotFound`.
        """
        async with self._database.organisation(org_id) as tx:
            ledger = await self._open(tx, options, _belongings([place]), self._clock())
            await load(tx, ledger, [_moment(place, read_at)])
            direction = reference_of(place.attributes).direction
            stored = _one_at(ledger, place, read_at, direction)
            ledger.remove(stored)
            await self._close(tx, ledger, options, [stored])
        return stored

    async def prune(
        self,
        org_id: str,
        scope: SentReading,
        keep: Collection[str],
        source: str | None,
        options: ReadingOptions,
        *,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove the readings of a meter, or of one counter, whose external id is not kept.

        Raises `MeterNotFound`, `CounterNotFound`, `ActivityNotFound`, `TooManyReadings`.
        """
        async with self._database.organisation(org_id) as tx:
            ledger = await self._open(tx, options, _belongings([scope]), self._clock())
            await load(tx, ledger, [lookup_for_scope(scope.meter_id, scope.counter_id)])
            before = ledger.of_meter(scope.meter_id, scope.counter_id)
            pruned = ledger.prune(scope.meter_id, scope.counter_id, keep, source)
            if not dry_run:
                gone = [reading for reading in before if ledger.get(reading.key) is None]
                await self._close(tx, ledger, options, gone)
        return pruned

    async def interval(self, org_id: str, query: IntervalQuery) -> ReadingPage:
        """A page of a counter's readings.

        Raises `MeterNotFound`, `CounterNotFound`, and `TooManyReadings` for more than fit.
        """
        async with self._database.reading(org_id) as tx:
            await _refuse_unknown(tx, [(query.meter_id, query.counter_id)])
            page = await page_of(tx, query)
        if len(page.readings) > MAX_SCOPE:
            raise TooManyReadings("The interval holds too many readings. Narrow it, or page.")
        return page

    async def _open(
        self,
        tx: OrgTransaction,
        options: ReadingOptions,
        belongings: Collection[tuple[UUID, UUID | None]],
        now: datetime,
    ) -> ReadingLedger:
        if options.activity_id is not None:
            await known_activity(tx, options.activity_id)
        await _refuse_unknown(tx, belongings)
        return ReadingLedger(tx.org_id, now)

    async def _close(
        self,
        tx: OrgTransaction,
        ledger: ReadingLedger,
        options: ReadingOptions,
        changed: Sequence[Reading],
    ) -> None:
        """Write what changed, unless it contradicts the readings around it."""
        with conflicts_named():
            async with Pipeline(tx) as pipeline:
                await write(pipeline, ledger.cut())
        if options.validate:
            # Looked at once it is written: the readings of one call are neighbours of each other.
            kept = [reading for key in changed if (reading := ledger.get(key.key)) is not None]
            await refuse_implausible(tx, kept, ledger.now)
        if options.activity_id is not None and changed:
            touched = {entity for r in changed for entity in (r.meter_id, r.counter_id) if entity}
            await activity_repository.attach(tx, options.activity_id, touched)


def _place(item: SentReading, now: datetime) -> Place:
    """Where a sent reading belongs. Raises `InvalidReading`, naming its place in the body."""
    reading: IncomingReading | ReadingReference
    try:
        if item.operation is ReadingOperation.DELETE:
            reading = reference_of(item.attributes)
            metadata = item.attributes.get("metadata")
        else:
            attributes = {**item.attributes}
            if attributes.get("timestamp") in (None, ""):
                attributes["timestamp"] = to_wire(now)
            reading = parse_reading(attributes, required=_REQUIRED)
            metadata = reading.details.get("metadata")
    except InvalidReading as error:
        raise InvalidReading(f"{item.place}{error.message}", **error.details) from None
    return Place(
        item.meter_id,
        item.counter_id,
        reading,
        metadata if isinstance(metadata, Mapping) else {},
    )


def _change(
    ledger: ReadingLedger,
    item: SentReading,
    place: Place,
    identifiers: Identifiers,
    options: ReadingOptions,
) -> Reading | None:
    """Change a reading in memory; the reading, or None when there is none to change."""
    try:
        stored = only(place.matches(ledger, identifiers))
    except (InvalidReading, ReadingRefused) as error:
        raise type(error)(f"{item.place}{error.message}", **error.details) from None
    reading = place.reading
    match item.operation:
        case ReadingOperation.CREATE:
            assert isinstance(reading, IncomingReading)
            if stored is None:
                return _accepted(ledger.create(reading, item.meter_id, item.counter_id), item)
            if options.validate:
                raise _duplicate(item, stored)
            return _accepted(ledger.update(stored, reading), item)
        case ReadingOperation.UPDATE:
            assert isinstance(reading, IncomingReading)
            return _accepted(ledger.update(stored, reading), item) if stored else None
        case ReadingOperation.DELETE:
            if stored is not None:
                ledger.remove(stored)
            return stored
        case _:
            assert_never(item.operation)


def _accepted(outcome: ReadingOutcome, item: SentReading) -> Reading:
    """The reading after a change. Raises `ReadingRefused` when another one is in its place."""
    assert outcome.reading is not None  # the only reason to skip it here is another reading
    if outcome.code is not None:
        raise _duplicate(item, outcome.reading)
    return outcome.reading


def _duplicate(item: SentReading, stored: Reading) -> ReadingRefused:
    return ReadingRefused(
        f"{item.place}timestamp: the counter has a reading at {stored.timestamp} already. "
        "Update that one, or write it in a batch with skip_validation.",
        reason="duplicate_reading",
    )


def _moment(place: SentReading, moment: datetime) -> ReadingLookup:
    return ReadingLookup(place.meter_id, place.counter_id, read_at=moment)


def _one_at(
    ledger: ReadingLedger, place: SentReading, moment: datetime, direction: str | None
) -> Reading:
    """The reading at a moment; the direction decides between several. Raises `ReadingNotFound`."""
    everywhere = Place(
        place.meter_id, place.counter_id, ReadingReference(None, moment, None), {}
    ).matches(ledger, Identifiers())
    if len(everywhere) > 1 and direction is not None:
        everywhere = [reading for reading in everywhere if reading.direction == direction]
    stored = only(everywhere)
    if stored is None:
        raise ReadingNotFound(
            f"The counter {place.counter_id} of the meter {place.meter_id} has no reading at "
            f"{to_wire(moment)}. Check the timestamp."
        )
    return stored


def _belongings(sent: Sequence[SentReading]) -> set[tuple[UUID, UUID | None]]:
    return {(item.meter_id, item.counter_id) for item in sent}


async def _refuse_unknown(
    tx: OrgTransaction, belongings: Collection[tuple[UUID, UUID | None]]
) -> None:
    """Raise `MeterNotFound` or `CounterNotFound`, naming it, when there is none of that id."""
    ids = {entity_id for pair in belongings for entity_id in pair if entity_id is not None}
    schemas = {found.entity.id: found.entity.schema for found in await live_entities(tx, ids)}
    for meter_id, counter_id in sorted(belongings, key=str):
        if schemas.get(meter_id) != METER:
            raise MeterNotFound(f"There is no meter {meter_id}. Create it first, or check the id.")
        if counter_id is not None and schemas.get(counter_id) != COUNTER:
            raise CounterNotFound(
                f"There is no meter_counter {counter_id}. Create it first, or check the id."
            )
