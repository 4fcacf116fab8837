"""What an event is applied with, and what it did."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from tieline.entities.models import Activity, StoredEntity
from tieline.entities.workspace import Workspace

# What is worth telling, but nothing that anybody has to look at.
INFORMATION = frozenset({"ENTITY_NO_OP", "METER_READING_NOT_FOUND", "PRUNE_SCOPE_COMPLETED"})


class Applied(msgspec.Struct):
    """What an event did: entities and readings in the order of the changes, and warnings."""

    entities: list[dict[str, Any]] = []
    readings: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    _last: dict[str, dict[str, Any]] = {}

    def touched(self, entity: StoredEntity, what: str) -> None:
        """Note what happened to an entity."""
        entity_id = str(entity.id)
        note = {"id": entity_id, "schema": entity.schema, "operation": what}
        self.entities.append(note)
        self._last[entity_id] = note

    def changed(self, entity: StoredEntity) -> None:
        """Note a change that comes after the others, such as that of a relation which waited.

        An entity that is listed stays listed once, but is no longer called unchanged.
        """
        note = self._last.get(str(entity.id))
        if note is None:
            self.touched(entity, "updated")
        elif note["operation"] == "unchanged":
            note["operation"] = "updated"

    def warn(self, schema: str, subject: str, code: str, message: str) -> None:
        """Note something that did not stop the event."""
        self.warnings.append(
            {"entity_schema": schema, "field": subject, "code": code, "message": message}
        )


class Work(msgspec.Struct):
    """One event under way.

    What only some events need is kept for those: `upserted`, the entities that it named, for one
    that prunes; `created`, those that it made, for one that must not find any. `former` holds, of
    each attribute whose items it refers to, those that it replaced, by their content.
    """

    workspace: Workspace
    activity: Activity
    applied: Applied = msgspec.field(default_factory=Applied)
    upserted: set[UUID] | None = None
    created: set[UUID] | None = None
    restored: set[UUID] = set()
    former: dict[tuple[UUID, str], dict[bytes, list[dict[str, Any]]]] = {}

    def note_created(self, entity: StoredEntity, what: str = "created") -> None:
        """Note that the event made an entity."""
        self.applied.touched(entity, what)
        if self.created is not None:
            self.created.add(entity.id)

    def restore(self, entity: StoredEntity) -> StoredEntity:
        """The entity, taken out of the recycle bin."""
        restored = self.workspace.restore(entity, self.activity)
        self.applied.touched(restored, "restored")
        self.restored.add(restored.id)
        return restored
