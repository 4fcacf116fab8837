"""When a webhook that fails is paused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tieline.outbound.deliveries.streaks import (
    FAILURES_TO_PAUSE,
    TIME_TO_PAUSE,
    UNBROKEN,
    Streak,
)
from tieline.outbound.deliveries.verdicts import Outcome

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def failing(times: int, since: datetime = NOW) -> Streak:
    streak = UNBROKEN
    for number in range(times):
        streak = streak.after(Outcome.FAILED, since + timedelta(seconds=number))
    return streak


def test_failures_are_counted_from_the_first_one_on() -> None:
    assert failing(3) == Streak(3, NOW)


def test_a_success_ends_the_streak() -> None:
    assert failing(30).after(Outcome.SUCCEEDED, NOW) == UNBROKEN


def test_a_lost_attempt_changes_nothing() -> None:
    assert failing(3).after(Outcome.LOST, NOW) == failing(3)


def test_twenty_failures_within_an_hour_are_no_reason_to_pause() -> None:
    assert not failing(FAILURES_TO_PAUSE).asks_for_pause(NOW + timedelta(minutes=59))


def test_an_hour_with_less_than_twenty_failures_is_none_either() -> None:
    assert not failing(FAILURES_TO_PAUSE - 1).asks_for_pause(NOW + timedelta(days=3))


def test_twenty_failures_over_an_hour_are() -> None:
    assert failing(FAILURES_TO_PAUSE).asks_for_pause(NOW + TIME_TO_PAUSE)


def test_without_failures_there_is_no_pause() -> None:
    assert not UNBROKEN.asks_for_pause(NOW)
