"""What is recorded of an event that was applied, or could not be. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from tieline.inbound.application.errors import EventNotApplicable, StateNotLoaded
from tieline.inbound.application.work import INFORMATION, Applied
from tieline.inbound.batch import Applying
from tieline.inbound.models import PendingEvent
from tieline.kit.errors import TielineError
from tieline.mapping.errors import MappingError
from tieline.mapping.models import METER_READING
from tieline.monitoring.models import ErrorCategory, EventType, Outcome, OutcomeStatus, SyncType

log = structlog.get_logger(__name__)

MOST_NOTES = 1_000  # about entities, and about warnings: an outcome is to be looked at
_READINGS_PATH = "meter_readings"  # where a configuration speaks of them
_VALUES_REFUSED = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IntegrityConstraintViolationError,
)


def outcomes_of(
    org_id: str, integration_id: UUID, event: PendingEvent, applying: Applying, now: datetime
) -> list[Outcome]:
    """The outcomes of an event: one for entities, one for readings, or the one of its failure."""
    if isinstance(applying.result, Applied):
        results = list(_successes(applying.result))
    else:
        results = [_failure(event, applying.result)]
    return [
        Outcome(
            org_id=org_id,
            integration_id=integration_id,
            event_id=event.event_id,
            received_at=event.accepted_at,
            completed_at=now,
            object_type=event.name,
            duration_ms=math.ceil(applying.milliseconds),
            correlation_id=event.correlation_id,
            use_case_id=event.use_case_id,
            use_case_version=event.use_case_version,
            event_type=EventType(event.event_type) if event.event_type else None,
            **result,
        )
        for result in results
    ]


def _successes(applied: Applied) -> Iterator[Mapping[str, Any]]:
    if not (applied.readings or applied.warnings):
        yield _success(SyncType.ENTITY, applied.entities, [])
        return
    about_readings = [w for w in applied.warnings if w["entity_schema"] == METER_READING]
    if applied.readings or about_readings:
        yield _success(SyncType.METER_READING, applied.readings, about_readings)
    others = [w for w in applied.warnings if w["entity_schema"] != METER_READING]
    if applied.entities or others or not (applied.readings or about_readings):
        yield _success(SyncType.ENTITY, applied.entities, others)


def _success(
    sync_type: SyncType, changed: list[dict[str, Any]], warnings: list[dict[str, Any]]
) -> Mapping[str, Any]:
    notable = [warning for warning in warnings if warning["code"] not in INFORMATION]
    return {
        "sync_type": sync_type,
        "status": OutcomeStatus.WARNING if notable else OutcomeStatus.SUCCESS,
        "error_code": notable[0]["code"] if notable else None,
        "error_message": notable[0]["message"] if notable else None,
        "entities": _bounded(changed),
        "warnings": _bounded(warnings),
    }


def _bounded(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first notes; of an event with very many a last one tells how many are left out."""
    if len(notes) <= MOST_NOTES:
        return notes
    return [*notes[:MOST_NOTES], {"omitted": len(notes) - MOST_NOTES}]


def _failure(event: PendingEvent, error: Exception) -> Mapping[str, Any]:
    code, category, message = _reason(event, error)
    return {
        "sync_type": _failed_at(error),
        "status": OutcomeStatus.ERROR,
        "error_code": code,
        "error_category": category,
        "error_message": message,
    }


def _reason(event: PendingEvent, error: Exception) -> tuple[str, ErrorCategory, str]:
    if isinstance(error, MappingError | EventNotApplicable):
        return error.code, ErrorCategory(error.category), error.message
    if isinstance(error, TielineError):
        return error.code, ErrorCategory.VALIDATION, error.message
    if isinstance(error, _VALUES_REFUSED):
        reason = str(error).partition("\n")[0]
        message = (
            f"The mapped values cannot be stored: {reason}. Correct the payload or its mapping."
        )
        return "UNSTORABLE_VALUE", ErrorCategory.VALIDATION, message
    if isinstance(error, StateNotLoaded):
        message = (
            "The event changes what identifies a meter or an entity, and relies on that itself. "
            "Send the change in an event of its own."
        )
        return "EVENT_NOT_APPLICABLE", ErrorCategory.VALIDATION, message
    if isinstance(error, TimeoutError):
        message = (
            "The database did not carry out the event's changes in time. "
            "Send less in one event, or narrow what it prunes."
        )
        return "TIMEOUT", ErrorCategory.TIMEOUT, message
    log.error("drain.event_crashed", event_id=event.event_id, exc_info=error)
    message = f"Applying the event failed inside Tieline: {error!r}. Report this."
    return "UNKNOWN_ERROR", ErrorCategory.SYSTEM, message


def _failed_at(error: Exception) -> SyncType:
    if isinstance(error, EventNotApplicable):
        return error.sync_type
    if isinstance(error, MappingError) and error.path.startswith(_READINGS_PATH):
        return SyncType.METER_READING
    return SyncType.ENTITY
