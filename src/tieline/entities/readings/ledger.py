"""The unit of work for meter readings: those that a batch touches, changed in memory.

A ledger is filled with all stored readings that the batch may meet. Changes happen here, one after
the other and visible to those that follow; `repository.write` writes the sum of them. A savepoint
lets one failing event leave no trace while its neighbours stay. Pure: no I/O, no clock of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tieline.entities.models import same
from tieline.entities.readings.days import local_day
from tieline.entities.readings.models import (
    IncomingReading,
    NaturalKey,
    Pruned,
    Reading,
    ReadingChange,
    ReadingChanges,
    ReadingLookup,
    ReadingOutcome,
    ReadingReference,
    SkipCode,
)
from tieline.mapping.models import ReadingMatching

_Day = tuple[UUID, UUID | None, str | None, date]


class ReadingsNotLoaded(Exception):
    """A change needs readings that nobody loaded: the meter was not known when the batch was."""


def lookup_for(
    reading: IncomingReading | ReadingReference,
    meter_id: UUID,
    counter_id: UUID | None,
    matching: ReadingMatching,
) -> ReadingLookup:
    """What must be loaded before a reading can be upserted or deleted."""
    if matching is ReadingMatching.STRICT_DATE:
        assert reading.read_at is not None  # the rules ask for it
        return ReadingLookup(meter_id, counter_id, day=local_day(reading.read_at))
    return ReadingLookup(meter_id, counter_id, reading.external_id, reading.read_at)


def lookup_for_scope(meter_id: UUID, counter_id: UUID | None) -> ReadingLookup:
    """What must be loaded before a meter or a counter of it can be pruned."""
    return ReadingLookup(meter_id, counter_id, whole=True)


class ReadingLedger:
    """The readings of one organisation that one transaction reads and changes."""

    def __init__(self, org_id: str, now: datetime) -> None:
        self.org_id = org_id
        self.now = now
        # As the database has them, or will have them once the changes handed over are written.
        self._written: dict[NaturalKey, Reading] = {}
        self._current: dict[NaturalKey, Reading] = {}
        self._by_external_id: dict[tuple[UUID, str], set[NaturalKey]] = {}
        self._by_day: dict[_Day, set[NaturalKey]] = {}
        self._by_meter: dict[UUID, set[NaturalKey]] = {}
        self._journal: list[tuple[NaturalKey, Reading | None]] = []
        self._loaded: set[ReadingLookup] = set()
        self.listened = False
        self._announced = False

    # --- filling ---

    def add(self, readings: Iterable[Reading], lookups: Iterable[ReadingLookup]) -> None:
        """Take in what is stored for the lookups; a reading that is already here stays as it is."""
        for reading in readings:
            key = reading.key
            if key not in self._written and key not in self._current:
                self._written[key] = reading
                self._enter(key, reading)
        for lookup in lookups:
            self._loaded.update(_parts(lookup))

    def declare_new(self, meter_id: UUID, counter_id: UUID | None = None) -> None:
        """Say that a meter, or only a counter of it, came into being in this very transaction.

        It has no readings yet, so that none have to be loaded.
        """
        self._loaded.add(lookup_for_scope(meter_id, counter_id))

    def covers(self, lookup: ReadingLookup) -> bool:
        """Whether everything that a lookup asks for is here."""
        if lookup_for_scope(lookup.meter_id, None) in self._loaded:
            return True
        return all(part in self._loaded or self._implied(part) for part in _parts(lookup))

    def _implied(self, part: ReadingLookup) -> bool:
        """Whether a single question is answered by a wider one."""
        if part.external_id is not None or part.whole or part.counter_id is None:
            wider = None
        else:
            wider = lookup_for_scope(part.meter_id, part.counter_id)
        if wider in self._loaded:
            return True
        if part.read_at is None:
            return False
        day = ReadingLookup(part.meter_id, part.counter_id, day=local_day(part.read_at))
        return day in self._loaded

    def _require(self, lookup: ReadingLookup) -> None:
        if not self.covers(lookup):
            raise ReadingsNotLoaded(lookup)

    # --- reading ---

    def get(self, key: NaturalKey) -> Reading | None:
        """The present state of a reading that was loaded or made here."""
        return self._current.get(key)

    def of_meter(self, meter_id: UUID, counter_id: UUID | None) -> list[Reading]:
        """All readings of a counter, or of the whole meter, in the order of time."""
        keys = self._by_meter.get(meter_id, ())
        found = [self._current[key] for key in keys if counter_id in (None, key[1])]
        return sorted(found, key=lambda reading: (reading.read_at, str(reading.key)))

    def matches(
        self,
        reading: IncomingReading | ReadingReference,
        meter_id: UUID,
        counter_id: UUID | None,
        matching: ReadingMatching,
    ) -> list[Reading]:
        """The readings that an incoming one means. Raises `ReadingsNotLoaded`."""
        self._require(lookup_for(reading, meter_id, counter_id, matching))
        if matching is ReadingMatching.STRICT_DATE:
            assert reading.read_at is not None
            day = (meter_id, counter_id, reading.direction, local_day(reading.read_at))
            return [self._current[key] for key in self._by_day.get(day, ())]
        keys: Collection[NaturalKey] = ()
        if reading.external_id is not None:
            keys = self._by_external_id.get((meter_id, reading.external_id), ())
        return [self._current[key] for key in keys if counter_id is None or key[1] == counter_id]

    # --- changing ---

    def upsert(
        self,
        reading: IncomingReading,
        meter_id: UUID,
        counter_id: UUID | None,
        matching: ReadingMatching = ReadingMatching.EXTERNAL_ID,
    ) -> ReadingOutcome:
        """Change the reading that the incoming one means, or create it.

        A reading with the same meter, counter, direction and moment is always the one that is
        meant if the matching finds no other. Raises `ReadingsNotLoaded`.
        """
        found = self.matches(reading, meter_id, counter_id, matching)
        if len(found) > 1:
            return _several(reading, matching, len(found))
        if found:
            return self.update(found[0], reading)
        there = self._current.get((meter_id, counter_id, reading.read_at, reading.direction))
        if there is not None:
            return self.update(there, reading)
        return self.create(reading, meter_id, counter_id)

    def create(
        self, reading: IncomingReading, meter_id: UUID, counter_id: UUID | None
    ) -> ReadingOutcome:
        """A new reading; skipped when its natural key is taken. Raises `ReadingsNotLoaded`."""
        created = Reading(
            meter_id=meter_id,
            counter_id=counter_id,
            direction=reading.direction,
            read_at=reading.read_at,
            timestamp=reading.timestamp,
            value=reading.value,
            source=reading.source,
            external_id=reading.external_id,
            details=_without_nothing(reading.details),
            created_at=self.now,
            updated_at=self.now,
        )
        key = created.key
        self._require(ReadingLookup(meter_id, counter_id, read_at=reading.read_at))
        if key in self._current:
            return _taken(self._current[key])
        self._set(key, created)
        return ReadingOutcome(ReadingChange.CREATED, created)

    def update(self, stored: Reading, reading: IncomingReading) -> ReadingOutcome:
        """Give a stored reading the incoming values; what was not sent stays as it is.

        Skipped when that would make it the second one with its natural key.
        """
        changed = replace(
            stored,
            direction=reading.direction or stored.direction,
            read_at=reading.read_at,
            timestamp=reading.timestamp,
            value=reading.value,
            source=reading.source,
            external_id=reading.external_id or stored.external_id,
            details=_without_nothing({**stored.details, **reading.details}),
            updated_at=self.now,
        )
        if _equal(stored, changed):
            return ReadingOutcome(ReadingChange.UNCHANGED, stored)
        before, key = stored.key, changed.key
        if key != before:
            self._require(
                ReadingLookup(stored.meter_id, stored.counter_id, read_at=changed.read_at)
            )
            if key in self._current:
                return _taken(self._current[key])
            self._set(before, None)
        self._set(key, changed)
        return ReadingOutcome(ReadingChange.UPDATED, changed)

    def delete(
        self,
        reference: ReadingReference,
        meter_id: UUID,
        counter_id: UUID | None,
        matching: ReadingMatching = ReadingMatching.EXTERNAL_ID,
    ) -> ReadingOutcome:
        """Remove the reading that is meant, for good. Raises `ReadingsNotLoaded`."""
        found = self.matches(reference, meter_id, counter_id, matching)
        if len(found) > 1:
            return _several(reference, matching, len(found))
        if not found:
            return ReadingOutcome(
                ReadingChange.SKIPPED,
                code=SkipCode.NOT_FOUND,
                reason=f"There is no reading to delete with {_described(reference, matching)}.",
            )
        self.remove(found[0])
        return ReadingOutcome(ReadingChange.DELETED, found[0])

    def remove(self, stored: Reading) -> None:
        """Remove a reading, for good."""
        self._set(stored.key, None)

    def prune(
        self,
        meter_id: UUID,
        counter_id: UUID | None,
        keep: Collection[str],
        source: str | None = None,
    ) -> Pruned:
        """Remove all readings of a counter, or of the whole meter, whose external id is not kept.

        Only those of the source count, if one is given. Readings without an external id cannot be
        named by anybody: they go when a source is given, and stay otherwise. Raises
        `ReadingsNotLoaded`.
        """
        self._require(lookup_for_scope(meter_id, counter_id))
        wanted = frozenset(keep)
        deleted = kept = 0
        for reading in self.of_meter(meter_id, counter_id):
            if source is not None and reading.source != source:
                continue
            unnamed = reading.external_id is None
            if (unnamed and source is None) or reading.external_id in wanted:
                kept += 1
            else:
                self.remove(reading)
                deleted += 1
        return Pruned(deleted, kept)

    # --- handing over ---

    def cut(self) -> ReadingChanges:
        """Hand over all changes since the last cut, to be written. They cannot be undone here."""
        changes = ReadingChanges(self.org_id, [], [], [], self.listened, self._announced)
        for key in dict.fromkeys(key for key, _ in self._journal):
            before, after = self._written.get(key), self._current.get(key)
            if after is before:
                continue
            if after is None:
                assert before is not None
                del self._written[key]
                changes.deleted.append(before)
                continue
            after = replace(after, version=before.version + 1 if before else 1)
            self._written[key] = self._current[key] = after
            if before is None:
                changes.created.append(after)
            else:
                changes.updated.append((before, after))
        self._journal.clear()
        self._announced = self._announced or bool(changes)
        return changes

    # --- savepoints ---

    def savepoint(self) -> int:
        """Where to go back to with `rollback`."""
        return len(self._journal)

    def rollback(self, savepoint: int) -> None:
        """Undo every change since the savepoint."""
        while len(self._journal) > savepoint:
            self._swap(*self._journal.pop())

    def _set(self, key: NaturalKey, state: Reading | None) -> None:
        self._journal.append((key, self._current.get(key)))
        self._swap(key, state)

    def _swap(self, key: NaturalKey, state: Reading | None) -> None:
        before = self._current.pop(key, None)
        if before is not None:
            for keys in self._places(key, before):
                keys.discard(key)
        if state is not None:
            self._enter(key, state)

    def _enter(self, key: NaturalKey, state: Reading) -> None:
        self._current[key] = state
        for keys in self._places(key, state):
            keys.add(key)

    def _places(self, key: NaturalKey, state: Reading) -> Iterable[set[NaturalKey]]:
        """The sets in which a reading is found."""
        meter_id, counter_id, read_at, direction = key
        yield self._by_meter.setdefault(meter_id, set())
        yield self._by_day.setdefault((meter_id, counter_id, direction, local_day(read_at)), set())
        if state.external_id is not None:
            yield self._by_external_id.setdefault((meter_id, state.external_id), set())


def _parts(lookup: ReadingLookup) -> Iterable[ReadingLookup]:
    """The single questions that a lookup consists of; that for an external id knows no counter."""
    meter_id, counter_id = lookup.meter_id, lookup.counter_id
    if lookup.external_id is not None:
        yield ReadingLookup(meter_id, None, lookup.external_id)
    if lookup.read_at is not None:
        yield ReadingLookup(meter_id, counter_id, read_at=lookup.read_at)
    if lookup.day is not None:
        yield ReadingLookup(meter_id, counter_id, day=lookup.day)
    if lookup.whole:
        yield lookup_for_scope(meter_id, counter_id)


def _equal(one: Reading, other: Reading) -> bool:
    return (
        one.value == other.value
        and one.timestamp == other.timestamp
        and one.external_id == other.external_id
        and one.source == other.source
        and one.direction == other.direction
        and same(one.details, other.details)
    )


def _without_nothing(details: Any) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value is not None}


def _several(
    reading: IncomingReading | ReadingReference, matching: ReadingMatching, count: int
) -> ReadingOutcome:
    return ReadingOutcome(
        ReadingChange.SKIPPED,
        code=SkipCode.MULTIPLE_MATCHES,
        reason=(
            f"{count} readings of the meter have {_described(reading, matching)}, so the incoming "
            "one was skipped. Name the counter and the direction, or delete all but one of them."
        ),
    )


def _taken(other: Reading) -> ReadingOutcome:
    return ReadingOutcome(
        ReadingChange.SKIPPED,
        other,
        SkipCode.KEY_TAKEN,
        f"The meter has another reading of the same counter and direction at {other.timestamp} "
        f"(external_id {other.external_id!r}), so this one was skipped. Delete one of them.",
    )


def _described(reading: IncomingReading | ReadingReference, matching: ReadingMatching) -> str:
    if matching is ReadingMatching.STRICT_DATE and reading.read_at is not None:
        return f"the day {local_day(reading.read_at)} (Europe/Berlin)"
    return f"external_id {reading.external_id!r}"
