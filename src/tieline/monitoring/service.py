"""Ask what became of events."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tieline.database import Database
from tieline.kit.time import Clock, utc_now
from tieline.monitoring import repository, statistics
from tieline.monitoring.figures import Bucket, SeriesQuery, Stats, StatsQuery
from tieline.monitoring.models import OutcomeCursor, OutcomePage, OutcomeQuery
from tieline.monitoring.outbound import Deliveries, NoDeliveries
from tieline.monitoring.rollups import TICK, Span, Stretch, bucket_start


class MonitoringService:
    """Questions about outcomes, which are kept for `retention`, and about deliveries."""

    def __init__(
        self,
        database: Database,
        *,
        retention: timedelta = timedelta(days=90),
        deliveries: Deliveries | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._retention = retention
        self._deliveries = deliveries or NoDeliveries()
        self._clock = clock

    async def query_inbound(
        self, org_id: str, integration_id: UUID, query: OutcomeQuery
    ) -> OutcomePage:
        """A page of the outcomes of an integration's events, newest first.

        Raises `InvalidInput` when the dates are the wrong way round.
        """
        statistics.check_order(query.from_date, query.to_date)
        kept = self._kept()
        last_seen = query.cursor.completed_at if query.cursor else None
        latest = (kept.end, query.to_date, last_seen)
        async with self._database.reading(org_id) as tx:
            outcomes = await repository.newest_outcomes(
                tx,
                integration_id,
                query,
                oldest=max(query.from_date or kept.start, kept.start),
                newest=min(moment for moment in latest if moment is not None),
                count=query.limit + 1,
            )
        page = outcomes[: query.limit]
        if len(outcomes) <= query.limit:
            return OutcomePage(page, next_cursor=None)
        last = page[-1]
        return OutcomePage(page, OutcomeCursor(last.completed_at, last.event_id, last.sync_type))

    async def stats(self, org_id: str, integration_id: UUID, query: StatsQuery) -> Stats:
        """Figures of both sides. Raises `InvalidInput` for a time that ends before it begins."""
        time = self._kept_part(query.from_date, query.to_date)
        return await statistics.stats(
            self._database, self._deliveries, org_id, integration_id, time, query
        )

    async def time_series(
        self,
        org_id: str,
        integration_id: UUID,
        query: SeriesQuery,
    ) -> list[Bucket]:
        """Counts of both sides by time, empty buckets included.

        Only what lies between both dates counts, in the first and the last bucket too. Raises
        `InvalidInput`, and `TooManyBuckets` naming an interval with which it would work.
        """
        statistics.check_order(query.from_date, query.to_date)
        starts = statistics.bucket_starts(query)
        time = self._kept_part(query.from_date, query.to_date)
        return await statistics.time_series(
            self._database, self._deliveries, org_id, integration_id, time, query, starts
        )

    def now(self) -> datetime:
        """The present moment, by the clock of the service."""
        return self._clock()

    def _kept(self) -> Stretch:
        """The time of which outcomes are kept: it decides which partitions are read at all."""
        now = self._clock()
        # Partitions are dropped by whole days, and clocks of several machines differ a little.
        kept_since = bucket_start(now - self._retention, Span.DAY.width)
        return Stretch(kept_since, now + timedelta(days=1))

    def _kept_part(self, from_date: datetime | None, to_date: datetime | None) -> Stretch:
        statistics.check_order(from_date, to_date)
        kept = self._kept()
        start = min(max(from_date or kept.start, kept.start), kept.end)
        # Both dates belong to the time that is asked about.
        end = kept.end if to_date is None or to_date >= kept.end else to_date + TICK
        return Stretch(start, max(end, start))
