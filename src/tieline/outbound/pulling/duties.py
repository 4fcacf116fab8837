"""Messages that nobody fetches do not wait for ever."""

from __future__ import annotations

from datetime import timedelta

from tieline.database import OrgTransaction, Transaction
from tieline.kit.time import Clock, utc_now
from tieline.outbound.deliveries.repository import lock_state
from tieline.outbound.pulling import neglected_repository as repository
from tieline.outbound.pulling.lending import take_back
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.records.repository import find_record
from tieline.runtime.periodic import Duty

NOT_PULLED = "NOT_PULLED"


def pulling_duties(*, patience: timedelta, clock: Clock = utc_now) -> list[Duty]:
    """The end of messages that no consumer has fetched for that long: they are dead letters."""

    async def give_up(tx: Transaction) -> None:
        now = clock()
        before = now - patience
        reason = (
            f"Nobody has fetched it for {patience.days} days. Let its consumer run, then "
            "redrive it."
        )
        for org_id, webhook_id in await repository.neglected_webhooks(tx, before):
            organisation = OrgTransaction(tx.connection, org_id)
            await lock_state(organisation, webhook_id)
            webhook = await find_record(organisation, WEBHOOKS, webhook_id)
            if webhook is None:
                continue
            await take_back(organisation, webhook, now)
            await repository.end_neglected(
                organisation, webhook_id, before, code=NOT_PULLED, reason=reason, now=now
            )

    return [Duty("outbound.end_neglected_messages", 600, give_up)]
