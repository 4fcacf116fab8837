"""Takes the events of the catalogue and makes deliveries of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from tieline.catalogue.models import Event
from tieline.database import OrgTransaction
from tieline.integrations.outbound_routes import OutboundRoutes
from tieline.kit.ids import new_ulid
from tieline.kit.portions import portions
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper
from tieline.outbound.acknowledgements.models import Awaited
from tieline.outbound.acknowledgements.service import await_acknowledgements
from tieline.outbound.deliveries.models import NewDelivery
from tieline.outbound.deliveries.queue import enqueue
from tieline.outbound.publishing.documents import (
    Content,
    Materials,
    correlation_of,
    event_content,
    event_metadata,
)
from tieline.outbound.publishing.loading import costs_of, load_materials
from tieline.outbound.publishing.planning import Sending, awaited_names, sendings
from tieline.outbound.publishing.rendering import Draft, Rendered, render
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.models import PayloadOptions

log = structlog.get_logger(__name__)

_MOST_BYTES = 16_000_000  # of messages that are made at once


class Publisher:
    """Where the events of all organisations go; the catalogue's `EventSink`."""

    def __init__(
        self,
        mapper: Mapper,
        routes: OutboundRoutes,
        webhooks: WebhookDirectory,
        clock: Clock = utc_now,
    ) -> None:
        self._mapper = mapper
        self._routes = routes
        self._webhooks = webhooks
        self._clock = clock

    async def acknowledged(self, tx: OrgTransaction, names: Collection[str]) -> Collection[str]:
        """Those of the events that an outbound use case sends to an ERP."""
        routes = await self._routes.of(tx)
        return {name for name in names if name in routes}

    async def listened_to(self, tx: OrgTransaction) -> Collection[str] | None:
        """The names of the events that an outbound use case or a webhook takes; None for all."""
        return awaited_names(await self._routes.of(tx), await self._webhooks.within(tx))

    async def publish(self, tx: OrgTransaction, events: Sequence[Event]) -> None:
        """Make a delivery for each mapping and each subscribed webhook, in the events' order.

        What cannot be rendered becomes a delivery that has failed, and says why.
        """
        routes = await self._routes.of(tx)
        planned = list(sendings(events, routes, await self._webhooks.within(tx)))
        if not planned:
            return
        costs = await costs_of(tx, planned)
        for portion in portions(planned, costs, _MOST_BYTES):
            await self._deliver(tx, portion)
        log.debug("events.published", events=len(events), deliveries=len(planned))

    async def _deliver(self, tx: OrgTransaction, planned: Sequence[Sending]) -> None:
        materials = await load_materials(tx, planned)
        messages = _messages(planned, materials)
        rendered = await render(self._mapper, [message.draft for message in messages])
        made = [m.delivery(body, materials) for m, body in zip(messages, rendered, strict=True)]
        now = self._clock()
        ids = await enqueue(tx, made, now)
        await await_acknowledgements(tx, _awaited(tx.org_id, made, ids, now))


@dataclass(frozen=True, slots=True)
class _Message:
    sending: Sending
    draft: Draft
    ack_id: str | None

    def delivery(self, rendered: Rendered, materials: Materials) -> NewDelivery:
        event, route, mapping = self.sending.event, self.sending.route, self.sending.mapping
        webhook = self.sending.webhook
        delivery = NewDelivery(
            webhook_id=self.sending.webhook_id,
            event_id=event.id,
            event_name=event.name,
            body=None,
            entity_id=event.entity_id,
            integration_id=route.integration_id if route else None,
            use_case_id=route.use_case_id if route else None,
            mapping_id=mapping.id if mapping else None,
            correlation_id=correlation_of(event, materials),
            url=webhook.url if webhook else None,
            http_method=webhook.http_method if webhook else "POST",
            metadata=self.draft.first.get("metadata") or {},
        )
        if not isinstance(rendered, bytes):
            return replace(delivery, ending=rendered)
        # Only a receiver that is told the id can acknowledge by it.
        carried = self.ack_id if self.ack_id and self.ack_id.encode() in rendered else None
        return replace(delivery, body=rendered, ack_id=carried)


def _messages(planned: Sequence[Sending], materials: Materials) -> list[_Message]:
    contents: dict[tuple[str, PayloadOptions], Content] = {}
    used: set[str] = set()
    messages = []
    for sending in planned:
        event, webhook = sending.event, sending.webhook
        key = (event.id, sending.options)
        if key not in contents:
            contents[key] = event_content(event, sending.options, materials)
        first = {} if webhook is None else {"metadata": event_metadata(event, webhook, materials)}
        ack_id = _ack_id(sending, used)
        draft = Draft(
            webhook_id=sending.webhook_id,
            webhook=webhook,
            first=first if ack_id is None else {**first, "_ack_id": ack_id},
            content=contents[key],
            expression=sending.expression,
            place=sending.place,
        )
        messages.append(_Message(sending, draft, ack_id))
    return messages


def _ack_id(sending: Sending, used: set[str]) -> str | None:
    """The id by which this message is acknowledged; several messages of an event have several.

    Nobody waits for webhooks that no use case sends to: they are told none.
    """
    event_ack_id = sending.event.ack_id
    if event_ack_id is None or sending.mapping is None:
        return None
    if event_ack_id in used:
        return new_ulid()
    used.add(event_ack_id)
    return event_ack_id


def _awaited(
    org_id: str, deliveries: Sequence[NewDelivery], ids: Sequence[UUID], now: datetime
) -> list[Awaited]:
    return [
        Awaited(
            org_id=org_id,
            ack_id=each.ack_id,
            integration_id=each.integration_id,
            use_case_id=each.use_case_id,
            mapping_id=each.mapping_id,
            webhook_id=each.webhook_id,
            delivery_id=delivery_id,
            event_id=each.event_id,
            event_name=each.event_name,
            correlation_id=each.correlation_id,
            created_at=now,
        )
        for each, delivery_id in zip(deliveries, ids, strict=True)
        if each.ack_id and each.integration_id and each.use_case_id
    ]
