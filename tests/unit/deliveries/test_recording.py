"""What attempts mean for their deliveries and webhooks."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.deliveries.attempt_making import KEY, NOW, ended, standing

from tieline.outbound.deliveries.circuit import CLOSED, Position
from tieline.outbound.deliveries.engine.health import Health
from tieline.outbound.deliveries.engine.models import Attempt, Standing
from tieline.outbound.deliveries.engine.recording import Consequences, consequences
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.retry import RetryPolicy
from tieline.outbound.deliveries.streaks import Streak
from tieline.outbound.deliveries.verdicts import INTERRUPTED, LOST

END = NOW + timedelta(seconds=1)


def of(*attempts: Attempt, about: Standing | None = None) -> Consequences:
    return consequences(attempts, {KEY: about or standing()}, chance=lambda: 0)


def test_a_success_ends_the_delivery() -> None:
    attempt = ended(204)

    found = of(attempt)

    [ending] = found.endings
    assert (ending.lease, ending.state) == (attempt.lease, DeliveryState.SUCCEEDED)
    assert (ending.status_code, ending.code, ending.reason, ending.at) == (204, None, None, END)
    assert found.health == {KEY: Health(END, "succeeded", 0)}
    assert not found.retries
    assert not found.changed


def test_a_failure_is_tried_again_by_the_schedule() -> None:
    attempt = ended(500, attempt=2)

    found = of(attempt)

    assert found.retries == [(attempt.lease, END + timedelta(minutes=5))]
    assert not found.endings
    assert found.changed[KEY].streak == Streak(1, END)
    assert found.changed[KEY].circuit.failures == 1
    assert found.health == {KEY: Health(END, "failed", 1)}


def test_the_receiver_may_ask_for_a_later_time() -> None:
    attempt = ended(503, retry_after=timedelta(minutes=1))

    assert of(attempt).retries == [(attempt.lease, END + timedelta(minutes=1))]


def test_after_the_last_attempt_it_is_a_dead_letter_that_says_why() -> None:
    found = of(ended(500, attempt=10))

    [ending] = found.endings
    assert (ending.state, ending.status_code, ending.code) == (
        *(DeliveryState.FAILED, 500, "HTTP_500"),
    )
    assert ending.reason == (
        "Given up after 10 attempts. The last one: The receiver answered 500 Internal Server "
        "Error. Look at its own log."
    )


def test_a_single_attempt_is_one_attempt() -> None:
    found = of(ended(500), about=standing(policy=RetryPolicy(max_attempts=1)))

    assert (found.endings[0].reason or "").startswith("Given up after one attempt. ")


def test_410_ends_the_delivery_at_once_and_disables_the_webhook() -> None:
    found = of(ended(410))

    assert found.disable == {KEY}
    assert found.endings[0].state is DeliveryState.FAILED
    assert not found.retries


def test_a_lost_attempt_is_made_up_for_at_once_and_blames_nobody() -> None:
    for verdict in (LOST, INTERRUPTED):
        attempt = ended(verdict)

        found = of(attempt)

        assert found.retries == [(attempt.lease, END)]
        assert not found.changed
        assert not found.health


def test_a_lost_attempt_counts_among_the_attempts() -> None:
    [ending] = of(ended(LOST, attempt=10)).endings

    assert (ending.state, ending.code) == (DeliveryState.FAILED, "ATTEMPT_LOST")


def test_five_failures_open_the_circuit_whatever_deliveries_they_are_of() -> None:
    about = standing()

    of(*(ended(500) for _ in range(5)), about=about)

    assert about.circuit.position is Position.OPEN


def test_attempts_count_in_the_order_in_which_they_ended() -> None:
    about = standing()

    found = of(ended(500), ended(200), about=about)

    assert (about.circuit, about.streak) == (CLOSED, Streak())
    assert found.health[KEY].status == "succeeded"


def test_a_long_streak_pauses_the_webhook() -> None:
    about = standing(streak=Streak(19, NOW - timedelta(hours=2)))

    assert of(ended(404), about=about).pause == {KEY}


def test_a_short_one_does_not() -> None:
    about = standing(streak=Streak(19, NOW - timedelta(minutes=2)))

    assert not of(ended(404), about=about).pause
