"""Which stored reading a sent one means: by its natural key, or by other values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.entities.readings.errors import InvalidReading, ReadingRefused
from tieline.entities.readings.ledger import ReadingLedger, lookup_for_scope
from tieline.entities.readings.models import (
    IncomingReading,
    Reading,
    ReadingLookup,
    ReadingReference,
)
from tieline.entities.scalars import scalar_text
from tieline.mapping.readings import DIRECTIONS

_NAMES = ("meter_id", "counter_id", "direction", "timestamp", "external_id")
_METADATA = "metadata."
_MOST = 20


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The names of the values that identify a reading of a meter; none: those of its natural key.

    `metadata.x` names an entry of the metadata. The counter always counts when one is given.
    """

    names: tuple[str, ...] = ()

    @staticmethod
    def of(names: Sequence[str]) -> Identifiers:
        """Checked identifiers. Raises `InvalidReading`."""
        for name in names:
            if name not in _NAMES and not (name.startswith(_METADATA) and name != _METADATA):
                raise _invalid(
                    f"identifiers: {name!r:.60} does not identify readings. Use some of "
                    f"{', '.join(_NAMES)} and metadata.<name>."
                )
        if len(names) > _MOST:
            raise _invalid(f"identifiers: more than {_MOST} names. Send fewer.")
        if set(names) <= {"meter_id", "counter_id"} and names:
            raise _invalid("identifiers: name a value of the reading itself, such as external_id.")
        return Identifiers(tuple(names))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sent reading belongs, and what it says of itself."""

    meter_id: UUID
    counter_id: UUID | None
    reading: IncomingReading | ReadingReference
    metadata: Mapping[str, Any]

    def lookups(self, identifiers: Identifiers) -> list[ReadingLookup]:
        """What must be loaded to find the stored reading, and to write the sent one."""
        found = []
        if self.reading.read_at is not None:
            found.append(
                ReadingLookup(self.meter_id, self.counter_id, read_at=self.reading.read_at)
            )
        if "external_id" in identifiers.names:
            external_id, read_at = self.reading.external_id, self.reading.read_at
            found.append(ReadingLookup(self.meter_id, self.counter_id, external_id, read_at))
        elif identifiers.names:
            found.append(lookup_for_scope(self.meter_id, self.counter_id))
        return found

    def matches(self, ledger: ReadingLedger, identifiers: Identifiers) -> list[Reading]:
        """The stored readings that are meant. Raises `InvalidReading` without the values for it."""
        if not identifiers.names:
            return self._at_its_moment(ledger)
        wanted = [(name, self._value(name)) for name in identifiers.names]
        for name, value in wanted:
            if value is None and name != "counter_id":
                raise _invalid(f"{name}: is an identifier, but the reading has no value for it.")
        return [
            reading
            for reading in ledger.of_meter(self.meter_id, self.counter_id)
            if all(value is None or _value_of(reading, name) == value for name, value in wanted)
        ]

    def _at_its_moment(self, ledger: ReadingLedger) -> list[Reading]:
        """The readings of the counter at the moment; without a direction those of any."""
        moment = self.reading.read_at
        if moment is None:
            raise InvalidReading("timestamp: is missing. The reading is found by it: send it.")
        given = self.reading.direction
        directions = (None, *DIRECTIONS) if given is None else (given,)
        keys = ((self.meter_id, self.counter_id, moment, direction) for direction in directions)
        return [reading for key in keys if (reading := ledger.get(key)) is not None]

    def _value(self, name: str) -> Any:
        match name:
            case "meter_id":
                return self.meter_id
            case "counter_id":
                return self.counter_id
            case "timestamp":
                return self.reading.read_at
            case "direction":
                return self.reading.direction
            case "external_id":
                return self.reading.external_id
            case _:
                return scalar_text(self.metadata.get(name.removeprefix(_METADATA)))


def only(found: Sequence[Reading]) -> Reading | None:
    """The one reading that is meant, None when there is none. Raises `ReadingRefused`."""
    if len(found) > 1:
        raise ReadingRefused(
            f"{len(found)} readings match. Name the direction, or more identifiers.",
            reason="multiple_readings_found",
        )
    return found[0] if found else None


def _value_of(reading: Reading, name: str) -> Any:
    match name:
        case "meter_id":
            return reading.meter_id
        case "counter_id":
            return reading.counter_id
        case "timestamp":
            return reading.read_at
        case "direction":
            return reading.direction
        case "external_id":
            return reading.external_id
        case _:
            return (reading.details.get("metadata") or {}).get(name.removeprefix(_METADATA))


def _invalid(message: str) -> InvalidReading:
    return InvalidReading(message, reason="invalid_identifiers")
