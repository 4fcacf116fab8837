"""Which outbound use cases take which event, remembered until one of them changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.entities.changes.listening import ListenersVersion, listeners_version
from tieline.integrations import repository
from tieline.integrations.models import UseCase
from tieline.kit.ids import parse_uuid
from tieline.records.identifiers import UuidForm

_CACHED_ORGANISATIONS = 10_000
_WEBHOOK_ID = UuidForm("whk")


@dataclass(frozen=True, slots=True)
class OutboundMapping:
    """A mapping: what an event is made into, and the webhook to which that goes.

    `webhook` names the webhook as the configuration does; `webhook_id` is None when that is no id
    at all. A mapping that was stored before mappings had ids has none.
    """

    id: UUID | None
    name: str
    expression: str
    enabled: bool
    webhook: str
    webhook_id: UUID | None
    webhook_name: str | None


@dataclass(frozen=True, slots=True)
class OutboundRoute:
    """An enabled use case that takes an event, with its enabled mappings."""

    integration_id: UUID
    use_case_id: UUID
    name: str
    mappings: tuple[OutboundMapping, ...]


Routes = Mapping[str, Sequence[OutboundRoute]]


def event_of(use_case: UseCase) -> str | None:
    """The name of the event that an outbound use case takes, if it is configured."""
    return (use_case.configuration or {}).get("event_catalog_event")


def mappings_of(use_case: UseCase) -> list[OutboundMapping]:
    """The mappings of an outbound use case, enabled or not."""
    return [_mapping(raw) for raw in (use_case.configuration or {}).get("mappings") or ()]


def webhook_id_from(text: str) -> UUID | None:
    """The webhook that a configuration names by its UUID or as `whk_...`; None for other texts."""
    return parse_uuid(text) or _WEBHOOK_ID.from_wire(text)


class OutboundRoutes:
    """The routes of the events of organisations, by the events' names."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[ListenersVersion, Routes]] = OrderedDict()

    async def of(self, tx: OrgTransaction) -> Routes:
        """Where the events of an organisation go; events that nobody takes are left out."""
        version = await listeners_version(tx)
        known = self._known.get(tx.org_id)
        if known is None or known[0] != version:
            routes = arrange_outbound(await repository.outbound_use_cases(tx))
            known = self._known[tx.org_id] = version, routes
            if len(self._known) > _CACHED_ORGANISATIONS:
                self._known.popitem(last=False)
        return known[1]


def arrange_outbound(use_cases: Sequence[UseCase]) -> Routes:
    """Routes by the name of the event; what is not enabled, or sends nothing, is left out."""
    routes: dict[str, list[OutboundRoute]] = {}
    for use_case in use_cases:
        event_name = event_of(use_case)
        mappings = tuple(each for each in mappings_of(use_case) if each.enabled)
        if use_case.enabled and event_name and mappings:
            route = OutboundRoute(use_case.integration_id, use_case.id, use_case.name, mappings)
            routes.setdefault(event_name, []).append(route)
    return routes


def _mapping(raw: Mapping[str, Any]) -> OutboundMapping:
    delivery = raw["delivery"]
    named = raw.get("id")
    return OutboundMapping(
        id=None if named is None else parse_uuid(named),
        name=raw["name"],
        expression=raw["jsonata_expression"],
        enabled=raw["enabled"],
        webhook=delivery["webhook_id"],
        webhook_id=webhook_id_from(delivery["webhook_id"]),
        webhook_name=delivery.get("webhook_name"),
    )
