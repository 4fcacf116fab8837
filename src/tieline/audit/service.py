"""What one can ask of the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

from tieline.audit import repository
from tieline.audit.errors import AuditEntryNotFound
from tieline.audit.models import SEVERAL, AuditCursor, AuditEntry, AuditPage, AuditQuery
from tieline.audit.recording import record
from tieline.database import Database
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import ulid_time
from tieline.kit.time import Clock, utc_now

PREFIX = "aud_"
_ULID_LENGTH = 26
# An entry is made in the middle of a transaction, and its id a little after its moment was read.
_APART = timedelta(seconds=60)
_EXPORTED_TOGETHER = 200  # entries that are in memory at a time


class AuditLog:
    """The audit logs of all organisations. Each organisation reads its own one."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def query(
        self, org_id: str, query: AuditQuery, *, cursor: AuditCursor | None = None, limit: int = 50
    ) -> AuditPage:
        """A page of the entries that fit, newest first. Raises `InvalidInput`."""
        _check_order(query)
        async with self._database.reading(org_id) as tx:
            found = await repository.newest_entries(tx, query, before=cursor, count=limit + 1)
        page = found[:limit]
        if len(found) <= limit:
            return AuditPage(page, next_cursor=None)
        return AuditPage(page, AuditCursor(page[-1].at, page[-1].id))

    async def get(self, org_id: str, entry_id: str) -> AuditEntry:
        """One entry. Raises `AuditEntryNotFound`."""
        made = _moment_of(entry_id)
        if made is None:
            raise AuditEntryNotFound
        async with self._database.reading(org_id) as tx:
            found = await repository.find_entry(tx, entry_id, made - _APART, made + _APART)
        if found is None:
            raise AuditEntryNotFound
        return found

    async def export(self, org_id: str, query: AuditQuery) -> AsyncIterator[AuditEntry]:
        """All entries that fit and are there now, oldest first; that somebody takes them is noted.

        The note is stored when this returns; the entries are read while they are taken. Raises
        `InvalidInput`.
        """
        _check_order(query)
        now = self._clock()
        until = now if query.to_date is None else min(now, query.to_date)
        async with self._database.organisation(org_id) as tx:
            await record(tx, "audit_log.exported", "audit_log", SEVERAL, after=query.document())
        return self._oldest_first(org_id, replace(query, to_date=until))

    async def _oldest_first(self, org_id: str, query: AuditQuery) -> AsyncIterator[AuditEntry]:
        cursor: AuditCursor | None = None
        while True:
            # No connection is held while the taker takes its time.
            async with self._database.reading(org_id) as tx:
                found = await repository.oldest_entries(
                    tx, query, after=cursor, count=_EXPORTED_TOGETHER
                )
            for entry in found:
                yield entry
            if len(found) < _EXPORTED_TOGETHER:
                return
            cursor = AuditCursor(found[-1].at, found[-1].id)


def _check_order(query: AuditQuery) -> None:
    if query.from_date and query.to_date and query.from_date > query.to_date:
        raise InvalidInput("from: is later than to. Exchange the two.")


def _moment_of(entry_id: str) -> datetime | None:
    """When an entry with this id was made, about; None for an id of something else."""
    ulid = entry_id.removeprefix(PREFIX)
    if ulid == entry_id or len(ulid) != _ULID_LENGTH:
        return None
    try:
        return ulid_time(ulid)
    except (ValueError, OverflowError, OSError):
        return None
