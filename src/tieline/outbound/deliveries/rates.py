"""How many requests per second a webhook gets: a bucket that fills with time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """The requests that could begin at the moment `at`; one that was never used is full."""

    tokens: float | None = None
    at: datetime | None = None

    def filled(self, rate: float, now: datetime) -> float:
        """How many requests may begin now: never more than come together in a second, or one."""
        most = max(1.0, rate)
        if self.tokens is None or self.at is None:
            return most
        passed = max(0.0, (now - self.at).total_seconds())
        return min(most, self.tokens + passed * rate)

    def without(self, used: int, rate: float, now: datetime) -> Bucket:
        """The bucket after so many requests have begun."""
        return Bucket(self.filled(rate, now) - used, now)

    def next_at(self, rate: float, now: datetime) -> datetime:
        """When the next request may begin."""
        missing = max(0.0, 1.0 - self.filled(rate, now))
        # A moment later rather than a moment too early: then there would be nothing yet.
        return now + timedelta(seconds=missing / rate + 0.001)
