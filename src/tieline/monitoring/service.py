"""Ask what became of events."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tieline.database import Database
from tieline.kit.time import Clock, utc_now
from tieline.monitoring import repository
from tieline.monitoring.models import OutcomeCursor, OutcomePage, OutcomeQuery


class MonitoringService:
    """Questions about outcomes. `retention` is how long outcomes are kept."""

    def __init__(
        self,
        database: Database,
        *,
        retention: timedelta = timedelta(days=90),
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock

    async def query_inbound(
        self, org_id: str, integration_id: UUID, query: OutcomeQuery
    ) -> OutcomePage:
        """A page of the outcomes of an integration's events, newest first."""
        oldest, newest = self._bounds(query)
        async with self._database.reading(org_id) as tx:
            outcomes = await repository.newest_outcomes(
                tx, integration_id, query, oldest=oldest, newest=newest, count=query.limit + 1
            )
        page = outcomes[: query.limit]
        if len(outcomes) <= query.limit:
            return OutcomePage(page, next_cursor=None)
        last = page[-1]
        return OutcomePage(page, OutcomeCursor(last.completed_at, last.event_id, last.sync_type))

    def _bounds(self, query: OutcomeQuery) -> tuple[datetime, datetime]:
        """The span of time in which to look: it decides which partitions are read at all."""
        now = self._clock()
        # Partitions are dropped by whole days, and clocks of several machines differ a little.
        kept_since = now - self._retention - timedelta(days=1)
        oldest = max(query.from_date or kept_since, kept_since)
        last_seen = query.cursor.completed_at if query.cursor else None
        latest = (now + timedelta(days=1), query.to_date, last_seen)
        return oldest, min(moment for moment in latest if moment is not None)
