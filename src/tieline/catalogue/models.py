"""An event of the catalogue that happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tieline.entities.changes.models import EntityChange
from tieline.kit.time import to_wire


class TriggerSource(StrEnum):
    """What made an event happen. Callers of the API may name others."""

    API = "api"
    AUTOMATION = "automation"
    OPERATION = "operation"
    PORTAL_USER = "portal_user"


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of the catalogue that happened.

    `id` is a ULID. `fields` is everything that it carries besides its metadata: the fields of its
    schema, the nodes of its entity graph by their ids and, if a change of an entity triggered it,
    `operation`, `trigger_entity`, `activity_id` and `activity_type`. `entity_id` is the entity (or
    meter) that it is about: deliveries about one entity can be kept in order by it. `change` is the
    change that triggered it, if an entity's did.
    """

    org_id: str
    id: str
    name: str
    version: str
    time: datetime
    source: str
    trigger_source_type: str
    trigger_source: str
    ack_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    entity_id: UUID | None = None
    change: EntityChange | None = None

    def document(self) -> dict[str, Any]:
        """The event as it is shown and as expressions see it: metadata first, then its fields."""
        metadata = {
            "_org_id": self.org_id,
            "_event_time": to_wire(self.time),
            "_event_id": self.id,
            "_event_name": self.name,
            "_event_version": self.version,
            "_event_source": self.source,
            "_trigger_source_type": self.trigger_source_type,
            "_trigger_source": self.trigger_source,
        }
        if self.ack_id is not None:
            metadata["_ack_id"] = self.ack_id
        return {**self.fields, **metadata}
