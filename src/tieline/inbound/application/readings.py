"""Applies the meter readings of an event. Meters and counters must exist: no stub is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tieline.entities.readings.errors import InvalidReading
from tieline.entities.readings.ledger import (
    ReadingLedger,
    ReadingsNotLoaded,
    lookup_for,
    lookup_for_scope,
)
from tieline.entities.readings.models import (
    IncomingReading,
    ReadingChange,
    ReadingLookup,
    ReadingOutcome,
    ReadingReference,
)
from tieline.entities.readings.parsing import parse_reading, parse_reference
from tieline.entities.workspace import Workspace
from tieline.inbound.application.errors import MeterNotFound, StateNotLoaded, UnusableReading
from tieline.inbound.application.targets import describe, single_id
from tieline.inbound.application.work import Work
from tieline.mapping.models import (
    METER_READING,
    MappingResult,
    MeterReadingMode,
    MeterReadingUpdate,
    ReadingScope,
    UniqueId,
)

METER = "meter"
COUNTER = "meter_counter"

Parsed = IncomingReading | ReadingReference | InvalidReading


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of an event as they were mapped, each with its values checked already."""

    updates: Sequence[MeterReadingUpdate] = ()
    parsed: Sequence[Parsed] = ()
    scopes: Sequence[ReadingScope] = ()

    @classmethod
    def of(cls, result: MappingResult) -> Readings:
        """Those of a result."""
        parsed = [_parsed(update) for update in result.meter_readings]
        return cls(result.meter_readings, parsed, result.reading_scopes)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.updates or self.scopes)

    def lookups(self, workspace: Workspace, result: MappingResult) -> Iterator[ReadingLookup]:
        """What must be loaded to apply them, as far as their meters are known by now.

        A meter that is not known by what a reading says may become so by the event's own entities:
        those that the event names are then looked at too.
        """
        for update, parsed in zip(self.updates, self.parsed, strict=True):
            if isinstance(parsed, InvalidReading):
                continue
            counter_id = _id(workspace, COUNTER, update.meter_counter)
            for meter_id in _meters(workspace, update.meter, result):
                yield lookup_for(parsed, meter_id, counter_id, update.reading_matching)
        for scope in self.scopes:
            counter_id = _id(workspace, COUNTER, scope.meter_counter)
            for meter_id in _meters(workspace, scope.meter, result):
                yield lookup_for_scope(meter_id, counter_id)


def apply_readings(work: Work, ledger: ReadingLedger, readings: Readings) -> None:
    """Write, delete and prune readings.

    Raises `MeterNotFound`, `UnusableReading`, and `StateNotLoaded` when an event before this one
    made a meter of what was none.
    """
    try:
        for update, parsed in zip(readings.updates, readings.parsed, strict=True):
            _apply(work, ledger, update, parsed)
        for scope in readings.scopes:
            _prune(work, ledger, scope, readings)
    except ReadingsNotLoaded:
        raise StateNotLoaded from None


def _parsed(update: MeterReadingUpdate) -> Parsed:
    try:
        if update.mode is MeterReadingMode.DELETE:
            return parse_reference(update.attributes, update.reading_matching)
        return parse_reading(update.attributes)
    except InvalidReading as error:
        return error


def _meters(
    workspace: Workspace, unique_ids: Sequence[UniqueId], result: MappingResult
) -> Iterable[UUID]:
    meter_id = single_id(workspace, METER, unique_ids)
    if meter_id is not None:
        return [meter_id]
    named = (
        single_id(workspace, METER, u.unique_ids) for u in result.entities if u.schema == METER
    )
    return {meter_id for meter_id in named if meter_id is not None}


def _id(workspace: Workspace, schema: str, unique_ids: Sequence[UniqueId] | None) -> UUID | None:
    return single_id(workspace, schema, unique_ids) if unique_ids is not None else None


def _apply(work: Work, ledger: ReadingLedger, update: MeterReadingUpdate, parsed: Parsed) -> None:
    place = f"meter_readings[{update.block}]"
    if isinstance(parsed, InvalidReading):
        raise UnusableReading(f"{place}: {parsed.message}")
    meter_id, counter_id = _place(work, ledger, update.meter, update.meter_counter, place)
    if isinstance(parsed, ReadingReference):
        outcome = ledger.delete(parsed, meter_id, counter_id, update.reading_matching)
    else:
        outcome = ledger.upsert(parsed, meter_id, counter_id, update.reading_matching)
    _note(work, meter_id, counter_id, parsed, outcome)


def _place(
    work: Work,
    ledger: ReadingLedger,
    meter: Sequence[UniqueId],
    counter: Sequence[UniqueId] | None,
    place: str,
) -> tuple[UUID, UUID | None]:
    """The meter and the counter that are named; readings of new ones need not be loaded."""
    meter_id = _existing(work, METER, meter, place)
    counter_id = _existing(work, COUNTER, counter, place) if counter is not None else None
    if work.workspace.is_new(meter_id):
        ledger.declare_new(meter_id)
    elif counter_id is not None and work.workspace.is_new(counter_id):
        ledger.declare_new(meter_id, counter_id)
    return meter_id, counter_id


def _existing(work: Work, schema: str, unique_ids: Sequence[UniqueId], place: str) -> UUID:
    found = single_id(work.workspace, schema, unique_ids)
    if found is None:
        raise MeterNotFound(
            f"{place}: there is not exactly one {schema} with {describe(unique_ids)}. "
            "Send it as an entity first, or correct the mapping; then replay the event."
        )
    return found


def _note(
    work: Work,
    meter_id: UUID,
    counter_id: UUID | None,
    parsed: IncomingReading | ReadingReference,
    outcome: ReadingOutcome,
) -> None:
    if outcome.change is ReadingChange.SKIPPED:
        work.applied.warn(METER_READING, "external_id", str(outcome.code), outcome.reason or "")
    work.applied.readings.append(
        {
            "schema": METER_READING,
            "operation": outcome.change.value,
            "meter_id": str(meter_id),
            "counter_id": str(counter_id) if counter_id else None,
            "external_id": parsed.external_id,
        }
    )


def _prune(work: Work, ledger: ReadingLedger, scope: ReadingScope, readings: Readings) -> None:
    place = f"meter_readings[{scope.block}].scope"
    meter_id, counter_id = _place(work, ledger, scope.meter, scope.meter_counter, place)
    sent = {
        parsed.external_id
        for update, parsed in zip(readings.updates, readings.parsed, strict=True)
        if update.block == scope.block
        and (update.meter, update.meter_counter) == (scope.meter, scope.meter_counter)
        and isinstance(parsed, IncomingReading)
        and parsed.external_id is not None
    }
    pruned = ledger.prune(meter_id, counter_id, sent, scope.source)
    work.applied.warn(
        METER_READING,
        "",
        "PRUNE_SCOPE_COMPLETED",
        f"{pruned.deleted} of {pruned.deleted + pruned.kept} readings in scope were not sent and "
        "were removed.",
    )
