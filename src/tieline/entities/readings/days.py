"""The calendar day to which a reading belongs: the day in Germany, whatever the time of year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")


def local_day(moment: datetime) -> date:
    """The day in Germany on which a moment falls."""
    return moment.astimezone(ZONE).date()


def bounds(day: date) -> tuple[datetime, datetime]:
    """The moments, in UTC, at which a day in Germany begins and at which it is over.

    They are 23 or 25 hours apart on the days on which the clocks change.
    """
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)
