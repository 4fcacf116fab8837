"""The circuit breaker of a webhook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.outbound.deliveries.circuit import (
    CLOSED,
    FAILURES_TO_OPEN,
    LONGEST,
    SHORTEST,
    Circuit,
    Position,
    after,
    lets_through,
    probing,
)
from tieline.outbound.deliveries.verdicts import Blame

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
ALIVE = [Blame.NOBODY, Blame.MESSAGE, Blame.GONE]


def failing(times: int, circuit: Circuit = CLOSED) -> Circuit:
    for _ in range(times):
        circuit = after(circuit, Blame.ENDPOINT, NOW)
    return circuit


def test_a_few_failures_leave_it_closed() -> None:
    circuit = failing(FAILURES_TO_OPEN - 1)

    assert circuit.position is Position.CLOSED
    assert lets_through(circuit, NOW) is None


def test_five_failures_in_a_row_open_it_for_half_a_minute() -> None:
    circuit = failing(FAILURES_TO_OPEN)

    assert circuit == Circuit(Position.OPEN, FAILURES_TO_OPEN, NOW, NOW + SHORTEST, 1)
    assert lets_through(circuit, NOW + SHORTEST - timedelta(seconds=1)) == 0
    assert lets_through(circuit, NOW + SHORTEST) == 1


@pytest.mark.parametrize("blame", ALIVE)
def test_an_answer_in_between_begins_the_count_anew(blame: Blame) -> None:
    assert after(failing(FAILURES_TO_OPEN - 1), blame, NOW) == CLOSED


def test_what_was_sent_before_it_opened_does_not_prolong_it() -> None:
    circuit = failing(FAILURES_TO_OPEN)

    later = after(circuit, Blame.ENDPOINT, NOW + timedelta(seconds=20))

    assert (later.position, later.until) == (Position.OPEN, circuit.until)


def test_while_the_probe_is_under_way_nothing_else_is_let_through() -> None:
    lost_at = NOW + timedelta(seconds=45)
    circuit = probing(failing(FAILURES_TO_OPEN), lost_at)

    assert lets_through(circuit, NOW) == 0
    assert lets_through(circuit, lost_at) == 1  # nobody told how it went


@pytest.mark.parametrize("blame", ALIVE)
def test_a_probe_that_is_answered_closes_it(blame: Blame) -> None:
    assert after(probing(failing(FAILURES_TO_OPEN), NOW), blame, NOW) == CLOSED


def test_each_failing_probe_doubles_the_wait_up_to_five_minutes() -> None:
    circuit, waits = failing(FAILURES_TO_OPEN), []
    for _ in range(6):
        circuit = after(probing(circuit, NOW), Blame.ENDPOINT, NOW)
        assert circuit.until is not None
        waits.append((circuit.until - NOW).total_seconds())

    assert waits == [60, 120, 240, 300, 300, 300]
    assert circuit.opened_at == NOW
    assert circuit.rounds == 7


def test_a_probe_that_asked_nobody_lets_the_next_one_try() -> None:
    circuit = after(probing(failing(FAILURES_TO_OPEN), NOW), Blame.OURSELVES, NOW)

    assert circuit.position is Position.OPEN
    assert lets_through(circuit, NOW) == 1


@pytest.mark.parametrize("circuit", [CLOSED, failing(3), failing(FAILURES_TO_OPEN)])
def test_our_own_failures_say_nothing_about_it(circuit: Circuit) -> None:
    assert after(circuit, Blame.OURSELVES, NOW) == circuit


@given(st.lists(st.sampled_from(Blame)))
def test_it_never_stays_open_for_longer_than_five_minutes(blames: list[Blame]) -> None:
    circuit, now = CLOSED, NOW
    for blame in blames:
        if lets_through(circuit, now) == 1:
            circuit = probing(circuit, now + timedelta(seconds=45))
        circuit = after(circuit, blame, now)
        now += timedelta(seconds=40)
        if circuit.position is not Position.CLOSED:
            assert circuit.until is not None
            assert circuit.until - now <= LONGEST
            assert lets_through(circuit, now + LONGEST) == 1
