"""Who may send how much at once in this process, so that nobody who hangs is in others' way."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")

QUICK_SECONDS = 1.0  # who answers within these is quick
_REMEMBERED = 10_000


@dataclass
class Shares(Generic[K]):
    """The requests that are under way at once, of which there are at most `capacity`.

    Webhooks that answered quickly the last time may use all of it. The others (slow ones, and those
    of which nothing is known yet) have half of it between them, and each of these gets the less the
    less is left: there is always room for the quick ones, and soon some for a newcomer.
    """

    capacity: int
    _under_way: Counter[K] = field(default_factory=Counter)
    _total: int = 0
    _of_others: int = 0
    _quick: OrderedDict[K, None] = field(default_factory=OrderedDict)

    @property
    def free(self) -> int:
        """How many more requests may begin, by whomever."""
        return self.capacity - self._total

    def under_way(self, key: K) -> int:
        """How many requests of this one are under way."""
        return self._under_way[key]

    def room_for(self, key: K) -> int:
        """How many more requests of this one may begin."""
        if key in self._quick:
            return self.free
        left = min(max(1, self.capacity // 2) - self._of_others, self.free)
        own = self._under_way[key]
        # A quarter of what is left, its own included, or one as long as there is any.
        return max(0, min(left, max(1, (left + own) // 4) - own))

    def begin(self, key: K) -> None:
        """A request begins."""
        self._under_way[key] += 1
        self._total += 1
        self._of_others += key not in self._quick

    def end(self, key: K) -> None:
        """A request has ended, however."""
        self._of_others -= key not in self._quick
        self._total -= 1
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]

    def note(self, key: K, *, quick: bool) -> None:
        """It answered quickly, or one of its requests has been under way for longer than that."""
        if quick and key not in self._quick:
            self._quick[key] = None
            self._of_others -= self._under_way[key]
            if len(self._quick) > _REMEMBERED:
                self.note(next(iter(self._quick)), quick=False)
        elif not quick and key in self._quick:
            del self._quick[key]
            self._of_others += self._under_way[key]
