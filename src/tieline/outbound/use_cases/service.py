"""Ask how outbound use cases stand, and what a new one names that does not exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol
from uuid import UUID

from tieline.database import Database, OrgTransaction
from tieline.integrations.errors import IntegrationNotFound
from tieline.integrations.models import UseCaseType
from tieline.integrations.outbound_routes import event_of, webhook_id_from
from tieline.integrations.repository import find_integration, list_use_cases
from tieline.mapping.models import ConfigurationWarning
from tieline.outbound.use_cases.models import UseCaseStatus
from tieline.outbound.use_cases.status import status_of
from tieline.outbound.webhooks.directory import WebhookDirectory


class EventSwitches(Protocol):
    """Whoever knows which events there are, and which are enabled."""

    async def settings_of(self, tx: OrgTransaction, names: Collection[str]) -> Mapping[str, bool]:
        """Those of the events that exist, and whether each is enabled."""
        ...


class OutboundUseCases:
    """What the outbound use cases of all organisations depend on."""

    def __init__(
        self, database: Database, webhooks: WebhookDirectory, events: EventSwitches
    ) -> None:
        self._database = database
        self._webhooks = webhooks
        self._events = events

    async def statuses(self, org_id: str, integration_id: UUID) -> list[UseCaseStatus]:
        """The status of each outbound use case, oldest first. Raises `IntegrationNotFound`."""
        async with self._database.reading(org_id) as tx:
            if await find_integration(tx, integration_id) is None:
                raise IntegrationNotFound
            found = await list_use_cases(tx, integration_id)
            outbound = [each for each in found if each.type is UseCaseType.OUTBOUND]
            names = {name for each in outbound if (name := event_of(each))}
            events = await self._events.settings_of(tx, names)
        webhooks = {webhook.id: webhook for webhook in await self._webhooks.of(org_id)}
        return [status_of(use_case, events, webhooks) for use_case in outbound]

    async def find_missing(
        self, org_id: str, configuration: Mapping[str, Any]
    ) -> list[ConfigurationWarning]:
        """A warning for the event and for each webhook that a valid configuration names in vain.

        It can be stored all the same: what it names may be made later.
        """
        name = configuration["event_catalog_event"]
        warnings = []
        async with self._database.reading(org_id) as tx:
            events = await self._events.settings_of(tx, {name})
        if name not in events:
            path = "configuration.event_catalog_event"
            message = f"there is no event {name} in the catalogue. Correct the name, or make it."
            warnings.append(ConfigurationWarning(path, f"{path}: {message}"))
        for index, mapping in enumerate(configuration["mappings"]):
            named = mapping["delivery"]["webhook_id"]
            webhook_id = webhook_id_from(named)
            if webhook_id is None or await self._webhooks.find(org_id, webhook_id) is None:
                path = f"configuration.mappings[{index}].delivery.webhook_id"
                message = f"there is no webhook {named}. Name one that is there, or make it."
                warnings.append(ConfigurationWarning(path, f"{path}: {message}"))
        return warnings
