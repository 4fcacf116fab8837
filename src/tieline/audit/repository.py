"""SQL about the audit log. Entries are added and read, nothing else: the table refuses the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from tieline.audit.actor import Actor, ActorKind
from tieline.audit.models import Action, AuditCursor, AuditEntry, AuditQuery, logged_id
from tieline.audit.sizes import Kept
from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.kit import json
from tieline.kit.ids import new_ulid

_LONGEST_ID = 500  # characters; an index takes no long ones

_COLUMNS = (
    "id, org_id, at, actor_kind, actor_id, actor_name, source_ip, request_id, action, "
    "target_type, target_id, before, after, changes, left_out"
)
_SEARCHED = (
    "concat_ws(' ', actor_id, actor_name, source_ip, action, target_type, target_id, "
    "before, after, changes)"
)


async def insert_entries(
    tx: OrgTransaction,
    actor: Actor,
    at: datetime,
    actions: Sequence[Action],
    documents: Sequence[Kept],
) -> None:
    """Store an entry for each action, with what is kept of its documents."""
    rows = [_row(*pair) for pair in zip(actions, documents, strict=True)]
    await tx.execute(
        "INSERT INTO audit_log (org_id, at, actor_kind, actor_id, actor_name, source_ip, "
        "request_id, id, action, target_type, target_id, before, after, changes, left_out) "
        "SELECT $1, $2, $3, $4, $5, $6, $7, new.* FROM unnest($8::text[], $9::text[], $10::text[], "
        "$11::text[], $12::json[], $13::json[], $14::json[], $15::text[]) AS new",
        at,
        actor.kind,
        actor.id,
        actor.name,
        actor.source_ip,
        actor.request_id,
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def newest_entries(
    tx: OrgTransaction, query: AuditQuery, *, before: AuditCursor | None, count: int
) -> list[AuditEntry]:
    """Up to `count` entries that fit, newest first, beginning after a cursor."""
    where = _conditions(query)
    if before is not None:
        where.add("(at, id) < ({}, {})", before.at, before.id)
    return await _entries(tx, where, f"ORDER BY at DESC, id DESC LIMIT {count:d}")


async def oldest_entries(
    tx: OrgTransaction, query: AuditQuery, *, after: AuditCursor | None, count: int
) -> list[AuditEntry]:
    """Up to `count` entries that fit, oldest first, beginning after a cursor."""
    where = _conditions(query)
    if after is not None:
        where.add("(at, id) > ({}, {})", after.at, after.id)
    return await _entries(tx, where, f"ORDER BY at, id LIMIT {count:d}")


async def find_entry(
    tx: OrgTransaction, entry_id: str, earliest: datetime, latest: datetime
) -> AuditEntry | None:
    """The entry with an id that was made between two moments, or None."""
    where = Conditions("org_id = $1 AND id = {}", entry_id)
    where.add("at BETWEEN {} AND {}", earliest, latest)
    found = await _entries(tx, where, "LIMIT 1")
    return found[0] if found else None


async def newest_actor(
    tx: OrgTransaction, action: str, target_type: str, target_id: str
) -> Actor | None:
    """Who did this to the target last, or None when nobody did that is still known."""
    query = AuditQuery(action=action, target_type=target_type, target_id=target_id)
    found = await newest_entries(tx, query, before=None, count=1)
    return found[0].actor if found else None


def _row(action: Action, documents: Kept) -> tuple[Any, ...]:
    return (
        f"aud_{new_ulid()}",
        action.name,
        action.target_type,
        action.target_id[:_LONGEST_ID],
        documents.before,
        documents.after,
        documents.changes,
        documents.left_out,
    )


def _conditions(query: AuditQuery) -> Conditions:
    where = Conditions("org_id = $1")
    where.add_given(
        [
            ("actor_id = {}", query.actor and logged_id(query.actor)),
            ("action = {}", query.action),
            ("target_type = {}", query.target_type),
            ("target_id = {}", query.target_id),
            ("request_id = {}", query.request_id),
            ("at >= {}", query.from_date),
            ("at <= {}", query.to_date),
            (f"strpos(lower({_SEARCHED}), lower({{}})) > 0", query.search),
        ]
    )
    return where


async def _entries(tx: OrgTransaction, where: Conditions, order: str) -> list[AuditEntry]:
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM audit_log WHERE {where} {order}",
        *where.values,
    )
    return [_entry(row) for row in rows]


def _entry(row: asyncpg.Record) -> AuditEntry:
    before, after, changes = (
        None if text is None else json.loads(text)
        for text in (row["before"], row["after"], row["changes"])
    )
    return AuditEntry(
        id=row["id"],
        org_id=row["org_id"],
        at=row["at"],
        actor=Actor(
            ActorKind(row["actor_kind"]),
            row["actor_id"],
            row["actor_name"],
            row["source_ip"],
            row["request_id"],
        ),
        action=row["action"],
        target_type=row["target_type"],
        target_id=row["target_id"],
        before=before,
        after=after,
        stored_changes=changes,
        left_out=row["left_out"],
    )
