"""Small makers of mapped events for the tests of their application."""

from datetime import UTC, datetime
from uuid import uuid4

from tieline.entities.models import Activity, StoredEntity
from tieline.entities.readings.ledger import ReadingLedger
from tieline.entities.workspace import Key
from tieline.inbound.application.event import apply_result
from tieline.inbound.application.readings import Readings
from tieline.mapping.models import (
    EntityMode,
    EntityUpdate,
    MappingResult,
    RelationOperation,
    RelationTarget,
    RelationUpdate,
    UniqueId,
)

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
INDEXED = {
    "contract": frozenset({"number"}),
    "account": frozenset({"external_id", "email.email"}),
}


def unique(attribute, value, path=None):
    return UniqueId(attribute, path or attribute, value)


def update(number="C1", mode=EntityMode.UPSERT, relations=None, relation_refs=None, **attributes):
    return EntityUpdate(
        0,
        "contract",
        mode,
        [unique("number", number)],
        {"number": number, **attributes},
        relations or {},
        relation_refs or {},
    )


def account(external_id="A1", tags=None):
    return RelationTarget("account", tags, [unique("external_id", external_id)])


def related(*targets, operation=RelationOperation.SET):
    return {"account": RelationUpdate(operation, list(targets))}


def store(workspace, schema, attributes, *, deleted=False):
    entity = StoredEntity(uuid4(), schema, attributes, 1, NOW, NOW, NOW if deleted else None)
    workspace.add(entity)
    return entity


def apply(
    workspace,
    *updates,
    warnings=(),
    scopes=(),
    anchors=(),
    event_type=None,
    readings=(),
    reading_scopes=(),
    ledger=None,
):
    result = MappingResult(
        list(updates), list(readings), list(warnings), list(scopes), list(reading_scopes)
    )
    activity = Activity("SyncActivity", "Test", "Test")
    return apply_result(
        workspace,
        ledger or ReadingLedger("acme", NOW),
        result,
        activity,
        event_type,
        readings=Readings.of(result),
        loaded_anchors=set(anchors),
    )


def only(workspace, schema, path, value):
    [entity] = workspace.find(Key.of(schema, [(path, value)])).live
    return entity


def codes(applied):
    return [warning["code"] for warning in applied.warnings]


def what(applied):
    return [(entity["schema"], entity["operation"]) for entity in applied.entities]
