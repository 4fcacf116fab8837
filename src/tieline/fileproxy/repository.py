"""SQL about the keys of links and about the downloads that there were."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from tieline.database import OrgTransaction, Transaction
from tieline.database.conditions import Conditions
from tieline.fileproxy.models import OK, Download, DownloadQuery
from tieline.kit import json
from tieline.monitoring.text import storable

_COLUMNS = (
    "integration_id, at, id, use_case_id, use_case_slug, params, code, message, step, "
    "upstream_status, filename, content_type, bytes, milliseconds, request_id, source_ip"
)


async def lock_keys(tx: OrgTransaction) -> None:
    """Wait for everybody else who makes a key for the links of this organisation."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tieline link key ' || $1, 0))")


async def insert_download(tx: OrgTransaction, download: Download) -> None:
    """Write down how a link was used."""
    # Nobody was promised that the list survives a power cut: it need not wait for the disk.
    await Transaction(tx.connection).execute("SET LOCAL synchronous_commit = off")
    await tx.execute(
        f"INSERT INTO file_downloads (org_id, {_COLUMNS}) VALUES "
        "($1, $2, $3, $4, $5, $6, $7::json, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        download.integration_id,
        download.at,
        download.id,
        download.use_case_id,
        _storable(download.use_case_slug),
        json.dumps_str(download.params),
        download.code,
        _storable(download.message),
        download.step,
        download.upstream_status,
        _storable(download.filename),
        _storable(download.content_type),
        download.bytes,
        download.milliseconds,
        download.request_id,
        download.source_ip,
    )


async def newest_downloads(
    tx: OrgTransaction,
    integration_id: UUID,
    query: DownloadQuery,
    *,
    oldest: datetime,
    newest: datetime,
    count: int,
) -> list[Download]:
    """Up to `count` downloads of an integration between two moments, newest first."""
    where = Conditions("org_id = $1 AND integration_id = {}", integration_id)
    where.add("at BETWEEN {} AND {}", oldest, newest)
    where.add_given(
        [
            ("use_case_id = {}", query.use_case_id),
            ("code = {}", query.code),
            ("request_id = {}", query.request_id),
        ]
    )
    if query.failed is not None:
        # A literal: it is the condition of an index.
        where.add(f"code {'<>' if query.failed else '='} '{OK}'")
    if query.cursor is not None:
        where.add("(at, id) < ({}, {})", query.cursor.at, query.cursor.id)
    rows = await tx.fetch(
        f"SELECT org_id, {_COLUMNS} FROM file_downloads WHERE {where} "
        f"ORDER BY at DESC, id DESC LIMIT {count:d}",
        *where.values,
    )
    return [_download(row) for row in rows]


def _storable(text: str | None) -> str | None:
    return storable(text) if text else text


def _download(row: asyncpg.Record) -> Download:
    return Download(**{**row, "params": json.loads(row["params"])})
