"""Moments in time, always in UTC, and their text form on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment in UTC; the default clock."""
    return datetime.now(UTC)


def to_wire(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, such as `2026-01-31T08:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def to_exact_wire(moment: datetime) -> str:
    """The same with microseconds: what a client sends back in a cursor must not be rounded."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def from_wire(text: str) -> datetime:
    """The moment that an ISO 8601 text names; without a zone it is UTC. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def stated_moment(value: Any) -> datetime:
    """The moment that somebody has sent as a JSON value. Raises `ValueError` in words for them."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if not isinstance(value, str):
        raise ValueError("must be a text such as 2026-01-31T08:00:00Z")  # noqa: TRY004 - for pydantic
    try:
        return from_wire(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{value[:40]!r} is no date and time such as 2026-01-31T08:00:00Z"
        ) from None
