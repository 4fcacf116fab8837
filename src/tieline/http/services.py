"""What the routes call: the services that the composition root built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tieline.database import Database
from tieline.entities.service import EntityService
from tieline.identity.service import IdentityService
from tieline.inbound.acceptance import Acceptance
from tieline.inbound.stored_events import StoredEvents
from tieline.integrations.service import IntegrationService
from tieline.mapping.mapper import Mapper
from tieline.monitoring.service import MonitoringService
from tieline.settings import Settings


@dataclass(frozen=True)
class Services:
    """Everything a route may need; built once per process."""

    settings: Settings
    database: Database
    identity: IdentityService
    integrations: IntegrationService
    entities: EntityService
    acceptance: Acceptance
    stored_events: StoredEvents
    monitoring: MonitoringService
    mapper: Mapper


def services(request: Request) -> Services:
    """The services of the application that serves this request."""
    found: Services = request.app.state.services
    return found


async def _services(request: Request) -> Services:
    # A plain function would be run in a thread, for each request.
    return services(request)


Use = Annotated[Services, Depends(_services)]
