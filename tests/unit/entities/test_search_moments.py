"""Dates in queries."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.search.moments import from_epoch, parse_moment, parse_number

NOW = datetime(2026, 5, 13, 14, 30, 15, 500, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [
        ("2026", utc(2026, 1, 1), utc(2026, 1, 1, 23, 59, 59, 999_999)),
        ("2026-02", utc(2026, 2, 1), utc(2026, 2, 1, 23, 59, 59, 999_999)),
        ("2026-02-03", utc(2026, 2, 3), utc(2026, 2, 3, 23, 59, 59, 999_999)),
        ("2026-02-03T04", utc(2026, 2, 3, 4), utc(2026, 2, 3, 4, 59, 59, 999_999)),
        ("2026-02-03T04:05", utc(2026, 2, 3, 4, 5), utc(2026, 2, 3, 4, 5, 59, 999_999)),
        ("2026-02-03T04:05:06Z", utc(2026, 2, 3, 4, 5, 6), utc(2026, 2, 3, 4, 5, 6, 999_999)),
        ("2026-02-03T04:05:06.5Z", *[utc(2026, 2, 3, 4, 5, 6, 500_000)] * 2),
        ("2026-02-03T04:05:06.5+02:00", *[utc(2026, 2, 3, 2, 5, 6, 500_000)] * 2),
        ("2026-02-03 04:05:06.5-0130", *[utc(2026, 2, 3, 5, 35, 6, 500_000)] * 2),
        ("now", NOW, NOW),
        ("now-1d", *[utc(2026, 5, 12, 14, 30, 15, 500)] * 2),
        ("now/d", utc(2026, 5, 13), utc(2026, 5, 13, 23, 59, 59, 999_999)),
        ("now/w", utc(2026, 5, 11), utc(2026, 5, 17, 23, 59, 59, 999_999)),
        ("now/M", utc(2026, 5, 1), utc(2026, 5, 31, 23, 59, 59, 999_999)),
        ("now/y", utc(2026, 1, 1), utc(2026, 12, 31, 23, 59, 59, 999_999)),
        ("now-2h/h", utc(2026, 5, 13, 12), utc(2026, 5, 13, 12, 59, 59, 999_999)),
        ("now/m", utc(2026, 5, 13, 14, 30), utc(2026, 5, 13, 14, 30, 59, 999_999)),
        ("now/s", utc(2026, 5, 13, 14, 30, 15), utc(2026, 5, 13, 14, 30, 15, 999_999)),
        ("2026-01-31||+1M", *[utc(2026, 2, 28)] * 2),
        ("2024-02-29||+1y", *[utc(2025, 2, 28)] * 2),
        ("2026-01-01||-1M+1w", *[utc(2025, 12, 8)] * 2),
    ],
)
def test_a_moment_is_read(text: str, down: datetime, up: datetime) -> None:
    assert parse_moment(text, NOW, up=False) == down
    assert parse_moment(text, NOW, up=True) == up


@pytest.mark.parametrize(
    "text",
    ["", "x", "4711x", "2026-13", "2026-02-30", "20260203", "now+", "now-1x", "now+99999y", "||",
     "2026-02-03T25:00", "2026-02-03T04:05:06+99:00"],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_moment(text, NOW, up=False) is None


def test_a_zone_applies_where_the_text_has_none() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_moment("2026-07-01", NOW, up=False, zone=berlin) == utc(2026, 6, 30, 22)
    assert parse_moment("2026-07-01T00:00Z", NOW, up=False, zone=berlin) == utc(2026, 7, 1)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    for start in ("", "now", "2026-01-01||"):
        parse_moment(start + text, NOW, up=True)


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("-5.10", Decimal("-5.1")), ("1e3", 1000), ("x", None), ("", None), ("NaN", None),
     ("Infinity", None), ("1e99999", None)],
)  # fmt: skip
def test_a_number_is_read(text: str, number: Decimal | int | None) -> None:
    assert parse_number(text) == number


def test_an_epoch_is_read() -> None:
    assert from_epoch("1000", 1000) == utc(1970, 1, 1, 0, 0, 1)
    assert from_epoch("x", 1000) is None
    assert from_epoch("1e30", 1000) is None
