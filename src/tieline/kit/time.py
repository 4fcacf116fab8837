"""Moments in time, always in UTC, and their text form on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

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
