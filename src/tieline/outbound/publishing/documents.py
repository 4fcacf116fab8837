"""What a message about an event says before an expression makes something else of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tieline.catalogue.models import Event, TriggerSource
from tieline.entities.activities import activity_document
from tieline.entities.hydration import hydrated
from tieline.entities.models import STAMPED, Activity, relation_items
from tieline.kit import json
from tieline.kit.ids import parse_uuid
from tieline.kit.time import to_wire
from tieline.outbound.webhooks.models import PayloadOptions, Webhook

# Of one entity; what is more is left out, or a message about a large customer would never arrive.
MOST_RELATED = 100
MOST_RELATED_BYTES = 4_000_000

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Materials:
    """What messages need besides their events: entities as documents, and activities."""

    entities: Mapping[UUID, Document] = field(default_factory=dict)
    activities: Mapping[str, Activity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """A message without its metadata: as a value, and as the members of a JSON object."""

    value: Mapping[str, Any]
    members: bytes

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Content:
        """The content with this value."""
        return cls(value, json.dumps(value)[1:-1])

    def whole(self, first: Mapping[str, Any]) -> Document:
        """The whole message: metadata and the like, then the content."""
        return {**first, **self.value}

    def text(self, first: Mapping[str, Any]) -> bytes:
        """Its JSON; what many messages have in common is not written again for each."""
        parts = [part for part in (json.dumps(first)[1:-1], self.members) if part]
        return b"{" + b",".join(parts) + b"}"


@dataclass(frozen=True, slots=True)
class Subject:
    """The entity that a message is about, and what happened to it; all as it is shown."""

    entity: Mapping[str, Any] | None
    activity: Activity | None
    changed: Document | None


def entity_of(event: Event, materials: Materials) -> Mapping[str, Any] | None:
    """The entity that an event is about: as it was after the change, or as it is."""
    if event.change is not None:
        return event.change.after
    return None if event.entity_id is None else materials.entities.get(event.entity_id)


def activity_of(event: Event, materials: Materials) -> Activity | None:
    """The activity of the change that has triggered an event."""
    activity_id = event.change.change.activity_id if event.change is not None else None
    return materials.activities.get(activity_id) if activity_id is not None else None


def event_content(event: Event, options: PayloadOptions, materials: Materials) -> Content:
    """A message about an event, without the id by which it is acknowledged."""
    event_document = event.document()
    event_document.pop("_ack_id", None)
    changed = _changed_attributes(event) if options.include_changed_attributes else None
    subject = Subject(entity_of(event, materials), activity_of(event, materials), changed)
    return Content.of({**event_document, **subject_parts(subject, options, materials)})


def subject_parts(subject: Subject, options: PayloadOptions, materials: Materials) -> Document:
    """`entity`, and what the payload options of a webhook add to it."""
    entity = subject.entity
    parts: Document = {"entity": entity}
    if entity is not None and options.hydrate_entity:
        parts["entity"] = hydrated(entity, materials.entities)
    if options.include_relations:
        parts["relations"] = [] if entity is None else list(_related(entity, materials))
    if options.include_activity:
        parts["activity"] = subject.activity and activity_document(subject.activity)
    if options.include_changed_attributes and subject.changed is not None:
        parts["changed_attributes"] = subject.changed
    return parts


def related_ids(entity: Mapping[str, Any]) -> list[UUID]:
    """The entities to which an entity is related, `MOST_RELATED` at most, in their order."""
    found: dict[UUID, None] = {}
    for value in entity.values():
        references = value.get("$relation_ref") if isinstance(value, dict) else None
        for item in (*relation_items(value), *(references if isinstance(references, list) else ())):
            target = parse_uuid(str(item.get("entity_id"))) if isinstance(item, dict) else None
            if target is not None:
                found[target] = None
    return list(found)[:MOST_RELATED]


def correlation_of(event: Event, materials: Materials) -> str:
    """The correlation id of the ERP event that led to this one, or this event's own id."""
    activity = activity_of(event, materials)
    found = (activity.payload or {}).get("correlation_id") if activity else None
    return found if isinstance(found, str) and found else event.id


def event_metadata(event: Event, webhook: Webhook, materials: Materials) -> Document:
    """The metadata of a message about an event to a webhook."""
    activity = activity_of(event, materials)
    metadata: Document = {
        "action": str(event.change.change.kind) if event.change else _without_change(event),
        "origin": event.source,
        "creation_timestamp": to_wire(event.time),
        **webhook_metadata(webhook),
        "correlation_id": correlation_of(event, materials),
        "event_id": event.id,
        "event_name": event.name,
    }
    caller = (activity.caller or {}).get("key_id") if activity else None
    return metadata if caller is None else {**metadata, "user_id": caller}


def webhook_metadata(webhook: Webhook) -> Document:
    """What metadata say of the webhook to which a message goes."""
    return {
        "organization_id": webhook.org_id,
        "webhook_id": str(webhook.id),
        "webhook_name": webhook.name,
    }


def _without_change(event: Event) -> str:
    """What made an event happen that no change of an entity did: a reading, or somebody."""
    if event.trigger_source_type == TriggerSource.OPERATION and "operation" in event.fields:
        return str(event.fields["operation"])
    return f"Triggered by {event.trigger_source_type} {event.trigger_source}".rstrip()


def _changed_attributes(event: Event) -> Document | None:
    """What changed; like the store, `updated` has the values before the change."""
    if event.change is None:
        return None
    diff = event.change.diff
    if diff is None:
        added = {k: v for k, v in event.change.after.items() if k not in STAMPED and k != "_title"}
        return {"added": added, "deleted": {}, "updated": {}}
    return {"added": diff.added, "deleted": diff.deleted, "updated": diff.updated}


def _related(entity: Mapping[str, Any], materials: Materials) -> Iterator[Document]:
    for attribute, value in entity.items():
        for item in relation_items(value):
            target = materials.entities.get(parse_uuid(str(item.get("entity_id"))) or UUID(int=0))
            if target is not None:
                yield {**target, "$relation": {**item, "attribute": attribute}}
