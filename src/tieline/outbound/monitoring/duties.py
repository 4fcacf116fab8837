"""What is done now and then: deliveries that were counted one by one are added up."""

from __future__ import annotations

from datetime import timedelta

from tieline.database import Transaction
from tieline.kit.time import Clock, utc_now
from tieline.monitoring.duties import COMPACT_SECONDS
from tieline.outbound.monitoring.rollups import COMPACTED_AT_ONCE, compact
from tieline.runtime.periodic import Duty

_PASSES = 50  # a million deltas per transaction, even after a long rest


def outbound_monitoring_duties(*, retention: timedelta, clock: Clock = utc_now) -> list[Duty]:
    """The compaction of the figures of deliveries, which are kept for `retention`."""

    async def roll_up(tx: Transaction) -> None:
        # Buckets of that age may have been dropped; there is nothing to add them to.
        kept_since = clock() - retention
        for _ in range(_PASSES):
            if await compact(tx, kept_since) < COMPACTED_AT_ONCE:
                return

    return [Duty("outbound.roll_up", COMPACT_SECONDS, roll_up)]
