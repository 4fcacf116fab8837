"""What a message to a webhook could look like, for whoever writes its expression. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.catalogue.definitions import Operation
from tieline.catalogue.models import Event
from tieline.entities.changes.models import Change, ChangeKind, EntityChange
from tieline.entities.models import Activity, Diff
from tieline.kit.time import to_wire
from tieline.outbound.publishing.documents import Materials, event_content, event_metadata
from tieline.outbound.webhooks.models import Webhook

_ENTITY_ID = UUID("018f3b1c-2f4e-7c3a-9d51-3a5f0c6b7e21")
_RELATED_ID = UUID("018f3b1c-2f4e-7c3a-9d51-3a5f0c6b7e22")
_ACTIVITY_ID = "01KG8W6QFZ0000000000000000"
_KINDS: Mapping[str, ChangeKind] = {
    Operation.CREATED: ChangeKind.CREATED,
    Operation.UPDATED: ChangeKind.UPDATED,
    Operation.DELETED: ChangeKind.SOFT_DELETED,
}


def example_message(
    webhook: Webhook,
    event_name: str,
    payload: Mapping[str, Any] | None,
    now: datetime,
    *,
    automation: str | None = None,
) -> dict[str, Any]:
    """A message about an event as it is before the webhook's expression.

    `payload` is an example of the event if the catalogue knows it. Made by what makes real
    messages, so that it has the form of these. `automation` names one that would have sent it.
    """
    known = payload or {}
    entity = _subject(webhook, known, now)
    event = _event(webhook, event_name, known, entity, now)
    activity = Activity(
        type=str(known.get("activity_type", "EntityUpdated")),
        title="An example of an activity",
        message="It says what was done, and who did it.",
        id=_ACTIVITY_ID,
    )
    related = _entity(webhook, "account", _RELATED_ID, now)
    materials = Materials({_ENTITY_ID: entity, _RELATED_ID: related}, {_ACTIVITY_ID: activity})
    metadata = event_metadata(event, webhook, materials)
    if automation is not None:
        metadata |= {
            "action": f'Triggered by the automation "{automation}"',
            "origin": "automation",
            "automation_name": automation,
        }
    return event_content(event, webhook.payload, materials).whole({"metadata": metadata})


def _subject(webhook: Webhook, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The entity that the message is about: the one that changed, or else the first one shown."""
    values = [payload.get("trigger_entity"), *payload.values()]
    shown: Mapping[str, Any] = next(
        (each for each in values if isinstance(each, Mapping) and "_schema" in each), {}
    )
    return {
        **_entity(webhook, str(shown.get("_schema", "contact")), _ENTITY_ID, now),
        **shown,
        "_id": str(_ENTITY_ID),
        "_org": webhook.org_id,
        "account": {"$relation": [{"entity_id": str(_RELATED_ID)}]},
    }


def _event(
    webhook: Webhook, name: str, payload: Mapping[str, Any], entity: dict[str, Any], now: datetime
) -> Event:
    fields = {key: value for key, value in payload.items() if not key.startswith("_")}
    if "trigger_entity" in fields:
        fields["trigger_entity"] = entity
    # Events of readings, and those that somebody triggers, are about an entity that did not change.
    of_a_change = not payload or "trigger_entity" in payload
    kind = _KINDS.get(str(payload.get("operation")), ChangeKind.UPDATED)
    return Event(
        org_id=webhook.org_id,
        id=str(payload.get("_event_id", _ACTIVITY_ID)),
        name=name,
        version=str(payload.get("_event_version", "1.0.0")),
        time=now,
        source=str(payload.get("_event_source", "entity")),
        trigger_source_type=str(payload.get("_trigger_source_type", "operation")),
        trigger_source=str(payload.get("_trigger_source", _ACTIVITY_ID)),
        fields=fields,
        entity_id=_ENTITY_ID,
        change=_change(kind, entity, now) if of_a_change else None,
    )


def _change(kind: ChangeKind, entity: Mapping[str, Any], now: datetime) -> EntityChange:
    change = Change(
        seq=0,
        kind=kind,
        schema=str(entity["_schema"]),
        subject_id=_ENTITY_ID,
        version=1 if kind is ChangeKind.CREATED else 2,
        activity_id=_ACTIVITY_ID,
        created_at=now,
    )
    before = {"status": "before"} if kind is ChangeKind.UPDATED else {}
    diff = Diff(added={}, updated=before, deleted={})
    return EntityChange(change, entity, None if kind is ChangeKind.CREATED else diff)


def _entity(webhook: Webhook, schema: str, entity_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "_id": str(entity_id),
        "_org": webhook.org_id,
        "_schema": schema,
        "_title": f"Example of {schema}",
        "_created_at": to_wire(now),
        "_updated_at": to_wire(now),
        "status": "after",
    }
