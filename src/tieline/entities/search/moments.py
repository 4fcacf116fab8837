"""Moments as a query writes them: dates of any precision, and arithmetic such as `now-7d/d`."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

_MOMENT = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?"
)
_STEP = re.compile(r"([+-])(\d{1,5})([yMwdhHms])|/([yMwdhHms])")
_FIXED = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "H": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_LAST = timedelta(microseconds=1)


def parse_moment(text: str, now: datetime, *, up: bool, zone: tzinfo = UTC) -> datetime | None:
    """The moment that a bound of a range names, or None when it is none.

    Of a date without a time, `up` takes the end of the day, as bounds with `lte` and `gt` do;
    missing months and days are the first. Accepts date arithmetic on `now` and on `date||`.
    """
    try:
        if text.startswith("now"):
            return _calculate(now.astimezone(zone), text[3:], up=up)
        date, separator, steps = text.partition("||")
        start = _parse(date, zone, up=up and not separator)
        if start is None or not separator:
            return start
        return _calculate(start, steps, up=up)
    except (ValueError, OverflowError):
        return None


def parse_number(text: str) -> Decimal | None:
    """The finite number written in decimal, or None when there is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 1000 else None


def from_epoch(text: str, units_per_second: int) -> datetime | None:
    """The moment that many units after 1970, or None when it is none."""
    number = parse_number(text)
    if number is None:
        return None
    try:
        return datetime.fromtimestamp(float(number / units_per_second), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _parse(text: str, zone: tzinfo, *, up: bool) -> datetime | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    moment = datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        tzinfo=_offset(offset) if offset else zone,
    )
    # What a bound leaves out is filled up to the last microsecond of what it does say.
    if up and fraction is None:
        unit = "s" if second else "m" if minute else "h" if hour else "d"
        moment += _FIXED[unit] - _LAST
    return moment


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    shape = f"2000-01-01T00:00:00{text[0]}{digits[:2]}:{digits[2:]}"
    zone = datetime.fromisoformat(shape).tzinfo
    assert zone is not None
    return zone


def _calculate(moment: datetime, steps: str, *, up: bool) -> datetime | None:
    position = 0
    while position < len(steps):
        step = _STEP.match(steps, position)
        if step is None:
            return None
        position = step.end()
        sign, count, unit, rounding = step.groups()
        if rounding:
            floor = _floor(moment, rounding)
            moment = _add(floor, rounding, 1) - _LAST if up else floor
        else:
            moment = _add(moment, unit, int(f"{sign}{count}"))
    return moment


def _add(moment: datetime, unit: str, count: int) -> datetime:
    if unit in _FIXED:
        return moment + _FIXED[unit] * count
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _floor(moment: datetime, unit: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "y":
            return day.replace(month=1, day=1)
        case "M":
            return day.replace(day=1)
        case "w":
            return day - timedelta(days=day.weekday())
        case "d":
            return day
        case "h" | "H":
            return moment.replace(minute=0, second=0, microsecond=0)
        case "m":
            return moment.replace(second=0, microsecond=0)
        case _:
            return moment.replace(microsecond=0)
