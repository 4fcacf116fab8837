"""How long an access token is valid, as clients write it."""

from __future__ import annotations

import re
from datetime import timedelta

from tieline.identity.access_tokens.errors import InvalidLifetime

SHORTEST = timedelta(seconds=30)
LONGEST_IN_SECONDS = timedelta(days=7)
LONGEST = timedelta(days=365)

_TOO_LONG = 400 * 86_400_000
_FORM = re.compile(r"([0-9]{1,12}) ?([a-z]*)")
_MILLISECONDS_OF = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("", "s", "second", "seconds"), 1_000),
    **dict.fromkeys(("m", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hour", "hours"), 3_600_000),
    **dict.fromkeys(("d", "day", "days"), 86_400_000),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400_000),
    **dict.fromkeys(("y", "year", "years"), 365 * 86_400_000),
}


def parse_lifetime(given: int | str) -> timedelta:
    """The lifetime that seconds, or a text such as `10h` or `2 days`, name.

    Raises `InvalidLifetime` for other texts and for what is too short or too long.
    """
    if isinstance(given, int):
        # Compared as a number: what does not fit into a timedelta is too long as well.
        if not SHORTEST.total_seconds() <= given <= LONGEST_IN_SECONDS.total_seconds():
            raise InvalidLifetime
        return timedelta(seconds=given)
    match = _FORM.fullmatch(given)
    unit = _MILLISECONDS_OF.get(match[2]) if match else None
    if match is None or unit is None:
        raise InvalidLifetime(
            f"expires_in: {given!r} is no duration. Write a number and a unit, such as 10h or 7d."
        )
    milliseconds = int(match[1]) * unit
    if not SHORTEST <= timedelta(milliseconds=min(milliseconds, _TOO_LONG)) <= LONGEST:
        raise InvalidLifetime
    return timedelta(milliseconds=milliseconds)
