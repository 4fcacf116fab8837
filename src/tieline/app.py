"""The composition root: builds everything, wires it, mounts the APIs; alone it knows all."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.routing import Route

from tieline import metrics
from tieline.database import Database
from tieline.database.embedded import EmbeddedServer
from tieline.database.migrate import migrate
from tieline.entities.readings.meters import MeterService
from tieline.entities.readings.service import ReadingService
from tieline.entities.service import EntityService
from tieline.expressions.limits import limits_from
from tieline.expressions.sandbox import SandboxPool
from tieline.http import entity, erp_integration, metering
from tieline.http.access import AccessRecorder
from tieline.http.errors import code_and_message, install_error_handlers, status_and_error
from tieline.http.middleware import Frame
from tieline.http.responses import reply
from tieline.http.services import Services
from tieline.http.surface import new_surface
from tieline.identity.service import IdentityService
from tieline.inbound.acceptance import Acceptance
from tieline.inbound.dead_letters.jobs import REDRIVE, redrive_duties
from tieline.inbound.dead_letters.redrive import Redriving
from tieline.inbound.dead_letters.service import DeadLetters
from tieline.inbound.drain import Drain
from tieline.inbound.duties import inbound_duties
from tieline.inbound.jobs import DRAIN
from tieline.inbound.remap.service import Remapping
from tieline.inbound.repository import oldest_waiting_event
from tieline.inbound.stored_events import StoredEvents
from tieline.integrations.samples.service import SampleService
from tieline.integrations.service import IntegrationService
from tieline.kit.errors import TielineError
from tieline.kit.time import utc_now
from tieline.maintenance import maintenance_duties
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.monitoring.access_log import AccessLog
from tieline.monitoring.duties import monitoring_duties
from tieline.monitoring.models import Outcome
from tieline.monitoring.service import MonitoringService
from tieline.runtime.periodic import Periodic
from tieline.runtime.worker import Worker
from tieline.settings import Settings

log = structlog.get_logger(__name__)

_MAX_JOBS = 20


def surfaces() -> dict[str, FastAPI]:
    """The APIs by name. The name is the base path without its slash."""
    return {
        "erp-integration": new_surface(
            title="Tieline ERP integration",
            description="Integrations, use cases, inbound events, mapping simulation, monitoring.",
            error_body=code_and_message,
            routers=erp_integration.routers,
        ),
        "entity": new_surface(
            title="Tieline entities",
            description="Entities, their relations, their history and the search over them.",
            error_body=status_and_error,
            routers=entity.routers,
        ),
        "metering": new_surface(
            title="Tieline metering",
            description="Meter readings, and the meters and counters that they belong to.",
            error_body=code_and_message,
            routers=metering.routers,
        ),
    }


def openapi_pages() -> dict[str, dict[str, Any]]:
    """The OpenAPI document of each surface, with its base path as the server."""
    pages = {}
    for name, app in surfaces().items():
        pages[name] = {**app.openapi(), "servers": [{"url": f"/{name}"}]}
    return pages


def build_asgi(services: Services) -> Any:
    """The whole HTTP side."""
    root = FastAPI(title="Tieline", docs_url=None, redoc_url=None, openapi_url=None)
    root.state.services = services
    install_error_handlers(root, code_and_message)
    root.router.routes += [
        Route("/", _index),
        Route("/healthz", _alive),
        Route("/readyz", _ready),
        Route("/metrics", _metrics),
    ]
    for name, app in surfaces().items():
        app.state.services = services
        root.mount(f"/{name}", app)
    return Frame(
        root,
        max_request_bytes=services.settings.max_request_bytes,
        access=AccessRecorder(services.access_log, services.identity),
    )


async def _index(_request: Request) -> Response:
    pages = {name: f"/{name}/docs" for name in surfaces()}
    return reply({"name": "Tieline", "apis": pages, "health": "/readyz", "metrics": "/metrics"})


async def _alive(_request: Request) -> Response:
    return reply({"status": "ok"})


async def _ready(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(3), services.database.system() as tx:
            await tx.fetchval("SELECT 1")
    except (TielineError, TimeoutError) as error:
        return reply({"status": "unavailable", "reason": str(error) or "time out"}, 503)
    return reply({"status": "ok"})


async def _metrics(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(3), services.database.system() as tx:
            oldest = await oldest_waiting_event(tx)
        waited = (utc_now() - oldest).total_seconds() if oldest else 0
        metrics.OLDEST_WAITING.set(waited)
    except (TielineError, TimeoutError):
        metrics.OLDEST_WAITING.set(float("nan"))  # unknown is not the same as nothing
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@dataclass
class Application:
    """Everything that one process holds."""

    settings: Settings
    services: Services
    asgi: Any
    _embedded: EmbeddedServer | None
    _sandbox: SandboxPool
    _worker: Worker | None
    _periodic: Periodic | None

    @classmethod
    async def start(cls, settings: Settings, *, work: bool, serve: bool) -> Application:
        """Start the database if it is the embedded one, migrate it, and begin to work."""
        embedded = None if settings.database_url else EmbeddedServer(settings.data_dir)
        if embedded is not None:
            await asyncio.to_thread(embedded.acquire)
        database: Database | None = None
        try:
            database = Database(
                settings.database_url or (embedded.url if embedded else ""),
                pool_size=settings.database_pool_size,
                embedded=embedded,
            )
            await migrate(database)
            await database.open()
            return await cls._assemble(settings, database, embedded, work=work, serve=serve)
        except BaseException:
            if database is not None:
                await database.close()
            if embedded is not None:
                await asyncio.to_thread(embedded.release)
            raise

    @classmethod
    async def _assemble(
        cls,
        settings: Settings,
        database: Database,
        embedded: EmbeddedServer | None,
        *,
        work: bool,
        serve: bool,
    ) -> Application:
        sandbox = SandboxPool(
            handler=HANDLER, size=settings.sandbox_processes, limits=limits_from(settings)
        )
        await sandbox.start()
        _tune_garbage_collection()
        mapper = Mapper(sandbox)
        window = timedelta(hours=settings.deduplication_hours)
        identity = IdentityService(database)
        integrations = IntegrationService(database, mapper, sample_seconds=settings.sample_seconds)
        acceptance = Acceptance(
            database,
            integrations,
            deduplication_window=window,
            accepted=lambda status, n: metrics.ACCEPTED.labels(status).inc(n),
        )
        entities = EntityService(database)
        services = Services(
            settings=settings,
            database=database,
            identity=identity,
            integrations=integrations,
            entities=entities,
            meters=MeterService(database, entities),
            readings=ReadingService(database),
            acceptance=acceptance,
            stored_events=StoredEvents(database, integrations, acceptance),
            dead_letters=DeadLetters(database, integrations),
            remapping=Remapping(database, integrations, mapper, settings.public_address),
            monitoring=MonitoringService(
                database, retention=timedelta(days=settings.outcome_retention_days)
            ),
            access_log=AccessLog(
                database, retention=timedelta(days=settings.access_log_retention_days)
            ),
            mapper=mapper,
            samples=SampleService(
                database,
                mapper,
                max_payload_bytes=settings.max_payload_bytes,
                seconds=settings.sample_seconds,
            ),
        )
        await identity.start()
        await integrations.start()
        worker = periodic = None
        if work:
            drain = Drain(
                database,
                integrations,
                mapper,
                batch_size=settings.batch_size,
                public_url=settings.public_address,
                finished=_count_outcomes,
            )
            heartbeat = timedelta(seconds=settings.job_heartbeat_seconds)
            worker = Worker(
                database,
                {DRAIN: drain.job, REDRIVE: Redriving(database, integrations, acceptance).job},
                heartbeat=heartbeat,
                concurrency=concurrent_jobs(settings),
            )
            worker.start()
            duties = inbound_duties(
                sweep_seconds=settings.sweep_seconds, deduplication_window=window
            )
            redrives = redrive_duties(
                sweep_seconds=settings.sweep_seconds,
                retention=timedelta(days=settings.event_retention_days),
            )
            figures = monitoring_duties(retention=timedelta(days=settings.outcome_retention_days))
            periodic = Periodic(
                database, [*duties, *redrives, *figures, *maintenance_duties(settings)]
            )
            periodic.start()
        if serve:
            services.access_log.start()
        asgi = build_asgi(services) if serve else None
        return cls(settings, services, asgi, embedded, sandbox, worker, periodic)

    async def stop(self) -> None:
        """Finish or hand back the work, and let go of everything."""
        if self._periodic is not None:
            await self._periodic.stop()
        if self._worker is not None:
            await self._worker.stop(self.settings.shutdown_seconds)
        await self.services.access_log.stop()
        await self.services.integrations.stop()
        await self.services.identity.stop()
        await self._sandbox.close()
        await self.services.database.close()
        if self._embedded is not None:
            await asyncio.to_thread(self._embedded.release)


def _tune_garbage_collection() -> None:
    """Keep the collector from walking all modules again and again while batches are built.

    A batch makes some hundred thousand objects that reference counting frees; with the default
    thresholds every few hundred of them start a collection (a third of the time, measured).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def concurrent_jobs(settings: Settings) -> int:
    """How many jobs may run at once in this process.

    A job applies one batch and reads the next: it may hold two connections of the pool. With more
    jobs than pairs of connections each would wait for the other's second one; and requests must
    find a connection too.
    """
    return max(2, min(_MAX_JOBS, (settings.database_pool_size - 2) // 2))


def _count_outcomes(outcomes: Sequence[Outcome]) -> None:
    tally = Tally((outcome.status.value, outcome.error_code or "") for outcome in outcomes)
    for (status, code), count in tally.items():
        metrics.OUTCOMES.labels(status, code).inc(count)
