"""SQL about mass redrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.kit import json
from tieline.outbound.dead_letters.models import (
    LetterCursor,
    LetterFilter,
    LetterStatus,
    Redrive,
)
from tieline.outbound.dead_letters.repository import letters_where

_COLUMNS = Redrive.__struct_fields__


async def count_open(
    tx: OrgTransaction,
    wanted: LetterFilter,
    webhook_ids: Sequence[UUID] | None,
    now: datetime,
) -> int:
    """How many open letters a redrive that begins now would see to."""
    where = _selected(wanted, webhook_ids, now)
    count: int = await tx.fetchval(
        f"SELECT count(*) FROM deliveries d WHERE {where}", *where.values
    )
    return count


async def insert_redrive(tx: OrgTransaction, redrive: Redrive) -> None:
    """Store a new redrive."""
    values: dict[str, Any] = {name: getattr(redrive, name) for name in _COLUMNS}
    values["selection"] = json.dumps_str(redrive.selection)
    numbers = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    await tx.execute(
        f"INSERT INTO delivery_redrives (org_id, {', '.join(values)}) VALUES ($1, {numbers})",
        *values.values(),
    )


async def find_redrive(
    tx: OrgTransaction, redrive_id: UUID, *, lock: bool = False
) -> Redrive | None:
    """A redrive; with `lock` nobody else changes it."""
    row = await tx.fetchrow(
        f"SELECT {', '.join(_COLUMNS)} FROM delivery_redrives WHERE org_id = $1 AND id = $2 "
        f"{'FOR UPDATE' if lock else ''}",
        redrive_id,
    )
    return _redrive(row) if row else None


async def newest_redrives(
    tx: OrgTransaction, webhook_ids: Sequence[UUID] | None, count: int
) -> list[Redrive]:
    """The redrives that began last, newest first; with ids those about these webhooks only."""
    rows = await tx.fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM delivery_redrives WHERE org_id = $1 "
        "AND ($2::uuid[] IS NULL OR webhook_ids <@ $2) "
        "ORDER BY created_at DESC, id DESC LIMIT $3",
        webhook_ids,
        count,
    )
    return [_redrive(row) for row in rows]


async def lock_next_letters(tx: OrgTransaction, redrive: Redrive, count: int) -> list[LetterCursor]:
    """The places of the next open letters, in the order in which the deliveries were made.

    Until the transaction ends nobody else can close them.
    """
    where = _selected(redrive.selection, redrive.webhook_ids, redrive.created_at)
    if redrive.after_created is not None:
        where.add("(d.created_at, d.id) > ({}, {})", redrive.after_created, redrive.after_id)
        where.add("d.created_at >= {}", redrive.after_created)
    rows = await tx.fetch(
        f"SELECT d.created_at, d.id FROM deliveries d WHERE {where} "
        f"ORDER BY d.created_at, d.id LIMIT {count:d} FOR UPDATE",
        *where.values,
    )
    return [LetterCursor(row["created_at"], row["id"]) for row in rows]


def _selected(
    wanted: LetterFilter, webhook_ids: Sequence[UUID] | None, began: datetime
) -> Conditions:
    """What a redrive sees to: what failed after it began is left alone."""
    where = letters_where(wanted, webhook_ids, LetterStatus.OPEN)
    where.add("coalesce(d.ended_at, d.updated_at) <= {}", began)
    return where


async def update_progress(tx: OrgTransaction, redrive: Redrive) -> None:
    """Store how far a locked redrive is."""
    await tx.execute(
        "UPDATE delivery_redrives SET status = $3, step = $4, after_created = $5, after_id = $6, "
        "redriven = $7, not_sendable = $8, next_at = $9, finished_at = $10 "
        "WHERE org_id = $1 AND id = $2",
        redrive.id,
        redrive.status,
        redrive.step,
        redrive.after_created,
        redrive.after_id,
        redrive.redriven,
        redrive.not_sendable,
        redrive.next_at,
        redrive.finished_at,
    )


def _redrive(row: asyncpg.Record) -> Redrive:
    values = dict(row)
    values["selection"] = json.loads(values["selection"])
    return msgspec.convert(values, Redrive)
