"""SQL about acknowledgements that are awaited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.outbound.acknowledgements.models import Awaited

EXPIRED_AT_ONCE = 1_000

_COLUMNS = tuple(field.name for field in fields(Awaited) if field.name != "org_id")


async def insert_awaited(tx: OrgTransaction, awaited: Sequence[Awaited]) -> None:
    """Store acknowledgements that are to come."""
    rows = [tuple(getattr(each, column) for column in _COLUMNS) for each in awaited]
    await tx.copy("awaited_acknowledgements", _COLUMNS, rows)


async def begin(tx: Transaction, ack_ids: Sequence[tuple[str, str]], now: datetime) -> None:
    """Note when the messages with these ids, of these organisations, were first delivered."""
    await Transaction(tx.connection).execute(
        "UPDATE awaited_acknowledgements a SET delivered_at = $3 "
        "FROM unnest($1::text[], $2::text[]) AS d (org_id, ack_id) "
        "WHERE a.org_id = d.org_id AND a.ack_id = d.ack_id AND a.delivered_at IS NULL",
        [org_id for org_id, _ in ack_ids],
        [ack_id for _, ack_id in ack_ids],
        now,
    )


async def take(tx: OrgTransaction, ack_id: str, delivered_after: datetime) -> bool:
    """Remove an acknowledgement that is awaited; of several callers only one is told so.

    One whose message was delivered earlier than that is not awaited any more.
    """
    changed = await tx.execute(
        "DELETE FROM awaited_acknowledgements WHERE org_id = $1 AND ack_id = $2 "
        "AND (delivered_at IS NULL OR delivered_at > $3)",
        ack_id,
        delivered_after,
    )
    return changed > 0


async def take_expired(tx: Transaction, delivered_until: datetime) -> list[Awaited]:
    """Remove those whose message was delivered so long ago, of all organisations; a part of them.

    There are more of them if it is `EXPIRED_AT_ONCE`.
    """
    rows = await tx.fetch(
        "DELETE FROM awaited_acknowledgements WHERE (org_id, ack_id) IN ("
        "SELECT org_id, ack_id FROM awaited_acknowledgements WHERE delivered_at <= $1 "
        f"ORDER BY delivered_at LIMIT {EXPIRED_AT_ONCE:d} FOR UPDATE SKIP LOCKED) RETURNING *",
        delivered_until,
    )
    return [_awaited(row) for row in rows]


async def forget_undelivered(tx: Transaction, created_before: datetime) -> int:
    """Remove those of messages so old that they will never be delivered; how many."""
    return await tx.execute(
        "DELETE FROM awaited_acknowledgements WHERE created_at < $1 AND delivered_at IS NULL",
        created_before,
    )


def _awaited(row: asyncpg.Record) -> Awaited:
    return Awaited(**dict(row))
