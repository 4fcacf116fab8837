"""What the routes call: the services that the composition root built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tieline.audit.service import AuditLog
from tieline.catalogue.service import EventCatalogue
from tieline.connectors.service import ConnectorService
from tieline.database import Database
from tieline.egress.client import EgressClient
from tieline.egress.organisations.service import EgressAllowances
from tieline.egress.tokens import TokenSource
from tieline.entities.readings.meters import MeterService
from tieline.entities.readings.service import ReadingService
from tieline.entities.service import EntityService
from tieline.fileproxy.downloads import Downloads
from tieline.fileproxy.link_service import FileLinks
from tieline.fileproxy.service import FileProxy
from tieline.identity.access.service import AccessService
from tieline.identity.access_tokens.service import AccessTokens
from tieline.identity.api_keys.usage import KeyUsage
from tieline.identity.applications.service import ApplicationService
from tieline.identity.limits.service import Limiter
from tieline.identity.oidc.verifier import OidcVerifier
from tieline.identity.service import IdentityService
from tieline.identity.users.service import UserService
from tieline.inbound.acceptance import Acceptance
from tieline.inbound.dead_letters.service import DeadLetters
from tieline.inbound.remap.service import Remapping
from tieline.inbound.stored_events import StoredEvents
from tieline.integrations.samples.service import SampleService
from tieline.integrations.service import IntegrationService
from tieline.mapping.mapper import Mapper
from tieline.monitoring.access_log import AccessLog
from tieline.monitoring.service import MonitoringService
from tieline.outbound.acknowledgements.service import Acknowledgements
from tieline.outbound.dead_letters.service import DeadDeliveries
from tieline.outbound.deliveries.engine import DeliveryEngine
from tieline.outbound.log.service import DeliveryLog
from tieline.outbound.monitoring.service import OutboundMonitoring
from tieline.outbound.pulling.service import Pulling
from tieline.outbound.triggering.automation import AutomationCalls
from tieline.outbound.triggering.service import Triggering
from tieline.outbound.use_cases.service import OutboundUseCases
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.requests import RequestMaker
from tieline.outbound.webhooks.service import WebhookService
from tieline.outbound.webhooks.signing_keys import SigningKeys
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.store import SecretStore
from tieline.settings import Settings


@dataclass(frozen=True)
class Services:
    """Everything a route may need; built once per process."""

    settings: Settings
    database: Database
    secrets: SecretStore
    environments: EnvironmentService
    identity: IdentityService
    limiter: Limiter
    key_usage: KeyUsage
    access_tokens: AccessTokens
    applications: ApplicationService
    egress: EgressClient
    egress_allowances: EgressAllowances
    tokens: TokenSource
    oidc: OidcVerifier
    users: UserService
    access: AccessService
    connectors: ConnectorService
    webhooks: WebhookService
    webhook_directory: WebhookDirectory
    webhook_keys: SigningKeys
    request_maker: RequestMaker
    delivery_log: DeliveryLog
    dead_deliveries: DeadDeliveries
    deliveries: DeliveryEngine
    triggering: Triggering
    automation_calls: AutomationCalls
    acknowledgements: Acknowledgements
    outbound_use_cases: OutboundUseCases
    outbound_monitoring: OutboundMonitoring
    pulling: Pulling
    integrations: IntegrationService
    catalogue: EventCatalogue
    file_links: FileLinks
    file_proxy: FileProxy
    file_downloads: Downloads
    entities: EntityService
    meters: MeterService
    readings: ReadingService
    acceptance: Acceptance
    stored_events: StoredEvents
    dead_letters: DeadLetters
    remapping: Remapping
    monitoring: MonitoringService
    access_log: AccessLog
    audit: AuditLog
    mapper: Mapper
    samples: SampleService


def services(request: Request) -> Services:
    """The services of the application that serves this request."""
    found: Services = request.app.state.services
    return found


async def _services(request: Request) -> Services:
    # A plain function would be run in a thread, for each request.
    return services(request)


Use = Annotated[Services, Depends(_services)]
