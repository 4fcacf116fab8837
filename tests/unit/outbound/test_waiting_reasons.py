"""Why a delivery waits: the first reason that holds, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tieline.outbound.log.models import WaitReason
from tieline.outbound.log.waiting import QueuePlace, why_it_waits
from tieline.outbound.webhooks.models import Transport, Webhook

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OTHER = UUID("0190a207-0000-7000-8000-000000000001")


def webhook(**different: Any) -> Webhook:
    return Webhook(id=uuid4(), org_id="org", created_at=NOW, updated_at=NOW, **different)


def place(**different: Any) -> QueuePlace:
    return QueuePlace(**{"due_at": NOW - SECOND, "attempt": 0, "round": 1, **different})


def test_what_is_leased_is_being_sent() -> None:
    found = why_it_waits(place(attempt=3, leased_until=NOW + SECOND), webhook(), NOW)
    assert (found.reason, found.until) == (WaitReason.IN_FLIGHT, NOW + SECOND)
    assert found.message == "It is being sent, attempt 3."


def test_what_a_consumer_has_says_until_when() -> None:
    found = why_it_waits(place(leased_until=NOW + SECOND), webhook(transport=Transport.PULL), NOW)
    assert found.reason is WaitReason.IN_FLIGHT
    assert "2026-01-31T08:00:01.000Z" in found.message


@pytest.mark.parametrize(
    ("transport", "words"), [(Transport.PUSH, "vanished"), (Transport.PULL, "run out")]
)
def test_a_lease_that_is_over_is_taken_over(transport: Transport, words: str) -> None:
    found = why_it_waits(place(leased_until=NOW), webhook(transport=transport), NOW)
    assert (found.reason, found.since) == (WaitReason.TURN, NOW)
    assert words in found.message


@pytest.mark.parametrize("reason", [None, "The receiver answered 410."])
def test_a_disabled_webhook_comes_before_a_pause(reason: str | None) -> None:
    hook = webhook(enabled=False, disabled_reason=reason, paused_at=NOW)
    found = why_it_waits(place(), hook, NOW)
    assert found.reason is WaitReason.DISABLED
    assert (reason or "is disabled.") in found.message


@pytest.mark.parametrize(("failures", "words"), [(0, "Resume it"), (20, "after 20 failures")])
def test_a_paused_webhook_says_since_when(failures: int, words: str) -> None:
    hook = webhook(paused_at=NOW - SECOND, consecutive_failures=failures)
    found = why_it_waits(place(behind=OTHER), hook, NOW)
    assert (found.reason, found.since) == (WaitReason.PAUSED, NOW - SECOND)
    assert words in found.message


def test_what_keeps_the_order_names_what_comes_first() -> None:
    found = why_it_waits(place(behind=OTHER, due_at=NOW + SECOND), webhook(ordered=True), NOW)
    assert (found.reason, found.behind) == (WaitReason.ORDER, OTHER)
    assert str(OTHER) in found.message


@pytest.mark.parametrize(("attempt", "words"), [(0, "the first attempt"), (2, "attempt 3")])
def test_what_is_not_due_says_when_it_is(attempt: int, words: str) -> None:
    found = why_it_waits(place(due_at=NOW + SECOND, attempt=attempt), webhook(), NOW)
    assert (found.reason, found.until) == (WaitReason.RETRY, NOW + SECOND)
    assert words in found.message


def test_what_is_to_be_pulled_waits_for_a_consumer() -> None:
    hook = webhook(transport=Transport.PULL)
    found = why_it_waits(place(circuit="open", circuit_until=NOW + SECOND), hook, NOW)
    assert found.reason is WaitReason.CONSUMER


def test_an_open_circuit_says_until_when() -> None:
    opened = {"circuit": "open", "circuit_opened_at": NOW - SECOND}
    found = why_it_waits(place(**opened, circuit_until=NOW + SECOND), webhook(), NOW)
    assert found.reason is WaitReason.CIRCUIT
    assert (found.since, found.until) == (NOW - SECOND, NOW + SECOND)
    assert "2026-01-31T08:00:01.000Z" in found.message


@pytest.mark.parametrize("until", [None, NOW])
def test_a_circuit_whose_time_is_over_waits_for_the_one_that_tries(until: datetime | None) -> None:
    found = why_it_waits(place(circuit="half_open", circuit_until=until), webhook(), NOW)
    assert found.reason is WaitReason.CIRCUIT
    assert "tries" in found.message


def test_a_webhook_with_all_its_requests_under_way_lets_others_wait() -> None:
    found = why_it_waits(place(in_flight=10), webhook(max_concurrency=10), NOW)
    assert found.reason is WaitReason.CONCURRENCY
    assert "10 at once" in found.message


def test_a_rate_limit_says_when_the_next_may_go() -> None:
    hook = webhook(rate_limit_per_second=0.5)
    found = why_it_waits(place(tokens=0.5, tokens_at=NOW), hook, NOW)
    assert (found.reason, found.until) == (WaitReason.RATE, NOW + SECOND)
    assert "0.5 deliveries per second" in found.message


@pytest.mark.parametrize(
    ("rate", "state"),
    [
        (None, {"tokens": 0.0, "tokens_at": NOW}),
        (0.5, {}),
        (0.5, {"tokens": 0.0}),
        (0.5, {"tokens": 0.0, "tokens_at": NOW - 2 * SECOND}),
    ],
)
def test_otherwise_it_is_its_turn(rate: float | None, state: dict[str, Any]) -> None:
    hook = webhook(rate_limit_per_second=rate)
    found = why_it_waits(place(**state), hook, NOW)
    assert (found.reason, found.since) == (WaitReason.TURN, NOW - SECOND)
    assert "tieline doctor" in found.message
