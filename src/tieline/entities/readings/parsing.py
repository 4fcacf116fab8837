"""The rules for the values of a reading. Pure.

A value with a decimal comma is refused rather than guessed at: taken for thousands it would be
wrong by a factor of a thousand, and nobody would notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tieline.entities.readings.errors import InvalidReading
from tieline.entities.readings.models import IncomingReading, ReadingReference
from tieline.entities.scalars import scalar_text
from tieline.kit import json
from tieline.kit.time import from_wire
from tieline.mapping.models import ReadingMatching
from tieline.mapping.readings import (
    DIRECTIONS,
    FIRST_YEAR,
    LAST_YEAR,
    MOST_DECIMALS,
    REASONS,
    REQUIRED,
    SOURCES,
    STATUSES,
    TARIFFS,
    TEXTS,
    is_reading_timestamp,
    is_too_long,
    reading_number,
)

MAX_EXTERNAL_ID = 255  # characters
MAX_DETAILS = 10_000  # characters of all other attributes as JSON

# Not details: fields of their own, or what the store itself says about a reading.
_FIELDS = frozenset(
    {"external_id", "timestamp", "source", "value", "direction", "meter_id", "counter_id"}
    | {"_created_at", "_updated_at"}
)


def parse_reading(
    attributes: Mapping[str, Any], *, required: Sequence[str] = REQUIRED
) -> IncomingReading:
    """The reading that attributes describe.

    Attributes without a rule are kept as they are. Raises `InvalidReading`, naming the attribute.
    """
    for name in required:
        if attributes.get(name) in (None, ""):
            raise InvalidReading(f"{name}: is missing. Every meter reading needs it: send it.")
    timestamp, read_at = parse_timestamp(attributes.get("timestamp"))
    return IncomingReading(
        timestamp=timestamp,
        read_at=read_at,
        value=_value(attributes.get("value")),
        source=_one_of(attributes, "source", SOURCES),
        direction=parse_direction(attributes.get("direction")),
        external_id=parse_external_id(attributes.get("external_id")),
        details=_details(attributes),
    )


def parse_reference(
    attributes: Mapping[str, Any], matching: ReadingMatching = ReadingMatching.EXTERNAL_ID
) -> ReadingReference:
    """What attributes say about a reading that is to be deleted.

    It needs what the matching goes by: an external id, or a timestamp. Raises `InvalidReading`.
    """
    needed = "timestamp" if matching is ReadingMatching.STRICT_DATE else "external_id"
    if attributes.get(needed) in (None, ""):
        raise InvalidReading(
            f"{needed}: is missing. The reading to delete is found by it: send it."
        )
    return reference_of(attributes)


def reference_of(attributes: Mapping[str, Any]) -> ReadingReference:
    """All that attributes say about which reading is meant. Raises `InvalidReading`."""
    timestamp = attributes.get("timestamp")
    return ReadingReference(
        external_id=parse_external_id(attributes.get("external_id")),
        read_at=None if timestamp in (None, "") else parse_timestamp(timestamp)[1],
        direction=parse_direction(attributes.get("direction")),
    )


def parse_timestamp(value: Any) -> tuple[str, datetime]:
    """The text under which a timestamp is kept, and the moment in UTC that it names.

    A date stands for its first moment in UTC, a time without a zone is in UTC. Raises
    `InvalidReading`.
    """
    if not is_reading_timestamp(value):
        raise InvalidReading(
            f"timestamp: {value!r:.60} is no date that can be used. "
            "Send a real one such as 2026-01-31 or 2026-01-31T08:00:00Z."
        )
    text = f"{value}T00:00:00.000Z" if len(value) == 10 else str(value)
    moment = from_wire(text)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidReading(
            f"timestamp: {text} is not in the years {FIRST_YEAR} to {LAST_YEAR}. Correct it."
        )
    return text, moment.astimezone(UTC)


def parse_direction(value: Any) -> str | None:
    """The direction, or None when there is none. Raises `InvalidReading`."""
    if value in (None, ""):
        return None
    if value not in DIRECTIONS:
        raise _not_allowed("direction", value, DIRECTIONS)
    return str(value)


def parse_external_id(value: Any) -> str | None:
    """The external id as text, or None when there is none. Raises `InvalidReading`."""
    if value in (None, ""):
        return None
    text = scalar_text(value)
    if text is None or "\0" in text or len(text) > MAX_EXTERNAL_ID:
        raise InvalidReading(
            f"external_id: must be a text of at most {MAX_EXTERNAL_ID} characters. Correct it."
        )
    return text


def _value(raw: Any) -> Decimal:
    number = reading_number(raw)
    if number is None:
        raise InvalidReading(
            f"value: {raw!r:.60} is not a number. Send a number such as 1234.5, "
            "with a point for the decimals and nothing between thousands."
        )
    if is_too_long(number):
        raise InvalidReading(
            f"value: has more than 30 digits or {MOST_DECIMALS} decimals. Round it."
        )
    places = number.as_tuple().exponent
    assert isinstance(places, int)  # neither infinite nor NaN
    return number if places <= 0 else Decimal(int(number))


def _details(attributes: Mapping[str, Any]) -> dict[str, Any]:
    details = {name: value for name, value in attributes.items() if name not in _FIELDS}
    if not details:
        return details
    if details.get("reason") not in REASONS:
        raise _not_allowed("reason", details["reason"], REASONS)
    if details.get("status") not in STATUSES:
        raise _not_allowed("status", details["status"], STATUSES)
    for name in ("tariff", "tariff_type"):
        if details.get(name) in (None, ""):
            if name in details:
                details[name] = None
        elif details[name] not in TARIFFS:
            raise _not_allowed(name, details[name], TARIFFS)
    for name in TEXTS:
        if details.get(name) is not None:
            details[name] = _text(name, details[name])
    if details.get("metadata") is not None:
        details["metadata"] = _metadata(details["metadata"])
    if len(json.dumps_str(details)) > MAX_DETAILS:
        raise InvalidReading(
            f"{max(details, key=lambda name: len(json.dumps(details[name])))}: the attributes "
            f"beside the value have more than {MAX_DETAILS:,} characters of JSON. Shorten it."
        )
    return details


def _text(name: str, value: Any) -> str:
    text = scalar_text(value)
    if text is None:
        raise InvalidReading(f"{name}: must be a text. Correct it.")
    return text


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidReading("metadata: must be an object of texts. Correct it.")
    return {
        name: _text(f"metadata.{name}", text) for name, text in value.items() if text is not None
    }


def _one_of(attributes: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str:
    value = attributes.get(name)
    if value not in allowed:
        raise _not_allowed(name, value, allowed)
    return str(value)


def _not_allowed(name: str, value: Any, allowed: Sequence[str | None]) -> InvalidReading:
    known = ", ".join(item for item in allowed if item)
    return InvalidReading(f"{name}: {value!r:.60} is not one of {known}. Send one of them.")
