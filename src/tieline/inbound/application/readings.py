"""Applies the meter readings of an event. Meters and counters must exist: no stub is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tieline.entities.index_values import index_values, key_text
from tieline.entities.readings.errors import InvalidReading
from tieline.entities.readings.ledger import (
    ReadingLedger,
    ReadingsNotLoaded,
    lookup_for,
    lookup_for_scope,
)
from tieline.entities.readings.models import (
    COUNTER,
    METER,
    IncomingReading,
    ReadingChange,
    ReadingLookup,
    ReadingOutcome,
    ReadingReference,
)
from tieline.entities.readings.parsing import parse_reading, parse_reference
from tieline.entities.workspace import Workspace
from tieline.inbound.application.errors import MeterNotFound, StateNotLoaded, UnusableReading
from tieline.inbound.application.targets import describe, key_of, latest_deleted, single_id
from tieline.inbound.application.work import Work
from tieline.inbound.merging import merge_attributes
from tieline.mapping.errors import which_item
from tieline.mapping.models import (
    METER_READING,
    MappingResult,
    MeterReadingMode,
    MeterReadingUpdate,
    ReadingScope,
    UniqueId,
)

Parsed = IncomingReading | ReadingReference | InvalidReading
_Sent = dict[UUID, dict[UUID | None, set[str]]]  # external ids by meter and counter
_MOST_NAMED = 20  # external ids of one note


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

        A meter or a counter that is not known by what a reading says may become so by the event's
        own entities: those that they make findable, or take out of the recycle bin, count too.
        """
        places = [(update.meter, update.meter_counter) for update in self.updates]
        places += [(scope.meter, scope.meter_counter) for scope in self.scopes]
        meters = _Candidates(workspace, METER, [meter for meter, _ in places], result)
        counters = _Candidates(
            workspace, COUNTER, [counter for _, counter in places if counter], result
        )
        for update, parsed in zip(self.updates, self.parsed, strict=True):
            if isinstance(parsed, InvalidReading):
                continue
            for meter_id in meters.of(update.meter):
                for counter_id in counters.of(update.meter_counter) or (None,):
                    yield lookup_for(parsed, meter_id, counter_id, update.reading_matching)
        for scope in self.scopes:
            for meter_id in meters.of(scope.meter):
                for counter_id in counters.of(scope.meter_counter) or (None,):
                    yield lookup_for_scope(meter_id, counter_id)


class _Candidates:
    """The stored entities of a schema that readings may turn out to be about."""

    def __init__(
        self,
        workspace: Workspace,
        schema: str,
        named: Iterable[Sequence[UniqueId]],
        result: MappingResult,
    ) -> None:
        self._workspace = workspace
        self._schema = schema
        # By the keys that the event's own entities will have, for they may not have them yet.
        self._becoming: dict[tuple[str, str], set[UUID]] = defaultdict(set)
        paths = {unique.path for unique_ids in named for unique in unique_ids}
        for update in result.entities:
            if update.schema != schema or not paths:
                continue
            stored = self._stored(update.unique_ids)
            if stored:
                attributes = merge_attributes({}, update.attributes)
                for path in paths:
                    for text in index_values(attributes, path):
                        self._becoming[path, text] |= stored

    def of(self, unique_ids: Sequence[UniqueId] | None) -> set[UUID]:
        """Those that have the unique ids, or may have them when their event is applied."""
        if unique_ids is None:
            return set()
        stored = self._stored(unique_ids)
        if not self._becoming:
            return stored
        keys = [(unique.path, key_text(unique.value) or "") for unique in unique_ids]
        return stored.union(*(self._becoming.get(key, ()) for key in keys))

    def _stored(self, unique_ids: Sequence[UniqueId]) -> set[UUID]:
        key = key_of(self._schema, unique_ids)
        found = self._workspace.find(key) if key else None
        if found is None:
            return set()
        candidates = {entity.id for entity in found.live}
        deleted = latest_deleted(found) if found.deleted else None
        return candidates | {deleted.id} if deleted else candidates


def apply_readings(work: Work, ledger: ReadingLedger, readings: Readings) -> None:
    """Write, delete and prune readings.

    Raises `MeterNotFound`, `UnusableReading`, and `StateNotLoaded` when an event before this one
    made a meter of what was none.
    """
    # By what they are about, and not by what names it: 4711 and "4711" are one meter.
    sent: _Sent = defaultdict(lambda: defaultdict(set))
    try:
        for position, update in enumerate(readings.updates):
            parsed = readings.parsed[position]
            if isinstance(parsed, InvalidReading):
                raise UnusableReading(f"{_item(readings.updates, position)}: {parsed.message}")
            meter_id, counter_id = _apply(work, ledger, update, parsed)
            if isinstance(parsed, IncomingReading) and parsed.external_id is not None:
                sent[meter_id][counter_id].add(parsed.external_id)
        for scope in readings.scopes:
            _prune(work, ledger, scope, sent)
    except ReadingsNotLoaded:
        raise StateNotLoaded from None


def _parsed(update: MeterReadingUpdate) -> Parsed:
    try:
        if update.mode is MeterReadingMode.DELETE:
            return parse_reference(update.attributes, update.reading_matching)
        return parse_reading(update.attributes)
    except InvalidReading as error:
        return error


def _item(updates: Sequence[MeterReadingUpdate], position: int) -> str:
    """Which reading it is: its block, and which one of them if the block yields several."""
    block = updates[position].block
    of_block = [n for n, update in enumerate(updates) if update.block == block]
    return f"{which_item(of_block.index(position), len(of_block))}meter_readings[{block}]"


def _apply(
    work: Work,
    ledger: ReadingLedger,
    update: MeterReadingUpdate,
    parsed: IncomingReading | ReadingReference,
) -> tuple[UUID, UUID | None]:
    """Write or delete a reading; the meter and the counter that it is about."""
    place = f"meter_readings[{update.block}]"
    meter_id, counter_id = _place(work, ledger, update.meter, update.meter_counter, place)
    if isinstance(parsed, ReadingReference):
        outcome = ledger.delete(parsed, meter_id, counter_id, update.reading_matching)
    else:
        outcome = ledger.upsert(parsed, meter_id, counter_id, update.reading_matching)
    _note(work, meter_id, counter_id, parsed, outcome)
    return meter_id, counter_id


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
    # An event may bring thousands: those that fared alike are noted together.
    note = work.applied.reading_note(outcome.change.value, meter_id, counter_id)
    note["count"] += 1
    if parsed.external_id is not None and len(note["external_ids"]) < _MOST_NAMED:
        note["external_ids"].append(parsed.external_id)


def _prune(work: Work, ledger: ReadingLedger, scope: ReadingScope, sent: _Sent) -> None:
    place = f"meter_readings[{scope.block}].scope"
    meter_id, counter_id = _place(work, ledger, scope.meter, scope.meter_counter, place)
    # Whatever the event sent of them stays, whichever block it came from.
    keep = {
        external_id
        for counter, external_ids in sent.get(meter_id, {}).items()
        if counter_id in (None, counter)
        for external_id in external_ids
    }
    pruned = ledger.prune(meter_id, counter_id, keep, scope.source)
    work.applied.warn(
        METER_READING,
        "",
        "PRUNE_SCOPE_COMPLETED",
        f"{pruned.deleted} of {pruned.deleted + pruned.kept} readings in scope were not sent and "
        "were removed.",
    )
