"""Somebody who keeps events, and an organisation whose changes are handed over by the test."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tieline.catalogue.models import Event
from tieline.catalogue.service import EventCatalogue
from tieline.database import OrgTransaction
from tieline.entities.changes.models import Change, ChangeKind
from tieline.entities.service import WriteOptions
from tieline.http.services import Services


@dataclass
class KeepingSink:
    """Somebody who waits for events: None for all of them."""

    listened: Collection[str] | None = None
    awaited: Collection[str] = ()
    events: list[Event] = field(default_factory=list)

    async def acknowledged(self, tx: OrgTransaction, names: Collection[str]) -> Collection[str]:
        return [name for name in names if name in self.awaited]

    async def listened_to(self, tx: OrgTransaction) -> Collection[str] | None:
        return self.listened

    async def publish(self, tx: OrgTransaction, events: Sequence[Event]) -> None:
        self.events += events

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def take(self) -> list[Event]:
        """The events since the last time."""
        taken, self.events = self.events, []
        return taken


class World:
    """The entities of one organisation, and what the catalogue makes of their changes."""

    def __init__(self, services: Services, catalogue: EventCatalogue, org: str) -> None:
        self.services = services
        self.catalogue = catalogue
        self.org = org
        self._seen = 0

    async def create(self, schema: str, **attributes: Any) -> UUID:
        options = WriteOptions()
        written = await self.services.entities.create(self.org, schema, attributes, options)
        return written.found.entity.id

    async def patch(self, schema: str, entity_id: UUID, **attributes: Any) -> None:
        await self.services.entities.patch(self.org, schema, entity_id, attributes, WriteOptions())

    async def delete(self, schema: str, entity_id: UUID, *, purge: bool = False) -> None:
        await self.services.entities.delete(
            self.org, schema, entity_id, WriteOptions(), purge=purge
        )

    async def restore(self, schema: str, entity_id: UUID) -> None:
        await self.services.entities.restore(self.org, schema, entity_id, WriteOptions())

    async def react(self) -> None:
        """Hand the changes since the last time over to the catalogue, and to nobody else."""
        await self.consume(await self.changes())

    async def consume(self, changes: Sequence[Change]) -> None:
        """Hand changes over to the catalogue."""
        async with self.services.database.organisation(self.org) as tx:
            await self.catalogue.consume(tx, changes)

    async def changes(self) -> list[Change]:
        """The changes since the last time."""
        async with self.services.database.reading(self.org) as tx:
            rows = await tx.fetch(
                "SELECT seq, operation, schema, entity_id, version, activity_id, created_at "
                "FROM entity_operations WHERE org_id = $1 AND seq > $2 ORDER BY seq",
                self._seen,
            )
        changes = [
            Change(
                seq=row["seq"],
                kind=ChangeKind(row["operation"]),
                schema=row["schema"],
                subject_id=row["entity_id"],
                version=row["version"],
                activity_id=row["activity_id"],
                created_at=row["created_at"],
            )
            for row in rows
        ]
        self._seen = max([self._seen, *(change.seq for change in changes)])
        return changes

    async def forget(self) -> None:
        """Pass over the changes until now."""
        async with self.services.database.organisation(self.org) as tx:
            self._seen = await tx.fetchval(
                "SELECT coalesce(max(seq), 0) FROM entity_operations WHERE org_id = $1"
            )


def related(*ids: UUID) -> dict[str, Any]:
    return {"$relation": [{"entity_id": str(entity_id)} for entity_id in ids]}
