"""The moment that the id of an event carries: the partition in which to look for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tieline.kit.ids import ulid_time


def accepted_moment(event_id: str) -> datetime | None:
    """When an event with this id was accepted; None when nothing can have this id."""
    try:
        return ulid_time(event_id)
    except (ValueError, OverflowError, OSError):
        return None


def accepted_moments(event_ids: Iterable[str]) -> dict[str, datetime]:
    """The same for several ids; those that nothing can have are left out."""
    return {i: moment for i in event_ids if (moment := accepted_moment(i)) is not None}
