"""Mapping events, the next batch already while the present one is being written.

Mapping depends on nothing but the event and the version of its use case, neither of which ever
changes: a result that was made ahead stays right, whatever becomes of the batch before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec
import structlog

from tieline.database import Database
from tieline.inbound import repository
from tieline.inbound.models import PendingEvent
from tieline.integrations.service import IntegrationService
from tieline.kit.errors import TielineError
from tieline.mapping.errors import MappingError
from tieline.mapping.mapper import Mapper, MapRequest
from tieline.mapping.models import FileProxyContext, MappingResult
from tieline.monitoring.models import EventType

log = structlog.get_logger(__name__)


class Mapped(msgspec.Struct, frozen=True, gc=False):
    """An event and what it is mapped to; `milliseconds` is its share of the batch's time."""

    event: PendingEvent
    result: MappingResult | MappingError
    milliseconds: float


class EventMapping:
    """Maps events, each with the version of its use case that was in force on acceptance."""

    def __init__(
        self, integrations: IntegrationService, mapper: Mapper, public_url: str = ""
    ) -> None:
        self._integrations = integrations
        self._mapper = mapper
        self._public_url = public_url

    async def map(
        self, org_id: str, integration_id: UUID, events: Sequence[PendingEvent]
    ) -> list[Mapped]:
        """The results, in order; the events belong to one integration."""
        if not events:
            return []
        wanted = {(event.use_case_id, event.use_case_version) for event in events}
        configurations = await self._integrations.configurations(org_id, sorted(wanted))
        files = FileProxyContext(f"{self._public_url}/erp-integration", org_id, str(integration_id))
        started = time.perf_counter()
        results = await self._mapper.map_batch(
            [
                MapRequest(
                    f"{org_id}/{event.use_case_id}/{event.use_case_version}",
                    configurations[event.use_case_id, event.use_case_version],
                    event.payload,
                    event.format,
                    file_proxy=files,
                    removing=event.event_type == EventType.DELETE,
                )
                for event in events
            ]
        )
        each = (time.perf_counter() - started) * 1000 / len(events)
        return [Mapped(*pair, each) for pair in zip(events, results, strict=True)]


class Lookahead:
    """The events of one lane of an integration that are mapped before their turn."""

    def __init__(
        self,
        database: Database,
        mapping: EventMapping,
        org_id: str,
        integration_id: UUID,
        lane: int,
    ) -> None:
        self.org_id = org_id
        self.integration_id = integration_id
        self.lane = lane
        self._database = database
        self._mapping = mapping
        self._task: asyncio.Task[list[Mapped]] | None = None
        self._ready: dict[str, Mapped] = {}

    def start(self, *, after: int, count: int) -> None:
        """Begin to map the events that follow."""
        if self._task is None:
            self._task = asyncio.create_task(self._map_following(after, count))

    async def results(self, events: Sequence[PendingEvent]) -> list[Mapped]:
        """The events with their results, of which those made ahead need no waiting."""
        await self._collect()
        missing = [event for event in events if event.event_id not in self._ready]
        fresh = {
            m.event.event_id: m
            for m in await self._mapping.map(self.org_id, self.integration_id, missing)
        }
        self._ready |= fresh
        wanted = {event.event_id for event in events}
        # Kept for this batch only: it may have to be repeated, what is behind it never comes back.
        self._ready = {i: mapped for i, mapped in self._ready.items() if i in wanted}
        return [self._ready[event.event_id] for event in events]

    async def close(self) -> None:
        """Drop what is still being mapped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _collect(self) -> None:
        if self._task is None:
            return
        task, self._task = self._task, None
        try:
            self._ready |= {mapped.event.event_id: mapped for mapped in await task}
        except (TielineError, asyncpg.PostgresError) as error:
            # Nothing is lost but time: the batch maps its events itself.
            log.info("drain.lookahead_failed", reason=str(error))

    async def _map_following(self, after: int, count: int) -> list[Mapped]:
        async with self._database.reading(self.org_id) as tx:
            events = await repository.waiting_events(
                tx, self.integration_id, self.lane, count, after=after
            )
        return await self._mapping.map(self.org_id, self.integration_id, events)
