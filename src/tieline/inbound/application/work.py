"""What an event is applied with, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tieline.entities.models import Activity, StoredEntity
from tieline.entities.workspace import Workspace
from tieline.monitoring.models import EventType

# What is worth telling, but nothing that anybody has to look at.
INFORMATION = frozenset({"ENTITY_NO_OP", "METER_READING_NOT_FOUND", "PRUNE_SCOPE_COMPLETED"})


@dataclass(slots=True)
class Applied:
    """What an event did: entities and readings in the order of the changes, and warnings."""

    entities: list[dict[str, Any]] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    _last: dict[UUID, dict[str, Any]] = field(default_factory=dict, repr=False)

    def touched(self, entity: StoredEntity, what: str) -> None:
        """Note what happened to an entity."""
        note = {"id": str(entity.id), "schema": entity.schema, "operation": what}
        self.entities.append(note)
        self._last[entity.id] = note

    def changed(self, entity: StoredEntity) -> None:
        """Note a change that comes after the others, such as that of a relation which waited.

        An entity that is listed stays listed once, but is no longer called unchanged.
        """
        note = self._last.get(entity.id)
        if note is None:
            self.touched(entity, "updated")
        elif note["operation"] == "unchanged":
            note["operation"] = "updated"

    def was_restored(self, entity: StoredEntity) -> bool:
        """Whether the event took the entity out of the recycle bin."""
        note = self._last.get(entity.id)
        return note is not None and note["operation"] == "restored"

    def warn(self, schema: str, subject: str, code: str, message: str) -> None:
        """Note something that did not stop the event."""
        self.warnings.append(
            {"entity_schema": schema, "field": subject, "code": code, "message": message}
        )


@dataclass(slots=True)
class Work:
    """One event under way.

    `upserted` holds the entities that it named, changed or not. `former` holds, of each attribute
    whose items it refers to, those that it replaced, by their content.
    """

    workspace: Workspace
    activity: Activity
    event_type: EventType | None = None
    applied: Applied = field(default_factory=Applied)
    upserted: set[UUID] = field(default_factory=set)
    created: set[UUID] = field(default_factory=set)
    former: dict[tuple[UUID, str], dict[bytes, list[dict[str, Any]]]] = field(default_factory=dict)
