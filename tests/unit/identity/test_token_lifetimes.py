"""How long access tokens live, as clients write it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tieline.identity.access_tokens.errors import InvalidLifetime
from tieline.identity.access_tokens.lifetimes import parse_lifetime


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (30, timedelta(seconds=30)),
        (604_800, timedelta(days=7)),
        ("45", timedelta(seconds=45)),
        ("30000ms", timedelta(seconds=30)),
        ("90 seconds", timedelta(seconds=90)),
        ("1m", timedelta(minutes=1)),
        ("10h", timedelta(hours=10)),
        ("1 hour", timedelta(hours=1)),
        ("2 days", timedelta(days=2)),
        ("3w", timedelta(weeks=3)),
        ("1 year", timedelta(days=365)),
    ],
)
def test_a_lifetime_is_seconds_or_a_number_with_a_unit(
    given: int | str, expected: timedelta
) -> None:
    assert parse_lifetime(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        29,
        604_801,
        10**40,
        "29",
        "29s",
        "366 days",
        "2y",
        "999999999999y",
        "",
        "h",
        "1,5h",
        "1 hourly",
    ],
)
def test_anything_else_is_refused(given: int | str) -> None:
    with pytest.raises(InvalidLifetime, match="expires_in"):
        parse_lifetime(given)
