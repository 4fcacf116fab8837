"""Accepted events after the fact: to be looked at, and to be replayed.

An event's id is a ULID and carries the moment of its acceptance, so that looking for it touches
the one partition that can hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import record, viewed
from tieline.database import Database, OrgTransaction
from tieline.inbound import stored_repository
from tieline.inbound.acceptance import Acceptance
from tieline.inbound.event_ids import accepted_moment, accepted_moments
from tieline.inbound.models import (
    EventCursor,
    EventPage,
    EventQuery,
    EventResult,
    Receipt,
    Replay,
    ReplayResult,
    ReplayStatus,
)
from tieline.inbound.routing import route_again
from tieline.integrations.service import IntegrationService
from tieline.kit.ids import new_ulid

REPLAY_PREFIX = "replay_"
_ASKED = ("event_id", "event_type", "correlation_id", "object_type", "event_name")


class StoredEvents:
    """What one can do with the events of an integration as long as their payloads are kept."""

    def __init__(
        self, database: Database, integrations: IntegrationService, acceptance: Acceptance
    ) -> None:
        self._database = database
        self._integrations = integrations
        self._acceptance = acceptance

    async def query(self, org_id: str, integration_id: UUID, query: EventQuery) -> EventPage:
        """A page of the stored events, newest first. Raises `IntegrationNotFound`.

        That the payloads of these events are shown is noted in the audit log.
        """
        await self._integrations.get_integration(org_id, integration_id)
        accepted_at = None
        if query.event_id is not None:
            accepted_at = accepted_moment(query.event_id)
            if accepted_at is None:
                return EventPage([], next_cursor=None)
        async with self._database.reading(org_id) as tx:
            events = await stored_repository.newest_events(
                tx, integration_id, query, accepted_at=accepted_at, count=query.limit + 1
            )
        page = events[: query.limit]
        ids = [event.event_id for event in page]
        await viewed(self._database, org_id, Shown.EVENT, ids, _asked(integration_id, query))
        if len(events) <= query.limit:
            return EventPage(page, next_cursor=None)
        return EventPage(page, EventCursor(page[-1].accepted_at, page[-1].event_id))

    async def replay(
        self,
        org_id: str,
        integration_id: UUID,
        event_ids: Sequence[str],
        *,
        by: str | None = None,
    ) -> Replay:
        """Accept stored events anew, each by its use case as that is now.

        Whatever the order of the request, they are applied in the order in which they were first
        accepted: a list that is newest first must not end with the oldest state. The new events
        are durable when this returns, and the dead letters of the old ones are closed in the name
        of `by`. Raises `IntegrationNotFound`.
        """
        routes = await self._integrations.read_routes(org_id, integration_id)
        moments = accepted_moments(event_ids)
        async with self._database.reading(org_id) as tx:
            stored = await stored_repository.find_events(tx, integration_id, moments)
        correlation_id = REPLAY_PREFIX + new_ulid()
        routed = {
            event.event_id: route_again(event, correlation_id, routes, by=by) for event in stored
        }
        receipts: dict[str, EventResult] = {}
        if routed:
            # Accepting joins this transaction, so that the note is stored with the events.
            async with self._database.request() as request:
                written = await self._acceptance.store(list(routed.values()))
                receipts = {old: written[entry.event.event_id] for old, entry in routed.items()}
                tx = OrgTransaction(request.connection, org_id)
                done = {"event_ids": list(receipts), "correlation_id": correlation_id}
                await record(tx, "events.replayed", "integration", str(integration_id), after=done)
        return Replay(correlation_id, _results(event_ids, receipts))


def _asked(integration_id: UUID, query: EventQuery) -> dict[str, Any]:
    """What the audit log says of a question for events."""
    asked = {name: getattr(query, name) for name in _ASKED if getattr(query, name) is not None}
    return {"integration_id": str(integration_id), **asked}


def _results(event_ids: Sequence[str], receipts: Mapping[str, EventResult]) -> list[ReplayResult]:
    results: list[ReplayResult] = []
    seen: set[str] = set()
    for event_id in event_ids:
        if event_id in seen:
            message = "The request names this event twice; it is replayed once."
            results.append(ReplayResult(event_id, ReplayStatus.SKIPPED, None, message))
        elif (receipt := receipts.get(event_id)) is not None:
            ignored = receipt.status is Receipt.IGNORED
            status = ReplayStatus.IGNORED if ignored else ReplayStatus.QUEUED
            results.append(ReplayResult(event_id, status, receipt.event_id, receipt.message))
        else:
            message = (
                "This integration has no stored event with this id. Payloads of skipped and "
                "refused events are not kept, others for a while only: send the event again."
            )
            results.append(ReplayResult(event_id, ReplayStatus.NOT_FOUND, None, message))
        seen.add(event_id)
    return results
