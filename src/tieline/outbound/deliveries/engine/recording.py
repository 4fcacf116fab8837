"""What attempts that have ended mean for their deliveries and webhooks. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tieline.outbound.deliveries.circuit import after
from tieline.outbound.deliveries.engine.health import Health
from tieline.outbound.deliveries.engine.models import Attempt, Key, Lease, Standing
from tieline.outbound.deliveries.engine.repository import Ending
from tieline.outbound.deliveries.models import DeliveryState
from tieline.outbound.deliveries.retry import next_attempt
from tieline.outbound.deliveries.verdicts import Blame, Outcome

Chance = Callable[[], float]


@dataclass
class Consequences:
    """What has to be stored because of some attempts, and what to do about their webhooks."""

    endings: list[Ending] = field(default_factory=list)
    retries: list[tuple[Lease, datetime]] = field(default_factory=list)
    changed: dict[Key, Standing] = field(default_factory=dict)
    health: dict[Key, Health] = field(default_factory=dict)
    pause: set[Key] = field(default_factory=set)
    disable: set[Key] = field(default_factory=set)


def consequences(
    attempts: Sequence[Attempt], standings: Mapping[Key, Standing], chance: Chance
) -> Consequences:
    """What comes of attempts, in the order in which they ended; standings are brought up to date.

    `chance` yields numbers between 0 and 1.
    """
    found = Consequences()
    for attempt in attempts:
        standing = standings[attempt.lease.key]
        _settle(found, attempt, standing, chance)
        _note(found, attempt, standing)
    return found


def _settle(found: Consequences, attempt: Attempt, standing: Standing, chance: Chance) -> None:
    """End the delivery, or have it tried again."""
    lease, verdict = attempt.lease, attempt.verdict
    if verdict.outcome is Outcome.SUCCEEDED:
        found.endings.append(_ending(attempt, DeliveryState.SUCCEEDED, None))
        return
    due_at = None
    if verdict.blame is not Blame.GONE:
        due_at = next_attempt(
            standing.policy,
            lease.attempt,
            attempt.ended_at,
            chance=chance(),
            retry_after=attempt.retry_after,
        )
    if due_at is None:
        found.endings.append(_ending(attempt, DeliveryState.FAILED, _given_up(attempt)))
    elif verdict.outcome is Outcome.LOST:
        # The receiver has nothing to recover from.
        found.retries.append((lease, attempt.ended_at))
    else:
        found.retries.append((lease, due_at))


def _note(found: Consequences, attempt: Attempt, standing: Standing) -> None:
    """Take down what it says about the webhook."""
    key, at, verdict = standing.key, attempt.ended_at, attempt.verdict
    circuit = after(standing.circuit, verdict.blame, at)
    streak = standing.streak.after(verdict.outcome, at)
    if circuit != standing.circuit or streak != standing.streak:
        standing.circuit, standing.streak = circuit, streak
        found.changed[key] = standing
    if verdict.outcome is not Outcome.LOST:
        found.health[key] = Health(at, verdict.outcome.value, streak.failures)
    if verdict.blame is Blame.GONE:
        found.disable.add(key)
    elif verdict.outcome is Outcome.FAILED and streak.asks_for_pause(at):
        found.pause.add(key)


def _ending(attempt: Attempt, state: DeliveryState, reason: str | None) -> Ending:
    return Ending(
        attempt.lease,
        state,
        attempt.exchange.status_code,
        attempt.verdict.code,
        reason,
        attempt.ended_at,
    )


def _given_up(attempt: Attempt) -> str:
    count = attempt.lease.attempt
    attempts = "one attempt" if count == 1 else f"{count} attempts"
    return f"Given up after {attempts}. The last one: {attempt.verdict.reason}"
