"""What one can do with any record: read, list, store, change and delete it, each with its stamps.

The service of a type checks what is particular to it and calls this within its own transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic

from tieline.audit.recording import record as record_in_audit_log
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock, utc_now
from tieline.records import repository
from tieline.records.envelope import Caller
from tieline.records.errors import RecordNotFound, VersionConflict
from tieline.records.listing import Listing, Page
from tieline.records.table import R, RecordTable

Fields = Mapping[str, Any]
Amend = Callable[[OrgTransaction, R, R], Awaitable[R]]
# Fields that this service alone writes, whatever a caller sends.
STAMPS = frozenset(
    {
        *("id", "org_id", "app_id", "created_at", "created_by", "updated_at", "updated_by"),
        *("is_deleted", "deleted_at", "deleted_by", "schema_version", "version"),
    }
)


class RecordService(Generic[R]):
    """The records of one type in all organisations.

    `missing` is raised for a record that does not exist, that is deleted, or that belongs to
    somebody else. Every change is in the audit log as `<noun>.created`, `.updated` or `.deleted`.
    """

    def __init__(
        self,
        database: Database,
        table: RecordTable[R],
        *,
        missing: type[RecordNotFound] = RecordNotFound,
        clock: Clock = utc_now,
    ) -> None:
        self.table = table
        self._database = database
        self._missing = missing
        self._clock = clock

    async def list_records(self, caller: Caller, listing: Listing) -> Page[R]:
        """A page of the records that the caller may see."""
        async with self._database.reading(caller.org_id) as tx:
            return await repository.list_records(tx, self.table, listing, app_id=caller.app_id)

    async def get(self, caller: Caller, record_id: Any) -> R:
        """A record. Raises `missing`."""
        async with self._database.reading(caller.org_id) as tx:
            found = await repository.find_record(tx, self.table, record_id, app_id=caller.app_id)
        return self._there(found)

    def new(self, caller: Caller, record_id: Any, fields: Fields) -> R:
        """A record with these fields and the stamps of the caller, not yet stored."""
        now = self.now()
        stamps = {
            "id": record_id,
            "org_id": caller.org_id,
            "app_id": caller.app_id,
            "created_at": now,
            "created_by": caller.actor_id,
            "updated_at": now,
            "updated_by": caller.actor_id,
        }
        return self.table.record(**{**self._given(fields), **stamps})

    async def insert(self, tx: OrgTransaction, record: R) -> None:
        """Store a new record."""
        await repository.insert_record(tx, self.table, record)
        await self._audit(tx, "created", record, after=record)

    async def free_id(self, tx: OrgTransaction, record_id: Any) -> None:
        """Let a new record have the id of one that was deleted: that of files which create it."""
        await repository.forget_deleted(tx, self.table, record_id)

    async def lock(self, tx: OrgTransaction, caller: Caller, record_id: Any) -> R:
        """A record that nobody else changes until the transaction ends. Raises `missing`."""
        found = await repository.lock_record(tx, self.table, record_id, app_id=caller.app_id)
        return self._there(found)

    async def change(
        self,
        tx: OrgTransaction,
        caller: Caller,
        record_id: Any,
        version: int,
        fields: Fields,
        amend: Amend[R],
    ) -> R:
        """Give a record these fields, if its version is still the one that the caller has seen.

        `amend(tx, before, after)` checks the change and yields what to store. Raises `missing` and
        `VersionConflict`, and what `amend` raises.
        """
        before = await self.lock(tx, caller, record_id)
        if before.version != version:
            raise VersionConflict(
                f"version: {version} was sent, the record has version {before.version}. Read it "
                "again and repeat the change on it.",
                version=before.version,
            )
        after = await amend(tx, before, replace(before, **self._given(fields)))
        return await self.store(tx, caller, before, after)

    async def store(
        self, tx: OrgTransaction, caller: Caller, before: R, after: R, action: str = "updated"
    ) -> R:
        """Store a changed record, which was locked, as its next version."""
        stamped = replace(
            after,
            updated_at=self.now(),
            updated_by=caller.actor_id,
            version=before.version + 1,
        )
        await repository.update_record(tx, self.table, stamped)
        await self._audit(tx, action, stamped, before=before, after=stamped)
        return stamped

    async def delete(self, tx: OrgTransaction, caller: Caller, record_id: Any) -> R:
        """Mark a record as deleted; the record as it was. Raises `missing`."""
        before = await self.lock(tx, caller, record_id)
        now = self.now()
        after = replace(
            before,
            is_deleted=True,
            deleted_at=now,
            deleted_by=caller.actor_id,
            updated_at=now,
            updated_by=caller.actor_id,
            version=before.version + 1,
        )
        await repository.update_record(tx, self.table, after)
        await self._audit(tx, "deleted", before, before=before)
        return after

    def now(self) -> datetime:
        """The present moment to the millisecond: what is shown is what is stored."""
        return to_milliseconds(self._clock())

    def _there(self, found: R | None) -> R:
        if found is None:
            raise self._missing
        return found

    def _given(self, fields: Fields) -> dict[str, Any]:
        """Fields without stamps; what is None where a field has a default gets the default."""
        defaults = self.table.defaults
        return {
            name: defaults[name] if value is None and name in defaults else _rounded(value)
            for name, value in fields.items()
            if name not in STAMPS
        }

    async def _audit(
        self,
        tx: OrgTransaction,
        action: str,
        record: R,
        *,
        before: R | None = None,
        after: R | None = None,
    ) -> None:
        await record_in_audit_log(
            tx,
            f"{self.table.noun}.{action}",
            self.table.noun,
            self.table.wire_id(record),
            before=None if before is None else self.table.document(before),
            after=None if after is None else self.table.document(after),
        )


def to_milliseconds(moment: datetime) -> datetime:
    """The moment without what the wire does not show."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _rounded(value: Any) -> Any:
    return to_milliseconds(value) if isinstance(value, datetime) else value
