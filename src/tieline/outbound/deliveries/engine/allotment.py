"""How much each webhook is granted in one turn, so that a process never begins too much."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tieline.outbound.deliveries.engine.models import Key, Standing
from tieline.outbound.deliveries.engine.shares import Shares


@dataclass
class Allotment:
    """The room of a process, handed out webhook by webhook.

    `crowded` are webhooks for which there was too little room, `full` those that get no more even
    if there is. One that is `closed` grants nothing, and the `barred` get nothing. `granted` is how
    much that is in all.
    """

    shares: Shares[Key]
    closed: bool = False
    barred: Collection[Key] = ()
    crowded: set[Key] = field(default_factory=set)
    full: set[Key] = field(default_factory=set)
    granted: int = 0

    def grant(self, standing: Standing) -> int:
        """How many deliveries of this webhook may be leased now."""
        key = standing.key
        if self.closed or key in self.barred:
            self.full.add(key)
            return 0
        allowed = standing.max_concurrency - self.shares.under_way(key)
        room = min(self.shares.room_for(key), self.shares.free - self.granted)
        most = max(0, min(allowed, room))
        if most >= allowed:
            self.full.add(key)
        else:
            self.crowded.add(key)
        self.granted += most
        return most
