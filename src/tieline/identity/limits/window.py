"""The sliding window: how much of a limit per minute is left, and when more will be.

The counter of the current minute and that of the minute before, weighted by the part of it that
still lies within the last sixty seconds, stand in for a log of all requests.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """What was used in this minute and in the one before, `elapsed` seconds into this one."""

    current: int
    previous: int
    elapsed: float

    @property
    def remaining_seconds(self) -> float:
        """How long this minute still lasts."""
        return SECONDS - self.elapsed

    def left(self, limit: int) -> int:
        """How much of the limit may be used now."""
        carried = self.previous * self.remaining_seconds / SECONDS
        return max(0, int(limit - carried - self.current))

    def seconds_until(self, amount: int, limit: int) -> float:
        """When that amount may be used, if nobody uses anything meanwhile; `amount <= limit`."""
        if self.current + amount <= limit:
            return max(0.0, _decayed(self.previous, limit - self.current - amount) - self.elapsed)
        return self.remaining_seconds + _decayed(self.current, limit - amount)


def _decayed(used: int, at_most: int) -> float:
    """The second of the next minute from which `used` weighs no more than `at_most`."""
    return SECONDS * (1 - at_most / used) if used > at_most else 0.0
