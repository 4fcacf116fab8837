"""Webhooks of which a turn may have failed: looked after one by one, so that no other waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K")

_BETWEEN_TRIES = timedelta(seconds=30)


@dataclass
class Apart(Generic[K]):
    """A turn that fails has failed for every webhook that it was about.

    Each of these gets a turn of its own next. For those of which it succeeds that was all; one of
    which it fails too is the cause, and comes up again every half a minute.
    """

    _since: dict[K, datetime] = field(default_factory=dict)

    def choose(self, keys: Sequence[K], now: datetime, most: int) -> list[K]:
        """Those of the webhooks to look after in one turn: up to `most`, or one by itself."""
        if not self._since:
            return list(keys[:most])
        for key in keys:
            since = self._since.get(key)
            if since is not None and since <= now:
                return [key]
        return [key for key in keys if key not in self._since][:most]

    def not_before(self, key: K) -> datetime | None:
        """From when on a webhook gets a turn by itself; None for one that needs none."""
        return self._since.get(key)

    def failed(self, keys: Collection[K], now: datetime) -> None:
        """A turn about these has failed."""
        for key in keys:
            known = len(keys) == 1 and key in self._since
            self._since[key] = now + _BETWEEN_TRIES if known else now

    def succeeded(self, keys: Collection[K]) -> None:
        """A turn about these has not failed."""
        if self._since:
            for key in keys:
                self._since.pop(key, None)
