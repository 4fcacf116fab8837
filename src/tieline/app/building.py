"""Builds the services of a process, each with those that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tieline import metrics
from tieline.audit.service import AuditLog
from tieline.catalogue.service import EventCatalogue
from tieline.connectors.service import ConnectorService, connector_exists
from tieline.database import Database
from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.forward_proxy import ForwardProxy
from tieline.egress.organisations.service import EgressAllowances
from tieline.egress.tokens import TokenSource
from tieline.entities.readings.meters import MeterService
from tieline.entities.readings.service import ReadingService
from tieline.entities.service import EntityService
from tieline.fileproxy.downloads import Downloads
from tieline.fileproxy.link_service import FileLinks
from tieline.fileproxy.service import FileProxy
from tieline.fileproxy.steps import Reach
from tieline.http.services import Services
from tieline.identity.access.service import AccessService
from tieline.identity.access_tokens.service import AccessTokens
from tieline.identity.access_tokens.signing import TokenSigner
from tieline.identity.api_keys.usage import KeyUsage
from tieline.identity.applications.service import ApplicationService
from tieline.identity.changes import Change
from tieline.identity.limits.logins import LoginThrottle
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
from tieline.mapping.models import ConfigurationWarning
from tieline.monitoring.access_log import AccessLog
from tieline.monitoring.service import MonitoringService
from tieline.outbound.acknowledgements.service import Acknowledgements
from tieline.outbound.dead_letters.service import DeadDeliveries
from tieline.outbound.deliveries import queue
from tieline.outbound.deliveries.engine import DeliveryEngine
from tieline.outbound.deliveries.engine.sending import WebhookSender
from tieline.outbound.log.service import DeliveryLog
from tieline.outbound.monitoring.service import OutboundMonitoring
from tieline.outbound.publishing.publisher import Publisher
from tieline.outbound.pulling.service import Pulling
from tieline.outbound.triggering.automation import AutomationCalls
from tieline.outbound.triggering.service import Triggering
from tieline.outbound.use_cases.service import OutboundUseCases
from tieline.outbound.webhooks.credentials import CredentialSource
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.requests import RequestMaker
from tieline.outbound.webhooks.service import WebhookService, webhook_exists
from tieline.outbound.webhooks.signing_keys import SigningKeys
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.store import SecretStore
from tieline.settings import Settings


def build_services(
    settings: Settings, database: Database, secrets: SecretStore, mapper: Mapper
) -> Services:
    """Everything that routes and jobs call."""
    callers = _know_callers(settings, database, secrets)

    # Use cases name events and webhooks, which are there only when the use cases are.
    async def find_missing(
        org_id: str, configuration: Mapping[str, Any]
    ) -> list[ConfigurationWarning]:
        return await outbound_use_cases.find_missing(org_id, configuration)

    integrations = IntegrationService(
        database, mapper, sample_seconds=settings.sample_seconds, find_missing=find_missing
    )
    acceptance = Acceptance(
        database,
        integrations,
        deduplication_window=timedelta(hours=settings.deduplication_hours),
        accepted=lambda status, n: metrics.ACCEPTED.labels(status).inc(n),
    )
    entities = EntityService(database)
    environments = EnvironmentService(database, secrets)
    webhook_directory = WebhookDirectory(database)
    webhook_keys = SigningKeys(database, secrets)
    credentials = CredentialSource(database, secrets, environments, webhook_directory, webhook_keys)
    tokens = TokenSource(callers.egress)
    request_maker = RequestMaker(credentials, tokens)
    file_links = FileLinks(
        database, secrets, integrations, f"{settings.public_address}/erp-integration"
    )
    catalogue = EventCatalogue(
        database, mapper, Publisher(mapper, integrations.outbound, webhook_directory)
    )
    outbound_use_cases = OutboundUseCases(database, webhook_directory, catalogue)
    deliveries = DeliveryEngine(
        database,
        WebhookSender(webhook_directory, request_maker, callers.egress),
        capacity=settings.delivery_concurrency,
        sweep_seconds=settings.sweep_seconds,
    )
    triggering = Triggering(database, webhook_directory, mapper, deliveries)
    outbound_monitoring = OutboundMonitoring(
        database, retention=timedelta(days=settings.delivery_retention_days)
    )
    outcomes = timedelta(days=settings.outcome_retention_days)
    file_downloads = Downloads(database, retention=outcomes)
    calls = timedelta(days=settings.access_log_retention_days)
    return Services(
        settings=settings,
        database=database,
        secrets=secrets,
        environments=environments,
        identity=callers.identity,
        limiter=callers.limiter,
        key_usage=KeyUsage(database, callers.limiter, on_change=callers.identity.forget),
        access_tokens=AccessTokens(callers.identity.keys, callers.signer, settings.public_address),
        applications=callers.applications,
        egress=callers.egress,
        egress_allowances=callers.egress_allowances,
        tokens=tokens,
        oidc=callers.oidc,
        users=callers.users,
        access=AccessService(database),
        connectors=ConnectorService(database, paths=secrets.paths, webhook_exists=webhook_exists),
        webhooks=WebhookService(
            database, secrets, mapper, queue, connector_exists=connector_exists
        ),
        webhook_directory=webhook_directory,
        webhook_keys=webhook_keys,
        request_maker=request_maker,
        delivery_log=DeliveryLog(database),
        dead_deliveries=DeadDeliveries(database),
        deliveries=deliveries,
        triggering=triggering,
        automation_calls=AutomationCalls(database, triggering),
        acknowledgements=Acknowledgements(database),
        outbound_use_cases=outbound_use_cases,
        outbound_monitoring=outbound_monitoring,
        pulling=Pulling(database, request_maker),
        integrations=integrations,
        catalogue=catalogue,
        file_links=file_links,
        file_proxy=FileProxy(
            database,
            file_links,
            environments,
            mapper,
            Reach(
                callers.egress, tokens, settings.file_proxy_seconds, settings.file_proxy_max_bytes
            ),
            file_downloads,
        ),
        file_downloads=file_downloads,
        entities=entities,
        meters=MeterService(database, entities),
        readings=ReadingService(database),
        acceptance=acceptance,
        stored_events=StoredEvents(database, integrations, acceptance),
        dead_letters=DeadLetters(database, integrations),
        remapping=Remapping(database, integrations, mapper, settings.public_address),
        monitoring=MonitoringService(database, retention=outcomes, deliveries=outbound_monitoring),
        access_log=AccessLog(database, retention=calls),
        audit=AuditLog(database),
        mapper=mapper,
        samples=SampleService(
            database,
            mapper,
            max_payload_bytes=settings.max_payload_bytes,
            seconds=settings.sample_seconds,
        ),
    )


@dataclass(frozen=True)
class _Callers:
    """What knows who calls, and what they may."""

    identity: IdentityService
    limiter: Limiter
    signer: TokenSigner
    oidc: OidcVerifier
    applications: ApplicationService
    users: UserService
    egress: EgressClient
    egress_allowances: EgressAllowances


def _know_callers(settings: Settings, database: Database, secrets: SecretStore) -> _Callers:
    limiter = Limiter(database, organisation_rpm=settings.organisation_rpm)
    signer = TokenSigner(database, secrets)

    # Each needs the other: who calls depends on applications and users, and must follow their
    # changes.
    def forget(changed: Change) -> None:
        identity.forget(changed)

    applications = ApplicationService(database, on_change=forget)
    users = UserService(database, on_change=forget)
    egress_allowances = EgressAllowances(database)
    egress = EgressClient(
        AllowList.parse(settings.egress_allow),
        ca_file=settings.egress_ca_file,
        proxy=ForwardProxy.configured(settings),
        organisations=egress_allowances,
    )
    oidc = OidcVerifier(database, settings.oidc_issuers, egress, users, applications)
    identity = IdentityService(
        database,
        signatures=signer,
        issuers=oidc,
        throttle=LoginThrottle(settings.failed_logins_per_minute),
        heard=[limiter.forget, signer.forget, oidc.forget],
    )
    return _Callers(identity, limiter, signer, oidc, applications, users, egress, egress_allowances)
