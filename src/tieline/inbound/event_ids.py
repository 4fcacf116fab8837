"""The moment that the id of an event carries."""

from __future__ import annotations

from datetime import datetime

from tieline.kit.ids import ulid_time


def accepted_moment(event_id: str) -> datetime | None:
    """When an event with this id was accepted; None when nothing can have this id."""
    try:
        return ulid_time(event_id)
    except (ValueError, OverflowError, OSError):
        return None
