"""What monitoring does now and then: outcomes that were counted one by one are added up."""

from __future__ import annotations

from datetime import timedelta

from tieline.database import Transaction
from tieline.kit.time import Clock, utc_now
from tieline.monitoring.rollup_repository import COMPACTED_AT_ONCE, compact
from tieline.runtime.periodic import Duty

COMPACT_SECONDS = 20.0
_PASSES = 50  # a million deltas per transaction, even after a long rest


def monitoring_duties(*, retention: timedelta, clock: Clock = utc_now) -> list[Duty]:
    """The compaction of roll-ups. `retention` is how long outcomes are kept."""

    async def roll_up(tx: Transaction) -> None:
        # Buckets of that age may have been dropped; there is nothing to add them to.
        kept_since = clock() - retention
        for _ in range(_PASSES):
            if await compact(tx, kept_since) < COMPACTED_AT_ONCE:
                return

    return [Duty("monitoring.roll_up", COMPACT_SECONDS, roll_up)]
