"""Ask what became of the outbound events of an integration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from tieline.database import Database
from tieline.integrations.errors import IntegrationNotFound
from tieline.integrations.repository import find_integration, outbound_event_names
from tieline.kit.errors import InvalidInput
from tieline.kit.time import Clock, utc_now
from tieline.monitoring.figures import BucketCount, Count, OutboundGroup
from tieline.monitoring.rollups import Span, Stretch, bucket_start, cover
from tieline.outbound.monitoring import rollups
from tieline.outbound.monitoring.models import DeliveryPlace, MonitoringPage, MonitoringQuery
from tieline.outbound.monitoring.repository import newest_deliveries


class OutboundMonitoring:
    """Questions about deliveries, which are kept for `retention`; monitoring's `Deliveries`."""

    def __init__(self, database: Database, *, retention: timedelta, clock: Clock = utc_now) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock

    async def query(
        self, org_id: str, integration_id: UUID, query: MonitoringQuery
    ) -> MonitoringPage:
        """A page of the deliveries of an integration, newest first.

        Raises `IntegrationNotFound`, and `InvalidInput` when the dates are the wrong way round.
        """
        if query.from_date and query.to_date and query.from_date > query.to_date:
            raise InvalidInput("from_date: is after to_date. Exchange them.")
        kept = self._kept()
        last_seen = query.cursor.created_at if query.cursor else None
        latest = (kept.end, query.to_date, last_seen)
        async with self._database.reading(org_id) as tx:
            if await find_integration(tx, integration_id) is None:
                raise IntegrationNotFound
            found = await newest_deliveries(
                tx,
                integration_id,
                await outbound_event_names(tx, integration_id),
                query,
                oldest=max(query.from_date or kept.start, kept.start),
                newest=min(moment for moment in latest if moment is not None),
                count=query.limit + 1,
            )
        page = found[: query.limit]
        if len(found) <= query.limit:
            return MonitoringPage(page, None)
        return MonitoringPage(page, DeliveryPlace(page[-1].created_at, page[-1].id))

    async def by_group(
        self, org_id: str, integration_id: UUID, time: Stretch, group_by: Sequence[OutboundGroup]
    ) -> list[Count]:
        """Counts of deliveries by status and group, by when the deliveries were made."""
        async with self._database.reading(org_id) as tx:
            names = await outbound_event_names(tx, integration_id)
            selection = rollups.Selection(integration_id, names)
            covered = cover(self._kept_part(time))
            return await rollups.counts_by_group(tx, selection, covered, group_by)

    async def by_bucket(
        self, org_id: str, integration_id: UUID, time: Stretch, width: timedelta
    ) -> list[BucketCount]:
        """Counts of deliveries by status and bucket, by when the deliveries were made."""
        widest = max(span for span in Span if width % span.width == timedelta(0))
        async with self._database.reading(org_id) as tx:
            names = await outbound_event_names(tx, integration_id)
            selection = rollups.Selection(integration_id, names)
            covered = cover(self._kept_part(time), widest)
            return await rollups.counts_by_bucket(tx, selection, covered, width)

    def _kept(self) -> Stretch:
        """The time of which deliveries are kept; partitions are dropped by whole days."""
        now = self._clock()
        since = bucket_start(now - self._retention, Span.DAY.width)
        return Stretch(since, now + timedelta(days=1))

    def _kept_part(self, time: Stretch) -> Stretch:
        kept = self._kept()
        start = min(max(time.start, kept.start), kept.end)
        return Stretch(start, max(min(time.end, kept.end), start))
