"""SQL about the log of API calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tieline.database import OrgTransaction, Transaction
from tieline.monitoring.access_models import AccessEntry, AccessQuery


async def insert_entries(tx: Transaction, entries: Sequence[AccessEntry]) -> None:
    """Write calls of all organisations down."""
    # Nobody was promised that the log survives a power cut: it need not wait for the disk.
    await tx.execute("SET LOCAL synchronous_commit = off")
    await tx.copy("access_log", AccessEntry._fields, entries)


async def newest_entries(
    tx: OrgTransaction, query: AccessQuery, *, oldest: datetime, newest: datetime, count: int
) -> list[AccessEntry]:
    """Up to `count` calls with some keys between two moments, newest first."""
    arguments: list[Any] = [list(query.token_ids), oldest, newest]
    conditions = ["org_id = $1", "token_id = token", "at BETWEEN $3 AND $4"]

    def add(condition: str, *values: Any) -> None:
        numbers = range(len(arguments) + 2, len(arguments) + 2 + len(values))
        arguments.extend(values)
        conditions.append(condition.format(*(f"${number}" for number in numbers)))

    if query.service is not None:
        add("service = {}", query.service)
    if query.method is not None:
        add("method = {}", query.method)
    if query.path is not None:
        add("strpos(path, {}) > 0", query.path)
    if query.status is not None:
        # A literal: the index of failures serves no statement that could ask for a success.
        conditions.append(f"status = {query.status:d}")
    if query.cursor is not None:
        add("(at, request_id) < ({}, {})", query.cursor.at, query.cursor.request_id)
    # Key by key, so that each is read in the order of the index and only as far as needed.
    order = f"ORDER BY at DESC, request_id DESC LIMIT {count:d}"
    rows = await tx.fetch(
        f"SELECT {', '.join(AccessEntry._fields)} FROM unnest($2::text[]) AS token, LATERAL ("
        f"SELECT * FROM access_log WHERE {' AND '.join(conditions)} {order}) AS calls {order}",
        *arguments,
    )
    return [AccessEntry(*row) for row in rows]
