"""The work that goes on behind the requests: jobs, and duties that recur."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tieline import metrics
from tieline.entities.changes.handing_over import HandingOver, change_duties
from tieline.entities.changes.jobs import HAND_OVER
from tieline.http.services import Services
from tieline.identity.limits.service import limit_duties
from tieline.inbound.dead_letters.redrive import REDRIVE, redriving
from tieline.inbound.drain import Drain
from tieline.inbound.duties import inbound_duties
from tieline.inbound.jobs import DRAIN
from tieline.maintenance import maintenance_duties
from tieline.monitoring.duties import monitoring_duties
from tieline.monitoring.models import Outcome
from tieline.outbound.acknowledgements.duties import acknowledgement_duties
from tieline.outbound.dead_letters.redrive import REDRIVE as REDRIVE_DELIVERIES
from tieline.outbound.dead_letters.redrive import delivery_redriving
from tieline.outbound.monitoring.duties import outbound_monitoring_duties
from tieline.outbound.pulling.duties import pulling_duties
from tieline.runtime.periodic import Duty, Periodic
from tieline.runtime.worker import Worker
from tieline.settings import Settings

_MAX_JOBS = 20


@dataclass(frozen=True)
class Working:
    """What works in this process."""

    worker: Worker
    periodic: Periodic

    async def stop(self, seconds: float) -> None:
        """End the duties at once and give jobs so long to finish."""
        await self.periodic.stop()
        await self.worker.stop(seconds)


def start_working(settings: Settings, services: Services) -> Working:
    """Begin to work off jobs and to perform duties."""
    drain = Drain(
        services.database,
        services.integrations,
        services.mapper,
        batch_size=settings.batch_size,
        public_url=settings.public_address,
        finished=_count_outcomes,
    )
    redrives = redriving(services.database, services.integrations, services.acceptance)
    delivery_redrives = delivery_redriving(services.database)
    handing_over = HandingOver(services.database, [services.catalogue])
    worker = Worker(
        services.database,
        {
            DRAIN: drain.job,
            REDRIVE.name: redrives.job,
            HAND_OVER: handing_over.job,
            REDRIVE_DELIVERIES.name: delivery_redrives.job,
        },
        heartbeat=timedelta(seconds=settings.job_heartbeat_seconds),
        concurrency=concurrent_jobs(settings),
    )
    worker.start()
    periodic = Periodic(services.database, _duties(settings, services))
    periodic.start()
    return Working(worker, periodic)


def _duties(settings: Settings, services: Services) -> list[Duty]:
    window = timedelta(hours=settings.deduplication_hours)
    events = timedelta(days=settings.event_retention_days)
    outcomes = timedelta(days=settings.outcome_retention_days)
    deliveries = timedelta(days=settings.delivery_retention_days)
    return [
        *inbound_duties(sweep_seconds=settings.sweep_seconds, deduplication_window=window),
        *REDRIVE.duties(sweep_seconds=settings.sweep_seconds, retention=events),
        *REDRIVE_DELIVERIES.duties(sweep_seconds=settings.sweep_seconds, retention=deliveries),
        *pulling_duties(patience=timedelta(days=settings.pull_retention_days)),
        *change_duties(sweep_seconds=settings.sweep_seconds),
        *monitoring_duties(retention=outcomes),
        *outbound_monitoring_duties(retention=deliveries),
        *acknowledgement_duties(retention=deliveries, finished=_count_outcomes),
        *services.secrets.duties(),
        *limit_duties(),
        *maintenance_duties(settings),
    ]


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
