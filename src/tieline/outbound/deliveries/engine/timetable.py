"""When to look after which webhook next: what one process remembers about that."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

K = TypeVar("K")


@dataclass
class Timetable(Generic[K]):
    """Webhooks that have to be looked after, some at once and some from a moment on.

    Forgetting an entry does no harm: whatever is due is found by a sweep.
    """

    _now: dict[K, None] = field(default_factory=dict)
    _later: list[tuple[datetime, int, K]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, key: K) -> None:
        """Look after it as soon as possible; whoever was added first comes first."""
        self._now.setdefault(key)

    def add_all(self, keys: Iterable[K]) -> None:
        """Look after these as soon as possible."""
        for key in keys:
            self.add(key)

    def add_at(self, key: K, moment: datetime) -> None:
        """Look after it from that moment on."""
        heapq.heappush(self._later, (moment, next(self._numbers), key))

    def take(self, now: datetime) -> list[K]:
        """All that have to be looked after by now, which are forgotten by that."""
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[2])
        taken = list(self._now)
        self._now.clear()
        return taken

    @property
    def next_at(self) -> datetime | None:
        """When the next of those for later comes up."""
        return self._later[0][0] if self._later else None

    @property
    def anything_now(self) -> bool:
        """Whether somebody has to be looked after at once."""
        return bool(self._now)
