"""SQL about mass replays."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tieline.database import OrgTransaction
from tieline.inbound.dead_letters.models import LetterFilter, LetterStatus, Redrive
from tieline.inbound.dead_letters.repository import letters_where
from tieline.kit import json

_COLUMNS = Redrive.__struct_fields__


async def newest_seq(tx: OrgTransaction) -> int:
    """The number of the event accepted last. Events accepted from now on have greater ones."""
    last: int = await tx.fetchval("SELECT last_value FROM inbound_seq WHERE $1 <> ''")
    return last


async def count_open(
    tx: OrgTransaction, integration_id: UUID, wanted: LetterFilter, until_seq: int, now: datetime
) -> int:
    """How many open letters a redrive that begins now would see to."""
    where = letters_where(integration_id, wanted, LetterStatus.OPEN)
    where.add("seq <= {}", until_seq)
    where.add("failed_at <= {}", now)
    count: int = await tx.fetchval(
        f"SELECT count(*) FROM inbound_dead_letters WHERE {where}", *where.values
    )
    return count


async def insert_redrive(tx: OrgTransaction, redrive: Redrive) -> None:
    """Store a new redrive."""
    values: dict[str, Any] = {name: getattr(redrive, name) for name in _COLUMNS}
    values["selection"] = json.dumps_str(redrive.selection)
    numbers = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    await tx.execute(
        f"INSERT INTO inbound_redrives (org_id, {', '.join(values)}) VALUES ($1, {numbers})",
        *values.values(),
    )


async def find_redrive(
    tx: OrgTransaction, redrive_id: UUID, *, integration_id: UUID | None = None, lock: bool = False
) -> Redrive | None:
    """A redrive, of that integration if one is named; with `lock` nobody else changes it."""
    row = await tx.fetchrow(
        f"SELECT {', '.join(_COLUMNS)} FROM inbound_redrives WHERE org_id = $1 AND id = $2 "
        f"AND ($3::uuid IS NULL OR integration_id = $3) {'FOR UPDATE' if lock else ''}",
        redrive_id,
        integration_id,
    )
    return _redrive(row) if row else None


async def newest_redrives(tx: OrgTransaction, integration_id: UUID, count: int) -> list[Redrive]:
    """The redrives of an integration that began last, newest first."""
    rows = await tx.fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM inbound_redrives WHERE org_id = $1 "
        "AND integration_id = $2 ORDER BY created_at DESC, id DESC LIMIT $3",
        integration_id,
        count,
    )
    return [_redrive(row) for row in rows]


async def lock_next_letters(
    tx: OrgTransaction, redrive: Redrive, count: int
) -> list[tuple[int, str, datetime]]:
    """Number, event id and moment of the next open letters, in the order of acceptance.

    Until the transaction ends nobody else can close them.
    """
    where = letters_where(redrive.integration_id, redrive.selection, LetterStatus.OPEN)
    where.add("seq > {}", redrive.after_seq)
    where.add("seq <= {}", redrive.until_seq)
    where.add("failed_at <= {}", redrive.created_at)
    rows = await tx.fetch(
        f"SELECT seq, event_id, accepted_at FROM inbound_dead_letters WHERE {where} "
        f"ORDER BY org_id, seq LIMIT {count:d} FOR UPDATE",
        *where.values,
    )
    return [(row["seq"], row["event_id"], row["accepted_at"]) for row in rows]


async def update_progress(tx: OrgTransaction, redrive: Redrive) -> None:
    """Store how far a locked redrive is."""
    await tx.execute(
        "UPDATE inbound_redrives SET status = $3, step = $4, after_seq = $5, replayed = $6, "
        "ignored = $7, not_found = $8, next_at = $9, finished_at = $10 "
        "WHERE org_id = $1 AND id = $2",
        redrive.id,
        redrive.status,
        redrive.step,
        redrive.after_seq,
        redrive.replayed,
        redrive.ignored,
        redrive.not_found,
        redrive.next_at,
        redrive.finished_at,
    )


def _redrive(row: asyncpg.Record) -> Redrive:
    values = dict(row)
    values["selection"] = json.loads(values["selection"])
    return msgspec.convert(values, Redrive)
