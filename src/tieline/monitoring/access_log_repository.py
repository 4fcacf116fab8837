"""SQL about the log of API calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tieline.database import OrgTransaction, Transaction
from tieline.database.conditions import Conditions
from tieline.monitoring.access_models import AccessEntry, AccessQuery

# The keys in the log, found by leaps through the index. It runs only where it is asked for.
_PRESENT = """
    WITH RECURSIVE leaps (token) AS (
        SELECT min(token_id) FROM access_log WHERE org_id = $1
        UNION ALL
        SELECT (SELECT min(token_id) FROM access_log WHERE org_id = $1 AND token_id > leaps.token)
        FROM leaps WHERE leaps.token IS NOT NULL
    ), present AS (
        SELECT token FROM leaps WHERE token IS NOT NULL
    )
"""


async def insert_entries(tx: Transaction, entries: Sequence[AccessEntry]) -> None:
    """Write calls of all organisations down."""
    # Nobody was promised that the log survives a power cut: it need not wait for the disk.
    await tx.execute("SET LOCAL synchronous_commit = off")
    await tx.copy("access_log", AccessEntry._fields, entries)


async def newest_entries(
    tx: OrgTransaction, query: AccessQuery, *, oldest: datetime, newest: datetime, count: int
) -> list[AccessEntry]:
    """Up to `count` calls between two moments, newest first."""
    where = Conditions("org_id = $1 AND token_id = token AND at BETWEEN {} AND {}", oldest, newest)
    where.add_given(
        [
            ("service = {}", query.service),
            ("method = {}", query.method),
            ("strpos(path, {}) > 0", query.path),
        ]
    )
    if query.status is not None:
        # A literal: the index of failures serves no statement that could ask for a success.
        where.add(f"status = {query.status:d}")
    if query.cursor is not None:
        where.add("(at, request_id) < ({}, {})", query.cursor.at, query.cursor.request_id)
    # Key by key, so that each is read in the order of the index and only as far as needed.
    order = f"ORDER BY at DESC, request_id DESC LIMIT {count:d}"
    if query.token_ids is None:
        tokens = "present AS known (token)"
    else:
        tokens = f"unnest({where.bind(list(query.token_ids))}::text[]) AS known (token)"
    rows = await tx.fetch(
        f"{_PRESENT} SELECT {', '.join(AccessEntry._fields)} FROM {tokens}, LATERAL ("
        f"SELECT * FROM access_log WHERE {where} {order}) AS calls {order}",
        *where.values,
    )
    return [AccessEntry(*row) for row in rows]
