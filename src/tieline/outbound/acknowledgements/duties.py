"""Notes which acknowledgements did not come in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tieline.database import Transaction
from tieline.kit.time import Clock, utc_now
from tieline.monitoring.models import ErrorCategory, Outcome, OutcomeStatus, SyncType
from tieline.monitoring.repository import insert_outcomes
from tieline.outbound.acknowledgements import repository
from tieline.outbound.acknowledgements.models import TIME_TO_ACKNOWLEDGE, Awaited
from tieline.runtime.periodic import Duty

ACK_TIMEOUT = "ACK_TIMEOUT"
_PASSES = 20
_TICK = timedelta(microseconds=1)
_LONGEST = 2**31 - 1  # milliseconds: while Tieline was stopped, nobody looked
_MINUTES = TIME_TO_ACKNOWLEDGE // timedelta(minutes=1)


def acknowledgement_duties(
    *,
    retention: timedelta,
    finished: Callable[[Sequence[Outcome]], None] = lambda outcomes: None,
    clock: Clock = utc_now,
) -> list[Duty]:
    """The end of waiting. `retention` is how long deliveries are kept.

    `finished` is told the outcomes that were written.
    """

    async def expire(tx: Transaction) -> None:
        now = clock()
        await repository.forget_undelivered(tx, now - retention)
        for number in range(_PASSES):
            expired = await repository.take_expired(tx, now - TIME_TO_ACKNOWLEDGE)
            # Several messages of one event may expire together: moments tell the outcomes apart.
            first = now + number * repository.EXPIRED_AT_ONCE * _TICK
            outcomes = [_timeout(each, first + n * _TICK) for n, each in enumerate(expired)]
            await insert_outcomes(tx, outcomes)
            finished(outcomes)
            if len(expired) < repository.EXPIRED_AT_ONCE:
                return

    return [Duty("outbound.acknowledgements", 60, expire)]


def _timeout(awaited: Awaited, now: datetime) -> Outcome:
    """What monitoring shows of an acknowledgement that did not come."""
    delivered_at = awaited.delivered_at or awaited.created_at
    return Outcome(
        org_id=awaited.org_id,
        integration_id=awaited.integration_id,
        event_id=awaited.event_id,
        sync_type=SyncType.WEBHOOK,
        received_at=awaited.created_at,
        completed_at=now,
        object_type=awaited.event_name,
        status=OutcomeStatus.WARNING,
        duration_ms=min((now - delivered_at) // timedelta(milliseconds=1), _LONGEST),
        correlation_id=awaited.correlation_id,
        use_case_id=awaited.use_case_id,
        error_code=ACK_TIMEOUT,
        error_category=ErrorCategory.TIMEOUT,
        error_message=(
            f"The message {awaited.delivery_id} about {awaited.event_name} was delivered to the "
            f"webhook {awaited.webhook_id}, but not acknowledged within {_MINUTES} minutes. See "
            "whether the receiver has worked on it; it acknowledges by POST "
            "/v1/erp/tracking/acknowledgement with the _ack_id of the message. If it got lost "
            "there, replay the delivery."
        ),
    )
