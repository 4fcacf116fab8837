"""The rate limit of a webhook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.deliveries.rates import Bucket

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def test_a_new_bucket_holds_what_comes_in_a_second() -> None:
    assert Bucket().filled(20, NOW) == 20


def test_it_always_holds_at_least_one() -> None:
    assert Bucket().filled(0.1, NOW) == 1


def test_what_is_used_comes_back_with_time() -> None:
    bucket = Bucket().without(20, 20, NOW)

    assert bucket.filled(20, NOW) == 0
    assert bucket.filled(20, NOW + timedelta(milliseconds=250)) == pytest.approx(5)
    assert bucket.filled(20, NOW + timedelta(hours=1)) == 20


def test_a_clock_that_goes_back_gives_nothing() -> None:
    assert Bucket().without(20, 20, NOW).filled(20, NOW - timedelta(hours=1)) == 0


def test_the_next_request_may_begin_when_there_is_one_again() -> None:
    bucket = Bucket().without(1, 0.5, NOW)

    at = bucket.next_at(0.5, NOW)

    assert timedelta(seconds=2) <= at - NOW < timedelta(seconds=2.1)
    assert bucket.filled(0.5, at) >= 1
    assert Bucket().next_at(5, NOW) - NOW < timedelta(seconds=0.1)


@given(st.floats(0.01, 1_000), st.lists(st.floats(0, 5), min_size=1, max_size=30))
def test_over_any_time_no_more_begins_than_the_rate_allows(
    rate: float, pauses: list[float]
) -> None:
    bucket, now, begun = Bucket(), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        allowed = int(bucket.filled(rate, now))
        bucket, begun = bucket.without(allowed, rate, now), begun + allowed

    passed = (now - NOW).total_seconds()
    assert begun <= max(1.0, rate) + rate * passed + 0.001 * (1 + passed)
