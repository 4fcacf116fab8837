"""SQL about outcomes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.database.conditions import Conditions
from tieline.kit import json
from tieline.monitoring.figures import InboundGroup
from tieline.monitoring.models import (
    ErrorCategory,
    EventType,
    Outcome,
    OutcomeCursor,
    OutcomeQuery,
    OutcomeStatus,
    SyncType,
)
from tieline.monitoring.rollup_repository import minutes_with_outcomes
from tieline.monitoring.rollups import DELTA_COLUMNS, delta_rows
from tieline.monitoring.text import storable

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
    """Store outcomes, of several organisations if need be, and count them in the figures."""
    # Each row has its organisation: an `OrgTransaction` must not put its own before it.
    plain = Transaction(tx.connection)
    await plain.copy("inbound_outcomes", _COLUMNS, [_row(outcome) for outcome in outcomes])
    await plain.copy("outcome_deltas", DELTA_COLUMNS, delta_rows(outcomes))


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
    return storable(text) if text else text


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
    where = Conditions("org_id = $1 AND integration_id = {}", integration_id)
    where.add("completed_at BETWEEN {} AND {}", oldest, newest)
    counted = _counted_filters(query)
    for field, value in counted.items():
        column = "object_type" if field is InboundGroup.EVENT_NAME else field.value
        where.add(f"{column} = {{}}", value)
    where.add_given((f"{column} = {{}}", text) for column, text in _other_filters(query).items())
    if query.cursor is not None:
        position = _position(query.cursor)
        marks = ", ".join(["{}"] * len(position))
        where.add(f"({', '.join(position)}) < ({marks})", *position.values())
    order = f"ORDER BY completed_at DESC, event_id DESC, sync_type DESC LIMIT {count:d}"
    sql = f"SELECT * FROM inbound_outcomes WHERE {where}"
    if counted and not query.names_few:
        # Matching outcomes may be few among millions. The roll-ups know the minutes to look at;
        # minute by minute, because the database would rather look through all there are.
        minutes = await minutes_with_outcomes(
            tx, integration_id, counted, oldest=oldest, newest=newest, wanted=count
        )
        within = "completed_at >= minute AND completed_at < minute + interval '1 minute'"
        sql = (
            f"SELECT found.* FROM unnest({where.bind(minutes)}::timestamptz[]) AS minute, "
            f"LATERAL ({sql} AND {within} {order}) AS found"
        )
    rows = await tx.fetch(f"{sql} {order}", *where.values)
    return [_outcome(row) for row in rows]


def _position(cursor: OutcomeCursor) -> dict[str, Any]:
    """The columns that the list is ordered by, as far as the cursor says something of them."""
    position = {"completed_at": cursor.completed_at, "event_id": cursor.event_id}
    return position if cursor.sync_type is None else {**position, "sync_type": cursor.sync_type}


def _counted_filters(query: OutcomeQuery) -> dict[InboundGroup, str | UUID]:
    """The filters that the roll-ups can answer."""
    # An event's name is stored as its object type. A query may use either word for it, and one
    # that uses both means both.
    filters: dict[InboundGroup, str | UUID | None] = {
        InboundGroup.USE_CASE_ID: query.use_case_id,
        InboundGroup.SYNC_TYPE: query.sync_type,
        InboundGroup.STATUS: query.status,
        InboundGroup.ERROR_CATEGORY: query.error_category,
        InboundGroup.OBJECT_TYPE: query.object_type,
        InboundGroup.EVENT_NAME: query.event_name,
    }
    return {field: value for field, value in filters.items() if value is not None}


def _other_filters(query: OutcomeQuery) -> dict[str, str | None]:
    return {
        "event_type": query.event_type,
        "correlation_id": query.correlation_id,
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
