"""What one can do with the log of deliveries: read it, ask why one waits, send one again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import record, viewed
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock, to_wire, utc_now
from tieline.outbound.deliveries.errors import DeliveryNotFound
from tieline.outbound.deliveries.models import DeliveryKind, NewDelivery
from tieline.outbound.deliveries.queue import enqueue
from tieline.outbound.log import repository
from tieline.outbound.log.errors import DeliveryNotReplayable, WebhookDisabled
from tieline.outbound.log.models import (
    AttemptsShown,
    Backlog,
    LogCursor,
    LoggedDelivery,
    LogPage,
    LogQuery,
    Replayed,
    Waiting,
)
from tieline.outbound.log.waiting import why_it_waits
from tieline.outbound.webhooks.errors import WebhookNotFound
from tieline.outbound.webhooks.models import WEBHOOKS, Webhook
from tieline.records.envelope import Caller
from tieline.records.repository import find_record

_MOST_OF_AN_EVENT = 1_000


class DeliveryLog:
    """The deliveries of all webhooks, also of deleted ones, for as long as they are kept.

    Each method raises `WebhookNotFound`; those about what is still to be sent do so for webhooks
    that are deleted, too.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def query(self, caller: Caller, webhook_id: UUID, query: LogQuery) -> LogPage:
        """A page of the deliveries of a webhook, newest first, with what was sent."""
        async with self._database.reading(caller.org_id) as tx:
            await _webhook(tx, caller, webhook_id, deleted=True)
            found = await repository.newest_deliveries(tx, webhook_id, query, query.limit + 1)
        page = found[: query.limit]
        await self._note_view(caller, page, webhook_id, _asked(query))
        if len(found) <= query.limit:
            return LogPage(page, next_cursor=None)
        return LogPage(page, LogCursor(page[-1].created_at, page[-1].id, page[-1].seq))

    async def get(self, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> LoggedDelivery:
        """One delivery. Raises `DeliveryNotFound`."""
        async with self._database.reading(caller.org_id) as tx:
            await _webhook(tx, caller, webhook_id, deleted=True)
            found = await _one(tx, webhook_id, delivery_id)
        await self._note_view(caller, [found], webhook_id)
        return found

    async def of_event(
        self, org_id: str, event_name: str, event_id: str, since: datetime
    ) -> list[LoggedDelivery]:
        """The deliveries to all webhooks that an event led to since a moment, a thousand at most.

        No view is noted: whoever asks shows how they fare, and not what was sent.
        """
        async with self._database.reading(org_id) as tx:
            return await repository.deliveries_of_event(
                tx, event_name, event_id, since, _MOST_OF_AN_EVENT
            )

    async def attempts(self, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> AttemptsShown:
        """The attempts of a delivery and, if it is on its way, why it waits.

        Raises `DeliveryNotFound`.
        """
        now = self._clock()
        async with self._database.organisation(caller.org_id) as tx:
            webhook = await _webhook(tx, caller, webhook_id, deleted=True)
            found = await _one(tx, webhook_id, delivery_id)
            # The place first: what has ended meanwhile has all its attempts on record.
            place = await repository.find_place(tx, delivery_id, now)
            attempts = await repository.attempts_of(tx, found)
        await self._note_view(caller, [found], webhook_id)
        waiting = None if place is None else why_it_waits(place, webhook, now)
        return AttemptsShown(found, attempts, waiting)

    async def waiting(
        self, org_id: str, deliveries: Sequence[LoggedDelivery]
    ) -> dict[UUID, Waiting]:
        """Why deliveries wait, by their ids; what has ended meanwhile is not among them.

        No view is noted, as in `of_event`.
        """
        now = self._clock()
        found: dict[UUID, Waiting] = {}
        async with self._database.reading(org_id) as tx:
            for each in deliveries:
                webhook = await find_record(tx, WEBHOOKS, each.webhook_id)
                place = await repository.find_place(tx, each.id, now)
                if webhook is not None and place is not None:
                    found[each.id] = why_it_waits(place, webhook, now)
        return found

    async def backlog(self, caller: Caller, webhook_id: UUID) -> Backlog:
        """What waits for a webhook, and why."""
        async with self._database.reading(caller.org_id) as tx:
            await _webhook(tx, caller, webhook_id)
            return await repository.find_backlog(tx, webhook_id, self._clock())

    async def replay(
        self, caller: Caller, webhook_id: UUID, delivery_ids: Sequence[UUID]
    ) -> list[Replayed]:
        """Send deliveries again, as new ones with identical bytes and the same message id.

        All of them or none. Raises `DeliveryNotFound`, `DeliveryNotReplayable` and
        `WebhookDisabled`; the messages name the deliveries.
        """
        ids = list(dict.fromkeys(delivery_ids))
        async with self._database.organisation(caller.org_id) as tx:
            webhook = await _webhook(tx, caller, webhook_id)
            if not webhook.enabled:
                raise WebhookDisabled
            found = {
                each.id: each for each in await repository.find_deliveries(tx, webhook_id, ids)
            }
            originals = _replayable(ids, found)
            new = [_again(webhook, each) for each in originals]
            made = await enqueue(tx, new, self._clock())
            replayed = [Replayed(*pair) for pair in zip(ids, made, strict=True)]
            await record(
                tx,
                "delivery.replayed",
                "webhook",
                WEBHOOKS.wire_id(webhook),
                after={
                    "replays": {str(each.delivery_id): str(each.replay_id) for each in replayed}
                },
            )
        return replayed

    async def _note_view(
        self,
        caller: Caller,
        deliveries: Sequence[LoggedDelivery],
        webhook_id: UUID,
        query: dict[str, Any] | None = None,
    ) -> None:
        asked = {"webhook_id": str(webhook_id), **(query or {})}
        ids = [str(each.id) for each in deliveries]
        await viewed(self._database, caller.org_id, Shown.DELIVERY, ids, asked)


async def _webhook(
    tx: OrgTransaction, caller: Caller, webhook_id: UUID, *, deleted: bool = False
) -> Webhook:
    found = await find_record(tx, WEBHOOKS, webhook_id, app_id=caller.app_id, deleted=deleted)
    if found is None:
        raise WebhookNotFound
    return found


async def _one(tx: OrgTransaction, webhook_id: UUID, delivery_id: UUID) -> LoggedDelivery:
    found = await repository.find_deliveries(tx, webhook_id, [delivery_id])
    if not found:
        raise DeliveryNotFound
    return found[0]


def _replayable(ids: Sequence[UUID], found: dict[UUID, LoggedDelivery]) -> list[LoggedDelivery]:
    """The deliveries in the order of the ids. Raises what `replay` raises about them."""
    missing = [str(i) for i in ids if i not in found]
    if missing:
        raise DeliveryNotFound(
            f"This webhook has no such deliveries: {', '.join(missing)}. None was replayed. List "
            "its events, and send the ids of those that are there."
        )
    empty = [str(i) for i in ids if found[i].body is None]
    if empty:
        raise DeliveryNotReplayable(
            f"Nothing was rendered for {', '.join(empty)}, so there are no bytes to send again. "
            "None was replayed. Correct what the reason of each says, and trigger the event anew."
        )
    return [found[i] for i in ids]


def _again(webhook: Webhook, original: LoggedDelivery) -> NewDelivery:
    """A new delivery with the bytes and the message id of an earlier one."""
    return NewDelivery(
        webhook_id=webhook.id,
        event_id=original.event_id,
        event_name=original.event_name,
        body=original.body,
        content_type=original.content_type,
        kind=DeliveryKind.REPLAY,
        entity_id=original.entity_id,
        integration_id=original.integration_id,
        use_case_id=original.use_case_id,
        mapping_id=original.mapping_id,
        correlation_id=original.correlation_id,
        url=webhook.url,
        http_method=webhook.http_method,
        metadata=original.metadata,
        ack_id=original.ack_id,
        message_id=original.message_id,
        replay_of=original.id,
    )


def _asked(query: LogQuery) -> dict[str, Any]:
    """What is asked for, as the audit log notes it."""
    asked = {
        "status": query.status,
        "event_id": query.delivery_id and str(query.delivery_id),
        "from": query.from_date and to_wire(query.from_date),
        "to": query.to_date and to_wire(query.to_date),
    }
    return {name: value for name, value in asked.items() if value is not None}
