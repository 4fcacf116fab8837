"""`tieline audit`: works while a server runs and while none does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tieline.audit.documents import entry_document
from tieline.audit.models import AuditEntry, AuditQuery
from tieline.audit.service import AuditLog
from tieline.cli.database import migrated
from tieline.cli.selection import Entries
from tieline.database import Database
from tieline.identity.organisations import require_organisation
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import from_wire
from tieline.secrets.store import SYSTEM_ORGANISATION
from tieline.settings import Settings

_MOST_SHOWN = 1_000
_MOST_CHANGES = 5
_LONGEST_VALUE = 60  # characters


async def show(settings: Settings, wanted: Entries, *, limit: int, as_json: bool) -> None:
    """Print the newest entries that fit. Raises `InvalidInput` and `OrganisationNotFound`."""
    if not 1 <= limit <= _MOST_SHOWN:
        raise InvalidInput(f"--limit: must be a number from 1 to {_MOST_SHOWN}.")
    query = _query(wanted)
    async with migrated(settings) as database:
        await _require(database, wanted.org)
        page = await AuditLog(database).query(wanted.org, query, limit=limit)
    if as_json:
        print(json.dumps_str([entry_document(entry) for entry in page.entries]))
        return
    print(entries_text(page.entries))
    if page.next_cursor is not None:
        print("There are more: raise --limit, narrow them, or use `tieline audit export`.")


async def export(settings: Settings, wanted: Entries) -> None:
    """Print all entries that fit as JSON lines.

    Raises `InvalidInput` and `OrganisationNotFound`: an export of nothing, every night, because a
    name was mistyped would be noticed too late.
    """
    query = _query(wanted)
    async with migrated(settings) as database:
        await _require(database, wanted.org)
        async for entry in await AuditLog(database).export(wanted.org, query):
            print(json.dumps_str(entry_document(entry)))


async def _require(database: Database, org_id: str) -> None:
    if org_id != SYSTEM_ORGANISATION:
        async with database.organisation(org_id) as tx:
            await require_organisation(tx)


def entries_text(entries: Sequence[AuditEntry]) -> str:
    """A line for each entry, and one for each of its first changes."""
    if not entries:
        return "No entry fits."
    return "\n".join(line for entry in entries for line in _lines(entry))


def _lines(entry: AuditEntry) -> list[str]:
    actor = entry.actor
    origin = f" from {actor.source_ip}" if actor.source_ip else ""
    changes = entry.changes()
    lines = [
        f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.action}  {entry.target_type} {entry.target_id}  "
        f"by {actor.name} ({actor.kind} {actor.id}){origin}"
    ]
    for change in changes[:_MOST_CHANGES]:
        old, new = (_shown(change[side]) if side in change else "-" for side in ("old", "new"))
        lines.append(f"    {change['path']}: {old} -> {new}")
    if len(changes) > _MOST_CHANGES:
        lines.append(f"    and {len(changes) - _MOST_CHANGES} more")
    if entry.left_out:
        lines.append(f"    {entry.left_out}")
    return lines


def _shown(value: object) -> str:
    text = json.dumps_str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _query(wanted: Entries) -> AuditQuery:
    return AuditQuery(
        actor=wanted.actor,
        action=wanted.action,
        target_type=wanted.target_type,
        target_id=wanted.target_id,
        search=wanted.search,
        from_date=_moment("--from", wanted.from_),
        to_date=_moment("--to", wanted.to),
    )


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return from_wire(text)
    except ValueError:
        raise InvalidInput(
            f"{option}: {text!r} is no date such as 2026-01-31 or 2026-01-31T08:00:00Z."
        ) from None
