"""How long a webhook has been failing, and when it is paused for that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tieline.outbound.deliveries.verdicts import Outcome

FAILURES_TO_PAUSE = 20
TIME_TO_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Streak:
    """Attempts that failed since the last success: how many, and when the first of them did."""

    failures: int = 0
    since: datetime | None = None

    def after(self, outcome: Outcome, now: datetime) -> Streak:
        """The streak after another attempt; one that was lost is neither success nor failure."""
        match outcome:
            case Outcome.SUCCEEDED:
                return UNBROKEN
            case Outcome.FAILED:
                return Streak(self.failures + 1, self.since or now)
            case Outcome.LOST:
                return self

    def asks_for_pause(self, now: datetime) -> bool:
        """Whether it is so long, in number and in time, that somebody has to look at it."""
        return (
            self.since is not None
            and self.failures >= FAILURES_TO_PAUSE
            and now - self.since >= TIME_TO_PAUSE
        )


UNBROKEN = Streak()
