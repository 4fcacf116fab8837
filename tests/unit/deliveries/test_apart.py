"""A webhook of which turns fail is looked after by itself, and the others without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tieline.outbound.deliveries.engine.apart import Apart

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


def test_webhooks_are_looked_after_together() -> None:
    apart: Apart[str] = Apart()

    assert apart.choose(["a", "b", "c"], NOW, 2) == ["a", "b"]
    assert apart.not_before("a") is None


def test_after_a_failure_each_has_a_turn_by_itself() -> None:
    apart: Apart[str] = Apart()
    apart.failed(["a", "b"], NOW)

    assert apart.choose(["c", "a", "b"], NOW, 2) == ["a"]
    apart.succeeded(["a"])
    assert apart.choose(["c", "a", "b"], NOW, 2) == ["b"]
    apart.succeeded(["b"])
    assert apart.choose(["c", "a", "b"], NOW, 2) == ["c", "a"]


def test_one_that_fails_by_itself_is_left_alone_for_a_while() -> None:
    apart: Apart[str] = Apart()
    apart.failed(["a", "b"], NOW)
    apart.failed(["a"], NOW)
    apart.succeeded(["b"])

    assert apart.not_before("a") == LATER
    assert apart.choose(["a", "b", "c"], NOW, 9) == ["b", "c"]
    assert apart.choose(["a", "b", "c"], LATER, 9) == ["a"]


def test_a_single_failure_of_one_that_was_by_itself_by_chance_is_no_reason_to_wait() -> None:
    apart: Apart[str] = Apart()
    apart.failed(["a"], NOW)

    assert apart.not_before("a") == NOW
