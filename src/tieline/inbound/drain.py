"""Applies the waiting events of an integration, batch by batch, in the order of acceptance.

One transaction per batch holds everything: the lock that keeps others away, the entity changes,
their history, the outcomes, and the work list without the finished events. It commits as a whole,
so every effect happens exactly once, however often the job runs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from tieline.database import Database, OrgTransaction
from tieline.database.pipeline import Pipeline
from tieline.entities import indexing
from tieline.entities import repository as entities
from tieline.entities.flush import ConcurrentChange, conflicts_named, write
from tieline.entities.models import Activity
from tieline.entities.workspace import ID_PATH, Key, Workspace
from tieline.inbound import repository
from tieline.inbound.application import EventNotApplicable, apply_result, keys_of
from tieline.inbound.lookahead import EventMapping, Lookahead, Mapped
from tieline.inbound.models import PendingEvent
from tieline.integrations.service import IntegrationService
from tieline.kit.errors import TielineError, Unavailable
from tieline.kit.time import Clock, utc_now
from tieline.mapping.errors import MappingError
from tieline.mapping.mapper import Mapper
from tieline.mapping.models import MappingResult
from tieline.monitoring.models import (
    ErrorCategory,
    EventType,
    Outcome,
    OutcomeStatus,
    SyncType,
)
from tieline.monitoring.repository import insert_outcomes

log = structlog.get_logger(__name__)

ACTIVITY_TYPE = "SyncActivity"
_RETRIES = 5
_PART = 125  # events whose changes are written while the next ones are worked out
_RETRYABLE = (ConcurrentChange, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# The state of the machine or of the database, which no event can help: the job comes back later.
_NOBODYS_FAULT = (
    Unavailable,
    OSError,
    MemoryError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
_VALUES_REFUSED = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IntegrityConstraintViolationError,
)


class _Progress(Enum):
    BUSY = auto()  # somebody else is at it
    EMPTY = auto()  # nothing waits
    APPLIED = auto()


_Done = tuple[_Progress, list[Outcome]]


class Drain:
    """Applies waiting events."""

    def __init__(
        self,
        database: Database,
        integrations: IntegrationService,
        mapper: Mapper,
        *,
        batch_size: int,
        clock: Clock = utc_now,
        finished: Callable[[Sequence[Outcome]], None] = lambda _outcomes: None,
    ) -> None:
        self._database = database
        self._mapping = EventMapping(integrations, mapper)
        self._batch_size = batch_size
        self._clock = clock
        self._finished = finished

    async def job(self, ids: Mapping[str, Any]) -> None:
        """What the queue calls."""
        await self.run(ids["org"], UUID(ids["integration"]))

    async def run(self, org_id: str, integration_id: UUID) -> None:
        """Apply until nothing waits, or until somebody else is found doing so."""
        ahead = Lookahead(self._database, self._mapping, org_id, integration_id)
        try:
            while True:
                progress = await self._apply_next(ahead, self._batch_size)
                if progress is _Progress.BUSY:
                    return
                if progress is _Progress.EMPTY:
                    # An event may have been accepted after the last look and before the lock was
                    # released. Its own job found the lock taken and went away: look once more.
                    async with self._database.reading(org_id) as tx:
                        if not await repository.anything_waits(tx, integration_id):
                            return
        finally:
            await ahead.close()

    async def _apply_next(self, ahead: Lookahead, size: int) -> _Progress:
        for attempt in range(_RETRIES):
            try:
                async with self._database.organisation(ahead.org_id) as tx:
                    progress, outcomes = await self._batch(tx, ahead, size)
            except _RETRYABLE:
                log.info("drain.conflict", integration=str(ahead.integration_id), attempt=attempt)
            except _NOBODYS_FAULT:
                raise
            except Exception as error:
                if size == 1:
                    return await self._give_up(ahead, error)
                # One event of the batch cannot be applied. Halve until it stands alone.
                log.info("drain.halving", integration=str(ahead.integration_id), error=repr(error))
                return await self._apply_next(ahead, size // 2)
            else:
                self._finished(outcomes)
                return progress
        if size > 1:
            return await self._apply_next(ahead, size // 2)
        raise ConcurrentChange

    async def _batch(self, tx: OrgTransaction, ahead: Lookahead, size: int) -> _Done:
        integration_id = ahead.integration_id
        if not await repository.try_lock_integration(tx, integration_id):
            return _Progress.BUSY, []
        events = await repository.waiting_events(tx, integration_id, size)
        if not events:
            lost = await repository.forget_without_event(tx, integration_id)
            if lost:
                log.error("drain.events_lost", integration=str(integration_id), event_ids=lost)
            return _Progress.EMPTY, []
        mapped = await ahead.results(events)
        if len(events) == size:
            ahead.start(after=events[-1].seq, count=self._batch_size)
        workspace = Workspace(tx.org_id, self._clock())
        await _load(tx, workspace, mapped)
        started = time.perf_counter()
        outcomes: list[Outcome] = []
        with conflicts_named():
            async with Pipeline(tx) as pipeline:
                await pipeline.add(repository.finish(integration_id, [e.seq for e in events]))
                for start in range(0, len(mapped), _PART):
                    part = mapped[start : start + _PART]
                    outcomes += await pipeline.prepare(
                        part, partial(self._apply, workspace, integration_id)
                    )
                    await write(pipeline, workspace.cut())
        await insert_outcomes(tx, outcomes)
        log.debug(
            "drain.batch",
            events=len(events),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        return _Progress.APPLIED, outcomes

    def _apply(self, workspace: Workspace, integration_id: UUID, mapped: Mapped) -> Outcome:
        started = time.perf_counter()
        event, result = mapped.event, mapped.result
        outcome: dict[str, Any]
        if isinstance(result, MappingError):
            outcome = _failure(result.code, ErrorCategory(result.category), result.message)
        else:
            savepoint = workspace.savepoint()
            try:
                outcome = _success(
                    apply_result(workspace, result, _activity(integration_id, event))
                )
            except EventNotApplicable as error:
                workspace.rollback(savepoint)
                outcome = _failure(error.code, error.category, error.message)
            except Exception as error:
                workspace.rollback(savepoint)
                log.exception("drain.event_crashed", event_id=event.event_id)
                message = f"Applying the event failed inside Tieline: {error!r}. Report this."
                outcome = _failure("UNKNOWN_ERROR", ErrorCategory.SYSTEM, message)
        milliseconds = mapped.milliseconds + (time.perf_counter() - started) * 1000
        return self._outcome(workspace.org_id, integration_id, event, milliseconds, outcome)

    async def _give_up(self, ahead: Lookahead, error: Exception) -> _Progress:
        """The next event can be mapped but not applied: record that, and go on with the others."""
        failure = _unappliable(error)
        integration_id = ahead.integration_id
        async with self._database.organisation(ahead.org_id) as tx:
            if not await repository.try_lock_integration(tx, integration_id):
                return _Progress.BUSY
            events = await repository.waiting_events(tx, integration_id, 1)
            outcomes = [
                self._outcome(tx.org_id, integration_id, event, 0, failure) for event in events
            ]
            with conflicts_named():
                await repository.finish(integration_id, [event.seq for event in events]).run(tx)
            await insert_outcomes(tx, outcomes)
        self._finished(outcomes)
        return _Progress.APPLIED

    def _outcome(
        self,
        org_id: str,
        integration_id: UUID,
        event: PendingEvent,
        milliseconds: float,
        result: Mapping[str, Any],
    ) -> Outcome:
        return Outcome(
            org_id=org_id,
            integration_id=integration_id,
            event_id=event.event_id,
            sync_type=SyncType.ENTITY,
            received_at=event.accepted_at,
            completed_at=self._clock(),
            object_type=event.name,
            duration_ms=math.ceil(milliseconds),
            correlation_id=event.correlation_id,
            use_case_id=event.use_case_id,
            use_case_version=event.use_case_version,
            event_type=EventType(event.event_type) if event.event_type else None,
            **result,
        )


async def _load(tx: OrgTransaction, workspace: Workspace, mapped: Sequence[Mapped]) -> None:
    """Fill the workspace with all entities that the batch is about, and lock those to be made."""
    results = [entry.result for entry in mapped if isinstance(entry.result, MappingResult)]
    keys = {key for result in results for key in keys_of(result)}
    if not keys:
        return
    # Relation items made by an expression name attributes that no configuration mentions. They are
    # registered before the workspace opens: afterwards two drains could wait for one another.
    looked_up = {(key.schema, path) for key in keys for path, _ in key.pairs if path != ID_PATH}
    await indexing.register(tx, sorted(looked_up))
    await entities.open_workspace(tx, workspace, {key.schema for key in keys})
    await entities.load_by_keys(tx, workspace, keys)
    missing = [key for key in keys if _matches_nothing(workspace, key)]
    if missing:
        await entities.lock_keys(tx, missing)
        await entities.load_by_keys(tx, workspace, missing)


def _matches_nothing(workspace: Workspace, key: Key) -> bool:
    found = workspace.find(key)
    return not found.live and not found.deleted


def _activity(integration_id: UUID, event: PendingEvent) -> Activity:
    """The activity of an event; its id is made when it is, so that ids follow the order."""
    return Activity(
        type=ACTIVITY_TYPE,
        title=f"ERP event {event.name}",
        message=f"The ERP event {event.name} was applied.",
        payload={
            "event_id": event.event_id,
            "event_name": event.name,
            "correlation_id": event.correlation_id,
            "integration_id": str(integration_id),
            "use_case_id": str(event.use_case_id),
            "use_case_version": event.use_case_version,
        },
    )


def _success(applied: Any) -> dict[str, Any]:
    notable = [warning for warning in applied.warnings if warning["code"] != "ENTITY_NO_OP"]
    return {
        "status": OutcomeStatus.WARNING if notable else OutcomeStatus.SUCCESS,
        "error_code": notable[0]["code"] if notable else None,
        "error_message": notable[0]["message"] if notable else None,
        "entities": applied.entities,
        "warnings": applied.warnings,
    }


def _unappliable(error: Exception) -> dict[str, Any]:
    """What is recorded of an event that brought its whole transaction down."""
    if isinstance(error, TielineError):
        return _failure(error.code, ErrorCategory.VALIDATION, error.message)
    if isinstance(error, _VALUES_REFUSED):
        reason = str(error).partition("\n")[0]
        message = (
            f"The mapped values cannot be stored: {reason}. Correct the payload or its mapping."
        )
        return _failure("UNSTORABLE_VALUE", ErrorCategory.VALIDATION, message)
    log.error("drain.event_crashed", exc_info=error)
    message = f"Applying the event failed inside Tieline: {error!r}. Report this."
    return _failure("UNKNOWN_ERROR", ErrorCategory.SYSTEM, message)


def _failure(code: str, category: ErrorCategory, message: str) -> dict[str, Any]:
    return {
        "status": OutcomeStatus.ERROR,
        "error_code": code,
        "error_category": category,
        "error_message": message,
    }
