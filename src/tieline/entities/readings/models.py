"""What a meter reading is: as it comes in, as it is stored, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

# The schemas of the entities that readings belong to.
METER, COUNTER = "meter", "meter_counter"

Details: TypeAlias = Mapping[str, Any]
# Meter, counter, moment and direction: no two readings agree in all of them.
NaturalKey: TypeAlias = tuple[UUID, UUID | None, datetime, str | None]


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One reading as stored.

    `timestamp` is the text that was sent, `read_at` the moment that it names. `details` holds all
    attributes without a field here. `version` counts the changes that were written.
    """

    meter_id: UUID
    counter_id: UUID | None
    direction: str | None
    read_at: datetime
    timestamp: str
    value: Decimal
    source: str
    external_id: str | None
    details: Details
    created_at: datetime
    updated_at: datetime
    version: int = 0

    @property
    def key(self) -> NaturalKey:
        """What identifies the reading."""
        return self.meter_id, self.counter_id, self.read_at, self.direction


def reading_document(reading: Reading) -> dict[str, Any]:
    """A reading in its wire form. What it does not have is left out."""
    stated = {
        "meter_id": str(reading.meter_id),
        "counter_id": str(reading.counter_id) if reading.counter_id else None,
        "direction": reading.direction,
        "timestamp": reading.timestamp,
        "value": reading.value,
        "source": reading.source,
        "external_id": reading.external_id,
    }
    return {**{k: v for k, v in stated.items() if v is not None}, **reading.details}


class IncomingReading(msgspec.Struct, frozen=True, gc=False):
    """A reading that was sent and is within the rules. A detail that is None is taken away."""

    timestamp: str
    read_at: datetime
    value: Decimal
    source: str
    direction: str | None
    external_id: str | None
    details: Details


class ReadingReference(msgspec.Struct, frozen=True, gc=False):
    """What is known of a reading that is to be deleted."""

    external_id: str | None
    read_at: datetime | None
    direction: str | None


class ReadingLookup(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Stored readings of a meter that must be loaded before a change can be made in memory.

    Those with the external id, whatever their counter; those of the counter (None: those without
    one) at the moment, or on the day in Germany; and with `whole` all of the counter, or of the
    meter when the counter is None.
    """

    meter_id: UUID
    counter_id: UUID | None
    external_id: str | None = None
    read_at: datetime | None = None
    day: date | None = None
    whole: bool = False


class ReadingChange(StrEnum):
    """What became of a reading."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"


class SkipCode(StrEnum):
    """Why a change was left out."""

    MULTIPLE_MATCHES = "METER_READING_MULTIPLE_MATCHES"
    NOT_FOUND = "METER_READING_NOT_FOUND"
    KEY_TAKEN = "METER_READING_KEY_TAKEN"


class ReadingOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a reading, and its state after that (before it, when it was deleted).

    Of one that was skipped, `code` and `reason` say why.
    """

    change: ReadingChange
    reading: Reading | None = None
    code: SkipCode | None = None
    reason: str | None = None


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """How many readings of a scope were removed, and how many stayed."""

    deleted: int
    kept: int


class ReadingChanges(msgspec.Struct, frozen=True, gc=False):
    """What a ledger changed, by natural key. Deleted and changed ones carry what was loaded."""

    org_id: str
    created: list[Reading]
    updated: list[tuple[Reading, Reading]]  # before, after
    deleted: list[Reading]
    # Whether somebody reacts to changes of the organisation, and whether they know that some come.
    listened: bool = False
    announced: bool = False

    def __bool__(self) -> bool:
        """Whether anything changed at all."""
        return bool(self.created or self.updated or self.deleted)
