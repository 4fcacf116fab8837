"""SQL about dead letters.

The event's id carries the moment of its acceptance, by which the table is partitioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tieline.database import OrgTransaction, Transaction
from tieline.database.conditions import Conditions
from tieline.inbound.dead_letters.models import (
    DeadLetter,
    LetterCursor,
    LetterFilter,
    LetterGroup,
    LetterStatus,
)
from tieline.inbound.dead_letters.reasons import reason_of
from tieline.inbound.event_ids import accepted_moment, accepted_moments
from tieline.inbound.models import Routed
from tieline.monitoring.models import ErrorCategory, Outcome, OutcomeStatus
from tieline.monitoring.text import storable

# The event is joined for what an outcome does not tell: its place in the order, and its origin.
_INSERT = """
INSERT INTO inbound_dead_letters (
    org_id, event_id, accepted_at, integration_id, failed_at, use_case_id, use_case_version,
    event_name, correlation_id, sync_type, error_code, error_category, error_message, reason,
    seq, replay_of)
SELECT n.*, coalesce(e.seq, 0), e.replay_of
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::uuid[], $5::timestamptz[], $6::uuid[],
    $7::integer[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
    $14::text[])
    AS n (org_id, event_id, accepted_at, integration_id, failed_at, use_case_id, use_case_version,
    event_name, correlation_id, sync_type, error_code, error_category, error_message, reason)
LEFT JOIN inbound_events e ON e.org_id = n.org_id AND e.event_id = n.event_id
    AND e.accepted_at = n.accepted_at AND e.accepted_at BETWEEN $15 AND $16
ON CONFLICT DO NOTHING
"""

# Locked in the order in which a redrive locks them, so that nobody waits in a circle.
_CLOSE_REPLAYED = """
WITH replayed AS (
    SELECT d.org_id, d.event_id, d.accepted_at, n.replay_event_id, n.resolved_at, n.resolved_by
    FROM inbound_dead_letters d JOIN unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[],
        $5::timestamptz[], $6::text[])
        AS n (org_id, event_id, accepted_at, replay_event_id, resolved_at, resolved_by)
        ON d.org_id = n.org_id AND d.event_id = n.event_id AND d.accepted_at = n.accepted_at
    WHERE d.status = 'open' AND d.accepted_at BETWEEN $7 AND $8
    ORDER BY d.org_id, d.seq FOR UPDATE OF d
)
UPDATE inbound_dead_letters d SET status = 'replayed', replay_event_id = r.replay_event_id,
    resolved_at = r.resolved_at, resolved_by = r.resolved_by
FROM replayed r WHERE d.org_id = r.org_id AND d.event_id = r.event_id
    AND d.accepted_at = r.accepted_at AND d.accepted_at BETWEEN $7 AND $8
"""

_GROUPS = """
WITH found AS (
    SELECT error_code, error_category, reason, use_case_id, event_name, count(*) AS count,
        min(failed_at) AS first_failed_at, max(failed_at) AS last_failed_at,
        max(event_id) AS event_id, max(accepted_at) AS accepted_at
    FROM inbound_dead_letters WHERE {conditions}
    GROUP BY error_code, error_category, reason, use_case_id, event_name
    ORDER BY count(*) DESC, max(event_id) DESC LIMIT {count:d}
)
SELECT found.*, d.error_message FROM found JOIN inbound_dead_letters d ON d.org_id = $1
    AND d.event_id = found.event_id AND d.accepted_at = found.accepted_at
ORDER BY found.count DESC, found.event_id DESC
"""


async def insert_dead_letters(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Store a dead letter for each event with a failed outcome, in the caller's transaction.

    Other outcomes are passed over. An event that failed in several ways gets one letter, about
    the first of them. The outcomes may be those of several organisations.
    """
    failed: dict[tuple[str, str], Outcome] = {}
    for outcome in outcomes:
        if outcome.status is OutcomeStatus.ERROR:
            failed.setdefault((outcome.org_id, outcome.event_id), outcome)
    if not failed:
        return
    columns = zip(*(_row(outcome) for outcome in failed.values()), strict=True)
    moments = [outcome.received_at for outcome in failed.values()]
    # Each row has its organisation: an `OrgTransaction` must not put its own before it.
    await Transaction(tx.connection).execute(_INSERT, *columns, min(moments), max(moments))


