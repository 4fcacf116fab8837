"""The values that a meter reading may have, and warnings about others in a simulation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tieline.mapping.models import (
    MappingWarning,
    MeterReadingMode,
    MeterReadingUpdate,
    ReadingMatching,
)

SOURCES = ("ECP", "ERP", "360", "journey-submission")
REASONS = (
    "regular",
    "irregular",
    "last",
    "first",
    "meter_change",
    "contract_change",
    "meter_adjustment",
    "",
    None,
)
DIRECTIONS = ("feed-in", "feed-out")
TARIFFS = ("ht", "nt")
STATUSES = ("valid", "in-validation", "implausible", "", None)
REQUIRED = ("external_id", "timestamp", "source", "value")
FIRST_YEAR, LAST_YEAR = 1800, 2999
LARGEST_VALUE = Decimal(10) ** 30
MOST_DECIMALS = 20
TEXTS = ("read_by", "remark", "note", "unit")

_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_DECIMAL = re.compile(r"[+-]?\d{1,60}(\.\d{1,60})?", re.ASCII)
_CHOICES: dict[str, tuple[str | None, ...]] = {
    "source": ("", None, *SOURCES),
    "reason": REASONS,
    "direction": ("", None, *DIRECTIONS),
    "status": STATUSES,
    "tariff": ("", None, *TARIFFS),
    "tariff_type": ("", None, *TARIFFS),
}


def is_reading_timestamp(value: object) -> bool:
    """Whether a value is a real date `YYYY-MM-DD`, with or without a time and a zone."""
    if not isinstance(value, str) or _TIMESTAMP.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def reading_number(raw: object) -> Decimal | None:
    """The number that a reading's value stands for, digit by digit; None when it is none."""
    number = None
    if isinstance(raw, str):
        number = Decimal(raw) if _DECIMAL.fullmatch(raw) else None
    elif isinstance(raw, float):
        number = Decimal(repr(raw))
    elif isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        number = Decimal(raw)
    return number if number is not None and number.is_finite() else None


def is_too_long(number: Decimal) -> bool:
    """Whether a reading's value has more digits or decimals than are kept."""
    places = number.as_tuple().exponent
    assert isinstance(places, int)  # neither infinite nor NaN
    return abs(number) >= LARGEST_VALUE or -places > MOST_DECIMALS


def reading_warnings(schema: str, update: MeterReadingUpdate) -> Iterator[MappingWarning]:
    """A warning for every attribute of a reading that would be refused when it is stored."""
    for name in _required(update):
        if update.attributes.get(name) in (None, ""):
            yield MappingWarning(schema, name, f"The reading has no {name}; it is required.")
    for name, message in _faults(update.attributes):
        yield MappingWarning(schema, name, message)


def _required(update: MeterReadingUpdate) -> tuple[str, ...]:
    if update.mode is not MeterReadingMode.DELETE:
        return REQUIRED
    strict = update.reading_matching is ReadingMatching.STRICT_DATE
    return ("timestamp",) if strict else ("external_id",)


def _faults(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the values that there are, by attribute."""
    for name, allowed in _CHOICES.items():
        if attributes.get(name) not in allowed:
            known = ", ".join(value for value in allowed if value)
            yield name, f"The {name} {attributes[name]!r:.60} is not one of {known}."
    timestamp = attributes.get("timestamp")
    if timestamp not in (None, "") and not (
        is_reading_timestamp(timestamp) and FIRST_YEAR <= int(timestamp[:4]) <= LAST_YEAR
    ):
        yield (
            "timestamp",
            "The timestamp must be a real date such as 2026-01-31 or 2026-01-31T08:00:00Z.",
        )
    value = attributes.get("value")
    if value not in (None, ""):
        number = reading_number(value)
        if number is None or is_too_long(number):
            yield "value", f"The value {value!r:.60} must be a number such as 1234.5."
    for name in ("external_id", *TEXTS):
        if isinstance(attributes.get(name), dict | list):
            yield name, f"The {name} must be a text."
    if not isinstance(attributes.get("metadata"), dict | None):
        yield "metadata", "The metadata must be an object of texts."
