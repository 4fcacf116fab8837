"""When a failed delivery is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.deliveries.retry import (
    LONGEST_RETRY_AFTER,
    SCHEDULE,
    RetryPolicy,
    next_attempt,
    parse_retry_after,
)

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
DEFAULT = RetryPolicy()


def test_ten_attempts_are_spread_over_three_days() -> None:
    assert DEFAULT.max_attempts == len(SCHEDULE) + 1
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_the_waits_are_those_of_the_schedule() -> None:
    waits = [next_attempt(DEFAULT, attempt, NOW, chance=0) for attempt in range(1, 10)]

    assert waits == [NOW + wait for wait in SCHEDULE]


def test_after_the_last_attempt_there_is_none() -> None:
    assert next_attempt(DEFAULT, 10, NOW, chance=0) is None
    assert next_attempt(RetryPolicy(max_attempts=1), 1, NOW, chance=0) is None


def test_beyond_the_schedule_the_last_wait_repeats() -> None:
    policy = RetryPolicy(max_attempts=25)

    assert next_attempt(policy, 24, NOW, chance=0) == NOW + timedelta(hours=24)


def test_chance_makes_a_wait_longer_by_up_to_a_tenth() -> None:
    assert next_attempt(DEFAULT, 2, NOW, chance=1) == NOW + timedelta(minutes=5, seconds=30)


@given(st.integers(1, 9), st.floats(0, 1))
def test_nothing_is_tried_again_too_early(attempt: int, chance: float) -> None:
    at = next_attempt(DEFAULT, attempt, NOW, chance=chance)

    assert at is not None
    assert SCHEDULE[attempt - 1] <= at - NOW <= SCHEDULE[attempt - 1] * 1.1


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (timedelta(seconds=1), timedelta(seconds=5)),  # sooner than the schedule: no
        (timedelta(minutes=2), timedelta(minutes=2)),
        (timedelta(days=30), LONGEST_RETRY_AFTER),
    ],
)
def test_the_receiver_may_ask_for_more_time(asked: timedelta, granted: timedelta) -> None:
    assert next_attempt(DEFAULT, 1, NOW, chance=0, retry_after=asked) == NOW + granted


def test_a_policy_is_read_from_the_webhook() -> None:
    policy = RetryPolicy.of({"maxAttempts": 3, "timeoutMs": 1_500, "delaysSeconds": [0.5, 2]})

    assert policy.max_attempts == 3
    assert policy.timeout == timedelta(seconds=1.5)
    assert policy.delays == (timedelta(seconds=0.5), timedelta(seconds=2))


def test_what_a_policy_leaves_out_has_its_default() -> None:
    assert RetryPolicy.of({}) == DEFAULT


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta()),
        ("Sat, 31 Jan 2026 08:01:00 GMT", timedelta(minutes=1)),
        ("Sat, 31 Jan 2026 08:01:00 -0000", timedelta(minutes=1)),
        ("Sat, 31 Jan 2026 07:00:00 GMT", timedelta()),
        (f"Sat, 31 Jan {'9' * 30} 07:00:00 GMT", None),
        (f"Sat, 31 Jan 2026 07:00:00 +{'9' * 12}", None),
        ("9" * 500, timedelta(seconds=10**9)),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Sat, 99 Jan 2026 08:01:00 GMT", None),
    ],
)
def test_retry_after_is_read(header: str | None, wait: timedelta | None) -> None:
    assert parse_retry_after(header, NOW) == wait


@given(st.text(max_size=60))
def test_no_header_is_too_strange_to_be_read(header: str) -> None:
    wait = parse_retry_after(header, NOW)

    assert wait is None or wait >= timedelta()
