"""Which event goes to which webhooks, and by which mapping. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tieline.catalogue.models import Event
from tieline.integrations.outbound_routes import OutboundMapping, OutboundRoute, Routes
from tieline.outbound.webhooks.models import (
    ALL_EVENTS,
    CATALOGUE_PREFIX,
    PayloadOptions,
    Webhook,
)


@dataclass(frozen=True, slots=True)
class Sending:
    """An event on its way to a webhook, which may not exist.

    `route` and `mapping` are those of the use case that sends it there; None for a webhook that
    takes the event by its own subscription.
    """

    event: Event
    webhook_id: UUID
    webhook: Webhook | None
    route: OutboundRoute | None = None
    mapping: OutboundMapping | None = None

    @property
    def options(self) -> PayloadOptions:
        """What the message holds besides the event."""
        return self.webhook.payload if self.webhook else PayloadOptions()

    @property
    def expression(self) -> str | None:
        """What makes the message out of the document: the mapping's comes before the webhook's."""
        if self.mapping is not None:
            return self.mapping.expression
        return self.webhook.jsonata_expression if self.webhook else None

    @property
    def place(self) -> str:
        """Where the expression stands, in words."""
        if self.route is not None and self.mapping is not None:
            return f'Use case "{self.route.name}", mapping "{self.mapping.name}"'
        name = self.webhook.name if self.webhook else None
        return f'Webhook "{name or self.webhook_id}"'


def sendings(
    events: Sequence[Event], routes: Routes, webhooks: Sequence[Webhook]
) -> Iterator[Sending]:
    """Where events go, in their order: first by use cases, then to whoever has subscribed.

    A webhook that a mapping names for an event does not get it a second time. Left out is a mapping
    that names no webhook at all.
    """
    by_id = {webhook.id: webhook for webhook in webhooks}
    enabled = [webhook for webhook in webhooks if webhook.enabled]
    for event in events:
        named: set[UUID] = set()
        for route in routes.get(event.name, ()):
            for mapping in route.mappings:
                if mapping.webhook_id is not None:
                    named.add(mapping.webhook_id)
                    webhook = by_id.get(mapping.webhook_id)
                    yield Sending(event, mapping.webhook_id, webhook, route, mapping)
        for webhook in enabled:
            if webhook.id not in named and webhook.subscribes_to(event.name):
                yield Sending(event, webhook.id, webhook)


def awaited_names(routes: Routes, webhooks: Sequence[Webhook]) -> frozenset[str] | None:
    """The names of the events that go anywhere; None if a webhook takes all there are."""
    names = set(routes)
    for webhook in webhooks:
        if webhook.enabled:
            if not webhook.event_types or ALL_EVENTS in webhook.event_types:
                return None
            names.update(webhook.event_types)
            names.update(each.removeprefix(CATALOGUE_PREFIX) for each in webhook.event_types)
    return frozenset(names)
