"""The calendar day in Germany, on the days on which the clocks change above all."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.readings.days import bounds, local_day

DAYS = st.dates(min_value=date(1980, 1, 1), max_value=date(2100, 1, 1))
BEGINNING = datetime(1980, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 120 * 366 * 86_400).map(lambda s: BEGINNING + timedelta(seconds=s))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-01-31T22:59:59Z", date(2026, 1, 31)),
        ("2026-01-31T23:00:00Z", date(2026, 2, 1)),
        ("2026-07-31T21:59:59Z", date(2026, 7, 31)),
        ("2026-07-31T22:00:00Z", date(2026, 8, 1)),
        ("2026-01-31T00:00:00Z", date(2026, 1, 31)),
        # 29 March 2026 begins in winter time and ends in summer time.
        ("2026-03-28T23:00:00Z", date(2026, 3, 29)),
        ("2026-03-29T21:59:59Z", date(2026, 3, 29)),
        ("2026-03-29T22:00:00Z", date(2026, 3, 30)),
        # 25 October 2026 begins in summer time and ends in winter time.
        ("2026-10-24T22:00:00Z", date(2026, 10, 25)),
        ("2026-10-25T22:59:59Z", date(2026, 10, 25)),
        ("2026-10-25T23:00:00Z", date(2026, 10, 26)),
    ],
)
def test_a_moment_falls_on_the_german_day(moment, day):
    assert local_day(datetime.fromisoformat(moment)) == day


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)],
)
def test_a_day_has_as_many_hours_as_the_clocks_say(day, hours):
    begin, end = bounds(day)
    assert end - begin == timedelta(hours=hours)


@given(MOMENTS)
def test_every_moment_lies_within_the_bounds_of_its_day(moment):
    begin, end = bounds(local_day(moment))
    assert begin <= moment < end


@given(DAYS)
def test_one_day_ends_where_the_next_begins(day):
    assert bounds(day)[1] == bounds(day + timedelta(days=1))[0]


@given(DAYS)
def test_the_bounds_of_a_day_are_its_edges(day):
    begin, end = bounds(day)
    step = timedelta(microseconds=1)
    assert [local_day(m) for m in (begin - step, begin, end - step, end)] == [
        day - timedelta(days=1),
        day,
        day,
        day + timedelta(days=1),
    ]
