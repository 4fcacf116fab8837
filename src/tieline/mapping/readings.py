"""What the meter reading rules would refuse, for the warnings of a simulation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from tieline.mapping.models import MappingWarning, MeterReadingMode, MeterReadingUpdate

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
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)


def is_reading_timestamp(value: object) -> bool:
    """Whether a value is a real date `YYYY-MM-DD`, with or without a time and a zone."""
    if not isinstance(value, str) or _TIMESTAMP.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def reading_warnings(schema: str, update: MeterReadingUpdate) -> Iterator[MappingWarning]:
    """A warning for every attribute of a reading that would be refused when it is stored."""
    attributes = update.attributes
    if update.mode is not MeterReadingMode.DELETE:
        for name in ("external_id", "timestamp", "source", "value"):
            if attributes.get(name) in (None, ""):
                yield MappingWarning(schema, name, f"The reading has no {name}; it is required.")
    source = attributes.get("source")
    if source not in (None, "", *SOURCES):
        message = f"The source {source!r} is not one of {', '.join(SOURCES)}."
        yield MappingWarning(schema, "source", message)
    if attributes.get("reason") not in REASONS:
        allowed = ", ".join(reason for reason in REASONS if reason)
        message = f"The reason {attributes['reason']!r} is not one of {allowed}."
        yield MappingWarning(schema, "reason", message)
    timestamp = attributes.get("timestamp")
    if timestamp not in (None, "") and not is_reading_timestamp(timestamp):
        message = "The timestamp must be a real date such as 2026-01-31 or 2026-01-31T08:00:00Z."
        yield MappingWarning(schema, "timestamp", message)
