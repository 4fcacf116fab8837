"""Durations on the command line."""

from datetime import timedelta

import pytest

from tieline.cli.durations import parse_duration
from tieline.cli.errors import InvalidDuration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("8w", timedelta(weeks=8)),
        (" 1d ", timedelta(days=1)),
        ("9999w", timedelta(weeks=9999)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "30 d", "30days", "10000w"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidDuration, match="30d"):
        parse_duration(text)
