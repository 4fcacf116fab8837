"""Records attempts one by one when they could not be recorded together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import structlog

from tieline.database.errors import DatabaseUnavailable
from tieline.outbound.deliveries.engine.models import NOTHING_SENT, Attempt, AttemptNumber
from tieline.outbound.deliveries.engine.turns import Turns, Wish

log = structlog.get_logger(__name__)


async def record_singly(
    turns: Turns, attempts: Sequence[Attempt], known: Collection[AttemptNumber]
) -> list[Attempt]:
    """Record attempts, each by itself; those that could not be because of a lock.

    `known` are all attempts about which this process has something to tell: none of them is lost,
    even if its lease has run out since. One that cannot be stored as it is, whatever it holds, is
    stored without what was sent and answered; if even that fails its lease runs out, and somebody
    records it as lost. Raises `DatabaseUnavailable`.
    """
    kept: list[Attempt] = []
    for attempt in attempts:
        bare = msgspec.structs.replace(attempt, exchange=NOTHING_SENT)
        for form in (attempt, bare):
            try:
                turn = await turns.take(Wish(attempts=[form], known=known))
            except DatabaseUnavailable:
                raise
            except Exception:
                log.exception("deliveries.not_recorded", delivery=str(form.lease.delivery_id))
            else:
                kept += turn.kept
                break
    return kept
