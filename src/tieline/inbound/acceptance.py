"""Accepting events: validated, routed, deduplicated and committed before anybody is told.

Requests that arrive at the same moment are written in one transaction. The commit, which waits for
the disk, is then shared by all of them; nobody hears "success" before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from tieline.database import Database, Transaction
from tieline.inbound import repository
from tieline.inbound.dead_letters.repository import close_replayed
from tieline.inbound.deprecation import deprecation_outcome
from tieline.inbound.errors import TooBusy
from tieline.inbound.jobs import drain_job
from tieline.inbound.lanes import lane_of
from tieline.inbound.models import AcceptedEvent, EventResult, InvalidEvent, Receipt, Routed
from tieline.inbound.request import IngestRequest
from tieline.inbound.routing import route_sent
from tieline.integrations.errors import IntegrationNotFound
from tieline.integrations.service import IntegrationService
from tieline.kit.ids import new_ulid
from tieline.kit.time import Clock, utc_now
from tieline.monitoring.models import (
    EventType,
    Outcome,
    OutcomeStatus,
    SyncType,
)
from tieline.monitoring.repository import insert_outcomes
from tieline.runtime.queue import enqueue

ACCEPTED = "Event queued for processing"
_LARGEST_BACKLOG = 64 << 20  # bytes of payload that wait for a database that does not keep up
_LARGEST_WRITE = 2_000  # events in one transaction, so that nobody waits for a very long one


@dataclass(slots=True)
class _Submission:
    events: Sequence[Routed]
    outcomes: Sequence[Outcome]  # known before the events are applied
    size: int  # bytes of payload
    done: asyncio.Future[dict[str, EventResult]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Acceptance:
    """Takes in events for all integrations."""

    def __init__(
        self,
        database: Database,
        integrations: IntegrationService,
        *,
        deduplication_window: timedelta,
        clock: Clock = utc_now,
        accepted: Callable[[str, int], None] = lambda _status, _count: None,
    ) -> None:
        self._database = database
        self._integrations = integrations
        self._window = deduplication_window
        self._clock = clock
        self._accepted = accepted
        self._waiting: list[_Submission] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    async def accept(self, org_id: str, request: IngestRequest) -> list[EventResult]:
        """Store the events of a request; a result for each, in order, after they are durable.

        Raises `IntegrationNotFound`.
        """
        routes = await self._integrations.resolve_routes(org_id, request.integration_id)
        if routes is None:
            raise IntegrationNotFound
        correlation_id = request.correlation_id or new_ulid()
        slots: list[EventResult | Routed] = []
        for sent in request.events:
            if isinstance(sent, InvalidEvent):
                slots.append(EventResult(new_ulid(), Receipt.ERROR, sent.reason))
                self._accepted(Receipt.ERROR, 1)
            else:
                slots.append(
                    route_sent(org_id, request.integration_id, correlation_id, sent, routes)
                )
        routed = [slot for slot in slots if isinstance(slot, Routed)]
        noted = self._deprecations(org_id, request, slots, correlation_id)
        stored = await self.store(routed, noted) if routed or noted else {}
        return [stored[slot.event.event_id] if isinstance(slot, Routed) else slot for slot in slots]

    def _deprecations(
        self,
        org_id: str,
        request: IngestRequest,
        slots: Sequence[EventResult | Routed],
        correlation_id: str,
    ) -> list[Outcome]:
        if request.deprecated is None or not slots:
            return []
        first = slots[0].event if isinstance(slots[0], Routed) else slots[0]
        return [
            deprecation_outcome(
                request.deprecated,
                org_id,
                request.integration_id,
                event_id=first.event_id,
                event=request.events[0],
                correlation_id=correlation_id,
                now=self._clock(),
            )
        ]

    async def store(
        self, events: Sequence[Routed], outcomes: Sequence[Outcome] = ()
    ) -> dict[str, EventResult]:
        """Write events durably, together with whoever else is writing; results by event id.

        `outcomes` are written with them.
        """
        results = await self._store(events, outcomes)
        for entry in events:
            self._accepted(results[entry.event.event_id].status, 1)
        return results

    async def _store(
        self, events: Sequence[Routed], outcomes: Sequence[Outcome]
    ) -> dict[str, EventResult]:
        if self._database.inside_request():
            # The caller's transaction decides what becomes of them: no sharing with others.
            async with self._database.system() as tx:
                return await self._write(tx, events, outcomes)
        size = sum(len(entry.event.payload) for entry in events)
        if self._waiting and self._waiting_bytes + size > _LARGEST_BACKLOG:
            raise TooBusy
        submission = _Submission(events, outcomes, size)
        self._waiting.append(submission)
        self._waiting_bytes += size
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return await submission.done

    async def _write_all(self) -> None:
        while self._waiting:
            submissions = self._take()
            events = [event for submission in submissions for event in submission.events]
            outcomes = [outcome for submission in submissions for outcome in submission.outcomes]
            try:
                async with self._database.system() as tx:
                    results = await self._write(tx, events, outcomes)
            except BaseException as error:
                if len(submissions) > 1 and isinstance(error, Exception):
                    await self._write_singly(submissions)
                    continue
                _fail(submissions, error)
                if not isinstance(error, Exception):
                    raise
            else:
                _finish(submissions, results)

    async def _write_singly(self, submissions: Sequence[_Submission]) -> None:
        """After a common write failed: one request's fault must not be everybody's."""
        for submission in submissions:
            try:
                async with self._database.system() as tx:
                    results = await self._write(tx, submission.events, submission.outcomes)
            except Exception as error:
                _fail([submission], error)
            else:
                _finish([submission], results)

    def _take(self) -> list[_Submission]:
        taken: list[_Submission] = []
        count = 0
        while self._waiting and count < _LARGEST_WRITE:
            submission = self._waiting.pop(0)
            self._waiting_bytes -= submission.size
            taken.append(submission)
            count += len(submission.events)
        return taken

    async def _write(
        self, tx: Transaction, routed: Sequence[Routed], known: Sequence[Outcome]
    ) -> dict[str, EventResult]:
        duplicates = await self._duplicates(tx, routed)
        fresh = [entry for entry in routed if entry.event.event_id not in duplicates]
        await repository.insert_events(tx, [entry.event for entry in fresh])
        await close_replayed(tx, fresh, self._clock())
        results: dict[str, EventResult] = {}
        outcomes = list(known)
        for entry in routed:
            event = entry.event
            if event.event_id in duplicates:
                message = f"The deduplication id {event.deduplication_id} was used before."
                results[event.event_id] = EventResult(event.event_id, Receipt.SKIPPED, message)
                outcomes.append(self._outcome(event, "DUPLICATE_EVENT", message))
            elif entry.ignored is not None:
                code, message = entry.ignored
                results[event.event_id] = EventResult(event.event_id, Receipt.IGNORED, message)
                outcomes.append(self._outcome(event, code, message))
            else:
                results[event.event_id] = EventResult(event.event_id, Receipt.SUCCESS, ACCEPTED)
        await insert_outcomes(tx, outcomes)
        drained = {
            (entry.event.org_id, entry.event.integration_id, lane_of(entry.event.group_id))
            for entry in fresh
            if entry.ignored is None
        }
        await enqueue(tx, [drain_job(*lane) for lane in sorted(drained)])
        return results

    async def _duplicates(self, tx: Transaction, routed: Sequence[Routed]) -> set[str]:
        """The ids of the events whose deduplication id is taken, here or in an earlier request."""
        first: dict[tuple[str, UUID, str], AcceptedEvent] = {}
        duplicates: set[str] = set()
        for entry in routed:
            event = entry.event
            # An ignored event changes nothing: it must not stand in the way of a later one.
            if event.deduplication_id is None or entry.ignored is not None:
                continue
            key = (event.org_id, event.integration_id, event.deduplication_id)
            if first.setdefault(key, event) is not event:
                duplicates.add(event.event_id)
        if first:
            claims = list(first.values())
            oldest = self._clock() - self._window
            free = await repository.claim_deduplication_ids(tx, claims, oldest)
            duplicates |= {event.event_id for event in claims} - free
        return duplicates

    def _outcome(self, event: AcceptedEvent, code: str, message: str) -> Outcome:
        return Outcome(
            org_id=event.org_id,
            integration_id=event.integration_id,
            event_id=event.event_id,
            sync_type=SyncType.ENTITY,
            received_at=event.accepted_at,
            completed_at=self._clock(),
            object_type=event.name,
            status=OutcomeStatus.SKIPPED,
            duration_ms=0,
            correlation_id=event.correlation_id,
            use_case_id=event.use_case_id,
            use_case_version=event.use_case_version,
            event_type=EventType(event.event_type) if event.event_type else None,
            error_code=code,
            error_message=message,
        )


def _finish(submissions: Sequence[_Submission], results: dict[str, EventResult]) -> None:
    for submission in submissions:
        if not submission.done.done():
            submission.done.set_result(results)


def _fail(submissions: Sequence[_Submission], error: BaseException) -> None:
    for submission in submissions:
        if not submission.done.done():
            submission.done.set_exception(
                error if isinstance(error, Exception) else asyncio.CancelledError()
            )
