"""Builds the services of a process, each with those that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tieline import metrics
from tieline.audit.service import AuditLog
from tieline.connectors.service import ConnectorService, connector_exists
from tieline.database import Database
from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.entities.readings.meters import MeterService
from tieline.entities.readings.service import ReadingService
from tieline.entities.service import EntityService
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
from tieline.monitoring.access_log import AccessLog
from tieline.monitoring.service import MonitoringService
from tieline.outbound.webhooks.service import WebhookService, webhook_exists
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.store import SecretStore
from tieline.settings import Settings


def build_services(
    settings: Settings, database: Database, secrets: SecretStore, mapper: Mapper
) -> Services:
    """Everything that routes and jobs call."""
    callers = _know_callers(settings, database, secrets)
    integrations = IntegrationService(database, mapper, sample_seconds=settings.sample_seconds)
    acceptance = Acceptance(
        database,
        integrations,
        deduplication_window=timedelta(hours=settings.deduplication_hours),
        accepted=lambda status, n: metrics.ACCEPTED.labels(status).inc(n),
    )
    entities = EntityService(database)
    outcomes = timedelta(days=settings.outcome_retention_days)
    calls = timedelta(days=settings.access_log_retention_days)
    return Services(
        settings=settings,
        database=database,
        secrets=secrets,
        environments=EnvironmentService(database, secrets),
        identity=callers.identity,
        limiter=callers.limiter,
        key_usage=KeyUsage(database, callers.limiter, on_change=callers.identity.forget),
        access_tokens=AccessTokens(callers.identity.keys, callers.signer, settings.public_address),
        applications=callers.applications,
        egress=callers.egress,
        oidc=callers.oidc,
        users=callers.users,
        access=AccessService(database),
        connectors=ConnectorService(database, paths=secrets.paths, webhook_exists=webhook_exists),
        webhooks=WebhookService(database, secrets, connector_exists=connector_exists),
        integrations=integrations,
        entities=entities,
        meters=MeterService(database, entities),
        readings=ReadingService(database),
        acceptance=acceptance,
        stored_events=StoredEvents(database, integrations, acceptance),
        dead_letters=DeadLetters(database, integrations),
        remapping=Remapping(database, integrations, mapper, settings.public_address),
        monitoring=MonitoringService(database, retention=outcomes),
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


def _know_callers(settings: Settings, database: Database, secrets: SecretStore) -> _Callers:
    limiter = Limiter(database, organisation_rpm=settings.organisation_rpm)
    signer = TokenSigner(database, secrets)

    # Each needs the other: who calls depends on applications and users, and must follow their
    # changes.
    def forget(changed: Change) -> None:
        identity.forget(changed)

    applications = ApplicationService(database, on_change=forget)
    users = UserService(database, on_change=forget)
    egress = EgressClient(AllowList.parse(settings.egress_allow), ca_file=settings.egress_ca_file)
    oidc = OidcVerifier(database, settings.oidc_issuers, egress, users, applications)
    identity = IdentityService(
        database,
        signatures=signer,
        issuers=oidc,
        throttle=LoginThrottle(settings.failed_logins_per_minute),
        heard=[limiter.forget, signer.forget, oidc.forget],
    )
    return _Callers(identity, limiter, signer, oidc, applications, users, egress)
