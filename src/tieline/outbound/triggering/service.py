"""Call a webhook: render a message by it, send it at once, say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from tieline.database import Database
from tieline.kit.ids import new_ulid
from tieline.kit.time import Clock, to_wire, utc_now
from tieline.mapping.mapper import Mapper
from tieline.outbound.deliveries.models import DeliveryKind, DeliveryState, Ending, NewDelivery
from tieline.outbound.deliveries.queue import enqueue
from tieline.outbound.publishing.documents import Content, webhook_metadata
from tieline.outbound.publishing.rendering import Draft, Rendered, render
from tieline.outbound.triggering.models import BY_HAND, Call, CallResult
from tieline.outbound.triggering.repository import find_result
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.errors import WebhookNotFound
from tieline.outbound.webhooks.models import ALL_EVENTS, CATALOGUE_PREFIX, Webhook
from tieline.records.envelope import Caller

# Nobody else sends the message before whoever waits for its answer has had the time to.
_HEAD_START = timedelta(seconds=10)
_MOST_NOTED = 50
_LONGEST_NOTED = 1_000


class Attempts(Protocol):
    """Whoever can send a message now, and not when its turn comes."""

    async def attempt_now(self, org_id: str, delivery_id: UUID) -> object:
        """Make an attempt at a delivery, and wait for its end; nothing where that cannot be."""
        ...


class Triggering:
    """Calls of the webhooks of all organisations."""

    def __init__(
        self,
        database: Database,
        webhooks: WebhookDirectory,
        mapper: Mapper,
        attempts: Attempts,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._webhooks = webhooks
        self._mapper = mapper
        self._attempts = attempts
        self._clock = clock

    async def find_webhook(self, caller: Caller, webhook_id: UUID) -> Webhook:
        """The webhook that a caller wants to call. Raises `WebhookNotFound`."""
        webhook = await self._webhooks.find(caller.org_id, webhook_id)
        if webhook is None or caller.app_id not in (None, webhook.app_id):
            raise WebhookNotFound
        return webhook

    async def trigger(
        self,
        caller: Caller,
        webhook_id: UUID,
        document: Mapping[str, Any],
        *,
        sync: bool = True,
        entity_id: UUID | None = None,
        event_name: str | None = None,
    ) -> CallResult:
        """Send a document, and with `sync` wait for the end of the first attempt.

        Not to be called with `sync` inside of a transaction: nobody can send what is not yet
        committed. Raises `WebhookNotFound`.
        """
        call = Call(
            webhook_id=webhook_id, document=document, entity_id=entity_id, event_name=event_name
        )
        delivery_id = await self.enqueue(caller, call, at_once=sync)
        return await self.result(caller.org_id, delivery_id, attempt=sync)

    async def enqueue(self, caller: Caller, call: Call, *, at_once: bool = True) -> UUID:
        """Render a message and store it; the id of its delivery.

        With `at_once` somebody is going to ask for its `result`, and so sends it. Raises
        `WebhookNotFound`.
        """
        webhook = await self.find_webhook(caller, call.webhook_id)
        now = self._clock()
        draft = _draft(webhook, call, _metadata(caller, webhook, call, now))
        [rendered] = await render(self._mapper, [draft])
        async with self._database.organisation(caller.org_id) as tx:
            due_at = now + _HEAD_START if at_once else now
            new = _delivery(webhook, call, draft, rendered)
            [delivery_id] = await enqueue(tx, [new], now, due_at=due_at)
        return delivery_id

    async def result(self, org_id: str, delivery_id: UUID, *, attempt: bool = True) -> CallResult:
        """What came of a call; with `attempt` its message is sent first, if nobody has sent it.

        Raises `WebhookNotFound` when the delivery is gone.
        """
        found = await self._find(org_id, delivery_id)
        if not attempt or found.attempts or found.state is not DeliveryState.PENDING:
            return found
        await self._attempts.attempt_now(org_id, delivery_id)
        return await self._find(org_id, delivery_id)

    async def _find(self, org_id: str, delivery_id: UUID) -> CallResult:
        async with self._database.reading(org_id) as tx:
            found = await find_result(tx, delivery_id)
        if found is None:
            raise WebhookNotFound
        return found


def _metadata(caller: Caller, webhook: Webhook, call: Call, now: datetime) -> dict[str, Any]:
    """The metadata of a call, completed; which webhook it is for is not for the caller to say."""
    sent = call.document.get("metadata")
    return {
        "creation_timestamp": to_wire(now),
        "correlation_id": call.correlation_id or new_ulid(),
        "user_id": caller.actor_id,
        **(sent if isinstance(sent, Mapping) else {}),
        **webhook_metadata(webhook),
    }


def _draft(webhook: Webhook, call: Call, metadata: Mapping[str, Any]) -> Draft:
    return Draft(
        webhook_id=webhook.id,
        webhook=webhook,
        first={"metadata": metadata},
        content=Content.of({k: v for k, v in call.document.items() if k != "metadata"}),
        expression=webhook.jsonata_expression,
        place=f'Webhook "{webhook.name or webhook.id}"',
    )


def _delivery(webhook: Webhook, call: Call, draft: Draft, rendered: Rendered) -> NewDelivery:
    metadata = draft.first["metadata"]
    return NewDelivery(
        webhook_id=webhook.id,
        event_id=new_ulid(),
        event_name=call.event_name or event_name_of(webhook),
        body=None if isinstance(rendered, Ending) else rendered,
        kind=DeliveryKind.TRIGGER,
        entity_id=call.entity_id,
        correlation_id=str(metadata["correlation_id"]),
        url=webhook.url,
        http_method=webhook.http_method,
        metadata=_noted(metadata),
        ending=rendered if isinstance(rendered, Ending) else None,
    )


def _noted(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the log keeps of metadata, of which callers may send any amount."""
    return {
        key: value
        for key, value in list(metadata.items())[:_MOST_NOTED]
        if isinstance(value, str | int | float) and len(key) + len(str(value)) <= _LONGEST_NOTED
    }


def event_name_of(webhook: Webhook) -> str:
    """The event under whose name calls of a webhook are listed: its first, if it names any."""
    named = [name for name in webhook.event_types if name != ALL_EVENTS]
    return named[0].removeprefix(CATALOGUE_PREFIX) if named else BY_HAND
