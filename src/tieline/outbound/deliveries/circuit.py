"""The circuit breaker of a webhook: who does not answer is left alone for a while.

closed ──5 endpoint failures in a row──▶ open ──its time is over──▶ half-open: one probe
   ▲                                      ▲                               │
   │                                      └────────the probe fails────────┤
   └───────────────────────────any success────────────────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tieline.outbound.deliveries.verdicts import Blame

FAILURES_TO_OPEN = 5
SHORTEST = timedelta(seconds=30)
LONGEST = timedelta(minutes=5)


class Position(StrEnum):
    """Whether requests are let through."""

    CLOSED = "closed"  # all
    OPEN = "open"  # none until a moment
    HALF_OPEN = "half_open"  # one is under way; its outcome decides


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit at a moment.

    `failures` counts those in a row. `opened_at` is when it opened first since it was closed,
    `rounds` how often since. `until` is the end of an open circuit's time; of a half-open one it
    is when the probe is given up for lost.
    """

    position: Position = Position.CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    until: datetime | None = None
    rounds: int = 0


CLOSED = Circuit()


def lets_through(circuit: Circuit, now: datetime) -> int | None:
    """How many requests may begin now; None for any number."""
    if circuit.position is Position.CLOSED:
        return None
    return 1 if circuit.until is None or circuit.until <= now else 0


def probing(circuit: Circuit, until: datetime) -> Circuit:
    """The circuit while the one request that it let through is under way, until then at most."""
    return replace(circuit, position=Position.HALF_OPEN, until=until)


def after(circuit: Circuit, blame: Blame, now: datetime) -> Circuit:
    """The circuit after an attempt has ended."""
    match blame:
        case Blame.NOBODY | Blame.MESSAGE | Blame.GONE:
            return CLOSED  # the endpoint answers
        case Blame.ENDPOINT:
            return _after_failure(circuit, now)
        case Blame.OURSELVES:
            if circuit.position is Position.HALF_OPEN:
                # The probe has asked nobody: the next request may do that.
                return replace(circuit, position=Position.OPEN, until=now)
            return circuit


def _after_failure(circuit: Circuit, now: datetime) -> Circuit:
    match circuit.position:
        case Position.CLOSED if circuit.failures + 1 < FAILURES_TO_OPEN:
            return replace(circuit, failures=circuit.failures + 1)
        case Position.CLOSED:
            return Circuit(Position.OPEN, circuit.failures + 1, now, now + SHORTEST, rounds=1)
        case Position.OPEN:
            # It was sent before the circuit opened, and says nothing new.
            return replace(circuit, failures=circuit.failures + 1)
        case Position.HALF_OPEN:
            wait = min(SHORTEST * 2 ** min(circuit.rounds, 10), LONGEST)
            return Circuit(
                *(Position.OPEN, circuit.failures + 1, circuit.opened_at, now + wait),
                rounds=circuit.rounds + 1,
            )
