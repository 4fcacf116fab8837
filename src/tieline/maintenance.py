"""Keeps the database from growing without bound: partitions come and go, recycle bins empty."""

from __future__ import annotations

from datetime import timedelta

import structlog

from tieline.database import Transaction
from tieline.database.partitions import drop_expired, ensure_partitions
from tieline.entities.retention import purge_recycle_bin
from tieline.inbound.repository import oldest_waiting_event
from tieline.kit.errors import Conflict
from tieline.kit.time import Clock, utc_now
from tieline.outbound.deliveries.repository import oldest_waiting
from tieline.runtime.periodic import Duty
from tieline.settings import Settings

log = structlog.get_logger(__name__)


def maintenance_duties(settings: Settings, clock: Clock = utc_now) -> list[Duty]:
    """Hourly housekeeping; each is a matter of milliseconds when there is nothing to do."""

    async def partitions(tx: Transaction) -> None:
        now = clock()
        # Making or dropping a partition locks the whole table, and behind a waiting lock everybody
        # else would wait: rather try again at the next pass, partitions are made days ahead.
        await tx.execute("SET LOCAL lock_timeout = '500ms'")
        await ensure_partitions(tx.connection, now)
        # An accepted event that still waits keeps its partition, whatever its age.
        oldest = await oldest_waiting_event(tx) or now
        # So does a delivery that is not at its end: a paused webhook may keep it for long.
        undelivered = now - (await oldest_waiting(tx) or now)
        deliveries = max(timedelta(days=settings.delivery_retention_days), undelivered)
        activities = timedelta(days=settings.activity_retention_days)
        payloads = max(timedelta(days=settings.event_retention_days), now - oldest)
        outcomes = timedelta(days=settings.outcome_retention_days)
        retention = {
            "inbound_events": payloads,
            "inbound_dead_letters": payloads,
            "inbound_outcomes": outcomes,
            "file_downloads": outcomes,
            "event_history": timedelta(days=settings.event_history_retention_days),
            "outcome_rollups": outcomes,
            "correlation_sketches": outcomes,
            "access_log": timedelta(days=settings.access_log_retention_days),
            "audit_log": timedelta(days=settings.audit_retention_days),
            "delivery_rollups": timedelta(days=settings.delivery_retention_days),
            "deliveries": deliveries,
            "delivery_attempts": deliveries,
            "activities": activities,
            "activity_attachments": activities,
            "entity_operations": activities,
        }
        dropped = await drop_expired(tx.connection, retention, now)
        if (await oldest_waiting(tx) or now) < now - deliveries:
            # Meanwhile somebody had one sent again that is gone now: that is undone.
            raise Conflict("A delivery was sent again while its partition was being dropped.")
        if dropped:
            log.info("partitions.dropped", partitions=dropped)

    async def recycle_bin(tx: Transaction) -> None:
        before = clock() - timedelta(days=settings.recycle_bin_days)
        purged = await purge_recycle_bin(tx, before)
        if purged:
            log.info("recycle_bin.emptied", entities=purged)

    async def stored_answers(tx: Transaction) -> None:
        await tx.execute(
            "DELETE FROM idempotency_keys WHERE created_at < $1",
            clock() - timedelta(hours=settings.idempotency_hours),
        )

    async def queue_statistics(tx: Transaction) -> None:
        await tx.execute(
            "DELETE FROM pgqueuer_statistics WHERE created < now() - interval '7 days'"
        )
        # The log of single jobs only feeds the statistics, and has several rows for each.
        await tx.execute("DELETE FROM pgqueuer_log WHERE created < now() - interval '1 hour'")

    return [
        Duty("maintenance.partitions", 3600, partitions),
        Duty("maintenance.recycle_bin", 3600, recycle_bin),
        Duty("maintenance.stored_answers", 3600, stored_answers),
        Duty("maintenance.queue_statistics", 600, queue_statistics),
    ]