async def close_replayed(tx: Transaction, routed: Sequence[Routed], now: datetime) -> None:
    """Close the open letters whose events are repeated by accepted ones among these.

    An ignored repetition leaves its letter open: nothing will be applied.
    """
    rows = [
        (entry.event.org_id, old, moment, entry.event.event_id, now, entry.replayed_by)
        for entry in routed
        if entry.ignored is None
        and (old := entry.event.replay_of) is not None
        and (moment := accepted_moment(old)) is not None
    ]
    if rows:
        moments = [row[2] for row in rows]
        columns = zip(*rows, strict=True)
        await Transaction(tx.connection).execute(
            _CLOSE_REPLAYED, *columns, min(moments), max(moments)
        )


async def newest_letters(
    tx: OrgTransaction,
    integration_id: UUID,
    wanted: LetterFilter,
    status: LetterStatus | None,
    *,
    cursor: LetterCursor | None,
    count: int,
) -> list[DeadLetter]:
    """Up to `count` letters of an integration, newest failure first; None is any status."""
    where = letters_where(integration_id, wanted, status)
    if cursor is not None:
        where.add("(failed_at, event_id) < ({}, {})", cursor.failed_at, cursor.event_id)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM inbound_dead_letters WHERE {where} "
        f"ORDER BY failed_at DESC, event_id DESC LIMIT {count:d}",
        *where.values,
    )
    return [msgspec.convert(dict(row), DeadLetter) for row in rows]


async def largest_groups(
    tx: OrgTransaction,
    integration_id: UUID,
    wanted: LetterFilter,
    status: LetterStatus | None,
    *,
    count: int,
) -> list[LetterGroup]:
    """Up to `count` groups of letters with one cause, largest first."""
    where = letters_where(integration_id, wanted, status)
    rows = await tx.fetch(_GROUPS.format(conditions=where, count=count), *where.values)
    return [_group(row) for row in rows]


async def discard_open(
    tx: OrgTransaction,
    integration_id: UUID,
    wanted: LetterFilter,
    *,
    note: str,
    by: str,
    now: datetime,
) -> int:
    """Close open letters with a note; how many there were."""
    where = letters_where(integration_id, wanted, LetterStatus.OPEN)
    locked = f"SELECT event_id, accepted_at FROM inbound_dead_letters WHERE {where}"
    values = [where.bind(value) for value in (LetterStatus.DISCARDED, note, by, now)]
    status, reason, who, moment = values
    return await tx.execute(
        f"WITH d AS ({locked} ORDER BY org_id, seq FOR UPDATE) UPDATE inbound_dead_letters l "
        f"SET status = {status}, note = {reason}, resolved_by = {who}, resolved_at = {moment} "
        "FROM d WHERE l.org_id = $1 AND l.event_id = d.event_id AND l.accepted_at = d.accepted_at",
        *where.values,
    )


def letters_where(
    integration_id: UUID, wanted: LetterFilter, status: LetterStatus | None
) -> Conditions:
    """The WHERE clause of a filter; None is any status."""
    where = Conditions("org_id = $1 AND integration_id = {}", integration_id)
    if status is not None:
        # Not as an argument: it decides which index can serve.
        where.add(f"status = '{status.value}'")
    where.add_given(
        [
            ("use_case_id = {}", wanted.use_case_id),
            ("event_name = {}", wanted.event_name),
            ("error_code = {}", wanted.error_code),
            ("error_category = {}", wanted.error_category),
            ("reason = {}", wanted.reason),
            ("correlation_id = {}", wanted.correlation_id),
            ("failed_at >= {}", wanted.from_date),
            ("failed_at <= {}", wanted.to_date),
        ]
    )
    if wanted.event_ids is not None:
        where.add("event_id = ANY({})", wanted.event_ids)
        # Says nothing new, but leaves out whole partitions.
        where.add("accepted_at = ANY({})", [*accepted_moments(wanted.event_ids).values()])
    return where


_COLUMNS = ", ".join(DeadLetter.__struct_fields__)


def _row(outcome: Outcome) -> tuple[Any, ...]:
    message = storable(outcome.error_message or "")
    return (
        outcome.org_id,
        outcome.event_id,
        outcome.received_at,
        outcome.integration_id,
        outcome.completed_at,
        outcome.use_case_id,
        outcome.use_case_version,
        storable(outcome.object_type),
        storable(outcome.correlation_id) if outcome.correlation_id is not None else None,
        outcome.sync_type,
        outcome.error_code or "UNKNOWN_ERROR",
        outcome.error_category or ErrorCategory.SYSTEM,
        message,
        reason_of(message),
    )


def _group(row: asyncpg.Record) -> LetterGroup:
    found = {name: row[name] for name in LetterGroup.__struct_fields__}
    return msgspec.convert(found, LetterGroup)
