"""What waits to be delivered: put there, taken off, sent on, begun anew.

All of it happens in the caller's transaction. What is enqueued is sent once that has committed, by
whichever process is first; see `engine.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.kit.ids import new_ulid, new_uuid, uuid_time
from tieline.kit.time import utc_now
from tieline.outbound.deliveries import repository
from tieline.outbound.deliveries.models import NewDelivery

# More than these would hold up whoever deletes the webhook. The engine cancels the others: nothing
# is sent to a webhook that is deleted.
_MOST_CANCELLED = 10_000


async def enqueue(
    tx: OrgTransaction,
    deliveries: Sequence[NewDelivery],
    now: datetime,
    *,
    due_at: datetime | None = None,
) -> list[UUID]:
    """Make deliveries, in their order, and have them sent; the ids that they get.

    Those with an ending are only noted. Those of a webhook that is paused or disabled wait. Nobody
    sends them before `due_at` but `DeliveryEngine.attempt_now`, whose caller gives it the time to
    be first.
    """
    ids = [new_uuid() for _ in deliveries]
    if not ids:
        return ids
    made = list(zip(ids, deliveries, strict=True))
    await repository.insert_deliveries(tx, [_row(*each, now) for each in made])
    waiting = [(each_id, each) for each_id, each in made if each.ending is None]
    if waiting:
        webhooks = list({each.webhook_id for _, each in waiting})
        ordered = await repository.keeping_order(tx, webhooks)
        rows = [
            (
                each.webhook_id,
                each_id,
                uuid_time(each_id),
                each.entity_id if each.webhook_id in ordered else None,
                due_at or now,
            )
            for each_id, each in waiting
        ]
        await repository.insert_waiting(tx, rows)
        await repository.announce(tx, webhooks)
    return ids


async def cancel_pending(
    tx: OrgTransaction, webhook_id: UUID, reason: str, now: datetime | None = None
) -> int:
    """End the deliveries that wait for a webhook which is being deleted; how many those are.

    Of more than ten thousand the rest is ended within moments, by the engine. A request that is
    under way is not called back: its attempt is recorded, its delivery is cancelled all the same.
    """
    await repository.lock_state(tx, webhook_id)
    cancelled = await repository.cancel(tx, webhook_id, reason, now or utc_now(), _MOST_CANCELLED)
    if cancelled == _MOST_CANCELLED:
        await repository.announce(tx, [webhook_id])
    return cancelled


async def resume(tx: OrgTransaction, webhook_id: UUID, now: datetime | None = None) -> int:
    """Send what waits for a webhook as soon as the transaction commits; how many those are.

    Its circuit is closed and its failures are forgotten. Deliveries that were to be tried again
    later are due at once, and all go out in the order in which they were made. The caller has
    taken the pause off the webhook.
    """
    await repository.lock_state(tx, webhook_id)
    await repository.forget_failures(tx, webhook_id)
    await repository.make_due(tx, webhook_id, now or utc_now())
    await repository.announce(tx, [webhook_id])
    return await repository.count_waiting(tx, webhook_id)


async def redrive(
    tx: OrgTransaction, delivery_ids: Sequence[UUID], now: datetime | None = None
) -> list[UUID]:
    """Send dead letters again, with the same body and message id; those for which that happens.

    Their attempts begin anew, as another round. Left out is what is no dead letter, what never had
    a body, and what would go to a webhook that is deleted.
    """
    moments = {each: uuid_time(each) for each in delivery_ids}
    found = [(each, moment) for each, moment in moments.items() if moment is not None]
    if not found:
        return []
    revived = await repository.revive(tx, found, now or utc_now())
    await repository.announce(tx, list({webhook_id for _, webhook_id in revived}))
    return [delivery_id for delivery_id, _ in revived]


def _row(delivery_id: UUID, delivery: NewDelivery, now: datetime) -> repository.DeliveryRow:
    message_id = delivery.message_id or f"msg_{new_ulid()}"
    created_at = uuid_time(delivery_id)
    assert created_at is not None  # ids that are made here carry their moment
    return repository.delivery_row(delivery_id, created_at, message_id, delivery, now)
