"""SQL about outcomes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.kit import json
from tieline.monitoring.models import (
    ErrorCategory,
    EventType,
    Outcome,
    OutcomeQuery,
    OutcomeStatus,
    SyncType,
)

# PostgreSQL stores no NUL character. An outcome must be written whatever an event held, so the
# character that Unicode has for such cases stands in for it.
_NUL = "\x00"
_REPLACEMENT = "\ufffd"
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

_COLUMNS = (
    "org_id",
    "integration_id",
    "event_id",
    "completed_at",
    "sync_type",
    "received_at",
    "correlation_id",
    "use_case_id",
    "use_case_version",
    "event_type",
    "object_type",
    "status",
    "error_code",
    "error_category",
    "error_message",
    "duration_ms",
    "entities",
    "warnings",
)


async def insert_outcomes(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Store outcomes, of several organisations if need be, by one statement."""
    # Each row has its organisation: an `OrgTransaction` must not put its own before it.
    await Transaction(tx.connection).copy(
        "inbound_outcomes", _COLUMNS, [_row(outcome) for outcome in outcomes]
    )


def _row(outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.org_id,
        outcome.integration_id,
        outcome.event_id,
        outcome.completed_at,
        outcome.sync_type,
        outcome.received_at,
        _storable(outcome.correlation_id),
        outcome.use_case_id,
        outcome.use_case_version,
        outcome.event_type,
        _storable(outcome.object_type),
        outcome.status,
        outcome.error_code,
        outcome.error_category,
        _storable(outcome.error_message),
        outcome.duration_ms,
        _json(outcome.entities),
        _json(outcome.warnings),
    )


def _storable(text: str | None) -> str | None:
    return text.replace(_NUL, _REPLACEMENT) if text else text


def _json(value: list[Any] | None) -> str | None:
    if not value:
        return None
    text = json.dumps_str(value)
    return _ESCAPED_NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


async def newest_outcomes(
    tx: OrgTransaction,
    integration_id: UUID,
    query: OutcomeQuery,
    *,
    oldest: datetime,
    newest: datetime,
    count: int,
) -> list[Outcome]:
    """Up to `count` outcomes of an integration between two moments, newest first."""
    arguments: list[Any] = [integration_id, oldest, newest]
    conditions = ["org_id = $1", "integration_id = $2", "completed_at BETWEEN $3 AND $4"]

    def add(condition: str, *values: Any) -> None:
        numbers = range(len(arguments) + 2, len(arguments) + 2 + len(values))
        arguments.extend(values)
        conditions.append(condition.format(*(f"${number}" for number in numbers)))

    for column, value in _filters(query).items():
        if value is not None:
            add(column + " = {}", value)
    cursor = query.cursor
    if cursor is not None and cursor.sync_type is not None:
        position = (cursor.completed_at, cursor.event_id, cursor.sync_type)
        add("(completed_at, event_id, sync_type) < ({}, {}, {})", *position)
    elif cursor is not None:
        add("(completed_at, event_id) < ({}, {})", cursor.completed_at, cursor.event_id)
    rows = await tx.fetch(
        f"SELECT * FROM inbound_outcomes WHERE {' AND '.join(conditions)} "
        f"ORDER BY completed_at DESC, event_id DESC, sync_type DESC LIMIT {count:d}",
        *arguments,
    )
    return [_outcome(row) for row in rows]


def _filters(query: OutcomeQuery) -> dict[str, Any]:
    # An event's name is stored as its object type. A query may use either word for it, and one
    # that uses both means both.
    return {
        "use_case_id": query.use_case_id,
        "event_type": query.event_type,
        "sync_type": query.sync_type,
        "status": query.status,
        "error_category": query.error_category,
        "correlation_id": query.correlation_id,
        "object_type": query.object_type,
        "inbound_outcomes.object_type": query.event_name,
        "event_id": query.event_id,
    }


def _outcome(row: asyncpg.Record) -> Outcome:
    return Outcome(
        org_id=row["org_id"],
        integration_id=row["integration_id"],
        event_id=row["event_id"],
        sync_type=SyncType(row["sync_type"]),
        received_at=row["received_at"],
        completed_at=row["completed_at"],
        object_type=row["object_type"],
        status=OutcomeStatus(row["status"]),
        duration_ms=row["duration_ms"],
        correlation_id=row["correlation_id"],
        use_case_id=row["use_case_id"],
        use_case_version=row["use_case_version"],
        event_type=EventType(row["event_type"]) if row["event_type"] else None,
        error_code=row["error_code"],
        error_category=ErrorCategory(row["error_category"]) if row["error_category"] else None,
        error_message=row["error_message"],
        entities=json.loads(row["entities"]) if row["entities"] else None,
        warnings=json.loads(row["warnings"]) if row["warnings"] else None,
    )
