"""Durations as a person writes them."""

from __future__ import annotations

import re
from datetime import timedelta

from tieline.cli.errors import InvalidDuration

_FORM = re.compile(r"([1-9][0-9]{0,3})([mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_duration(text: str) -> timedelta:
    """The duration that a text such as `30d` names. Raises `InvalidDuration`."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise InvalidDuration(
            f"{text!r} is no duration. Write a number of up to four digits and a unit: "
            "90m, 12h, 30d or 8w."
        )
    return int(match[1]) * _UNITS[match[2]]
