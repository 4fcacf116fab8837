"""What an event is applied with, and what it did."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from tieline.entities.models import Activity, StoredEntity
from tieline.entities.workspace import Workspace
from tieline.inbound.application.items import RepeatableItems
from tieline.mapping.models import METER_READING

# What is worth telling, but nothing that anybody has to look at.
INFORMATION = frozenset({"ENTITY_NO_OP", "METER_READING_NOT_FOUND", "PRUNE_SCOPE_COMPLETED"})


class Applied(msgspec.Struct, gc=False):
    """What an event did: entities and readings in the order of the changes, and warnings."""

    entities: list[dict[str, Any]] = []
    readings: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    _last: dict[str, dict[str, Any]] | None = None  # notes by entity, once they are asked for
    _reading_notes: dict[tuple[str, str, str | None], dict[str, Any]] = {}

    def touched(self, entity: StoredEntity, what: str) -> None:
        """Note what happened to an entity."""
        note = {"id": str(entity.id), "schema": entity.schema, "operation": what}
        self.entities.append(note)
        if self._last is not None:
            self._last[note["id"]] = note

    def changed(self, entity: StoredEntity) -> None:
        """Note a change that comes after the others, such as that of a relation which waited.

        An entity that is listed stays listed once, but is no longer called unchanged.
        """
        if self._last is None:
            self._last = {note["id"]: note for note in self.entities}
        note = self._last.get(str(entity.id))
        if note is None:
            self.touched(entity, "updated")
        elif note["operation"] == "unchanged":
            note["operation"] = "updated"

    def reading_note(
        self, operation: str, meter_id: UUID, counter_id: UUID | None
    ) -> dict[str, Any]:
        """The note about the readings of a meter and counter that fared alike."""
        key = (operation, str(meter_id), str(counter_id) if counter_id else None)
        note = self._reading_notes.get(key)
        if note is None:
            note = {
                "schema": METER_READING,
                "operation": operation,
                "meter_id": key[1],
                "counter_id": key[2],
                "count": 0,
                "external_ids": [],
            }
            self._reading_notes[key] = note
            self.readings.append(note)
        return note

    def warn(self, schema: str, subject: str, code: str, message: str) -> None:
        """Note something that did not stop the event."""
        self.warnings.append(
            {"entity_schema": schema, "field": subject, "code": code, "message": message}
        )


class Work(msgspec.Struct, gc=False):
    """One event under way.

    What only some events need is kept for those: `upserted`, the entities that it named, for one
    that prunes; `created`, those that it made, for one that must not find any; `items`, the items
    of the attributes that it refers to.
    """

    workspace: Workspace
    activity: Activity
    applied: Applied = msgspec.field(default_factory=Applied)
    upserted: set[UUID] | None = None
    created: set[UUID] | None = None
    restored: set[UUID] = set()
    items: dict[tuple[UUID, str], RepeatableItems] = {}

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
