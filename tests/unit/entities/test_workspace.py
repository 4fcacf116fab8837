"""The unit of work, without a database."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tieline.entities.models import Activity, OperationKind, StoredEntity
from tieline.entities.workspace import Key, Workspace

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
EARLIER = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def workspace():
    return Workspace("acme", NOW, {"contract": frozenset({"number", "source"})})


@pytest.fixture
def activity():
    return Activity("Test", "A test", "Something was tested.")


def stored(number="C1", **attributes):
    content = {"number": number, **attributes}
    return StoredEntity(uuid4(), "contract", content, 3, EARLIER, EARLIER)


def key(*pairs, schema="contract"):
    found = Key.of(schema, pairs)
    assert found is not None
    return found


def test_a_loaded_entity_is_found_by_its_key(workspace):
    entity = stored()
    workspace.add(entity)
    assert workspace.find(key(("number", "C1"))).live == [entity]


def test_all_unique_ids_must_match(workspace):
    entity = stored(source="ERP")
    workspace.add(entity)
    assert workspace.find(key(("number", "C1"), ("source", "ERP"))).live == [entity]
    assert workspace.find(key(("number", "C1"), ("source", "CRM"))).live == []


def test_a_key_with_an_empty_value_identifies_nothing():
    assert Key.of("contract", [("number", "C1"), ("source", "")]) is None


def test_a_created_entity_is_found_at_once(workspace, activity):
    entity = workspace.create("contract", {"number": "C9"}, activity)
    assert workspace.find(key(("number", "C9"))).live == [entity]
    assert (entity.version, entity.created_at) == (1, NOW)


def test_an_update_moves_the_entity_to_its_new_key(workspace, activity):
    entity = stored()
    workspace.add(entity)
    changed = workspace.update(entity, {"number": "C2"}, activity)
    assert workspace.find(key(("number", "C1"))).live == []
    assert workspace.find(key(("number", "C2"))).live == [changed]
    assert (changed.version, changed.updated_at) == (4, NOW)


def test_a_diff_holds_the_previous_values(workspace, activity):
    entity = stored(status="active", gone=1)
    workspace.add(entity)
    workspace.update(entity, {"number": "C1", "status": "ended", "new": 2}, activity)
    [operation] = workspace.operations
    assert operation.diff.updated == {"status": "active"}
    assert operation.diff.added == {"new": 2}
    assert operation.diff.deleted == {"gone": 1}


def test_an_update_that_changes_nothing_leaves_no_trace(workspace, activity):
    entity = stored()
    workspace.add(entity)
    assert workspace.update(entity, dict(entity.attributes), activity) is entity
    assert workspace.operations == []


def test_several_updates_of_one_activity_are_one_operation(workspace, activity):
    entity = stored(status="active")
    workspace.add(entity)
    changed = workspace.update(entity, {**entity.attributes, "status": "paused"}, activity)
    changed = workspace.update(changed, {**changed.attributes, "status": "ended"}, activity)
    [operation] = workspace.operations
    assert operation.after.attributes["status"] == "ended"
    assert operation.diff.updated == {"status": "active"}
    assert changed.version == 4


def test_a_creation_that_is_completed_stays_a_creation(workspace, activity):
    entity = workspace.create("contract", {"number": "C9"}, activity)
    workspace.update(entity, {"number": "C9", "account": "A"}, activity)
    [operation] = workspace.operations
    assert operation.kind is OperationKind.CREATED
    assert operation.after.attributes == {"number": "C9", "account": "A"}
    assert operation.after.version == 1


def test_updates_of_two_activities_are_two_operations(workspace, activity):
    entity = workspace.create("contract", {"number": "C9"}, activity)
    workspace.update(entity, {"number": "C8"}, Activity("Other", "Other", "Other"))
    assert [o.kind for o in workspace.operations] == [OperationKind.CREATED, OperationKind.UPDATED]


def test_a_deleted_entity_is_found_in_the_recycle_bin(workspace, activity):
    entity = stored()
    workspace.add(entity)
    workspace.soft_delete(entity, activity)
    found = workspace.find(key(("number", "C1")))
    assert not found.live
    assert [e.deleted_at for e in found.deleted] == [NOW]


def test_a_purged_entity_is_gone_and_leaves_no_attributes(workspace, activity):
    entity = stored(secret="x")
    workspace.add(entity)
    workspace.purge(entity, activity)
    assert workspace.get(entity.id) is None
    assert workspace.find(key(("number", "C1"))) == workspace.find(key(("number", "none")))
    assert workspace.operations[0].after.attributes == {}


def test_a_rollback_undoes_everything_since_the_savepoint(workspace, activity):
    kept = stored("C1", status="active")
    other = stored("C2")
    workspace.add(kept)
    workspace.add(other)
    before = Activity("Before", "Before", "Before")
    first = workspace.update(kept, {**kept.attributes, "status": "ended"}, before)
    savepoint = workspace.savepoint()
    workspace.update(first, {"number": "C7"}, activity)
    workspace.purge(other, activity)
    created = workspace.create("contract", {"number": "C3"}, activity)
    workspace.rollback(savepoint)
    assert workspace.get(kept.id) == first
    assert workspace.get(other.id) == other
    assert workspace.get(created.id) is None
    assert created.id not in workspace.current
    assert workspace.find(key(("number", "C3"))).live == []
    assert workspace.find(key(("number", "C2"))).live == [other]
    assert [o.activity for o in workspace.operations] == [before]
    assert list(workspace.activities) == [before.id]


def test_an_operation_from_before_a_rollback_can_still_grow(workspace, activity):
    entity = workspace.create("contract", {"number": "C1"}, activity)
    savepoint = workspace.savepoint()
    workspace.create("contract", {"number": "C2"}, Activity("B", "B", "B"))
    workspace.rollback(savepoint)
    workspace.update(entity, {"number": "C1", "more": 1}, activity)
    [operation] = workspace.operations
    assert operation.after.attributes == {"number": "C1", "more": 1}


def test_an_id_finds_only_entities_of_its_schema(workspace):
    entity = stored()
    workspace.add(entity)
    assert workspace.find(key(("_id", str(entity.id)))).live == [entity]
    assert workspace.find(key(("_id", str(entity.id)), schema="meter")).live == []
    assert workspace.find(key(("_id", "no uuid"))).live == []
    assert workspace.find(key(("_id", str(UUID(int=7))))).live == []


def test_an_entity_added_twice_keeps_its_changes(workspace, activity):
    entity = stored()
    workspace.add(entity)
    changed = workspace.update(entity, {"number": "C5"}, activity)
    workspace.add(entity)
    assert workspace.get(entity.id) == changed


def test_what_is_handed_over_counts_as_written(workspace, activity):
    entity = stored(status="active")
    workspace.add(entity)
    first = workspace.update(entity, {**entity.attributes, "status": "paused"}, activity)
    created = workspace.create("contract", {"number": "C9"}, activity)
    changes = workspace.cut()
    assert changes.before == {entity.id: entity, created.id: None}
    assert changes.states == {entity.id: first, created.id: created}
    second = workspace.update(created, {"number": "C8"}, Activity("B", "B", "B"))
    later = workspace.cut()
    assert later.before == {created.id: created}
    assert later.states == {created.id: second}
    assert workspace.cut().operations == []


def test_an_update_that_is_taken_back_is_not_handed_over(workspace, activity):
    entity = stored(status="active")
    workspace.add(entity)
    paused = workspace.update(entity, {**entity.attributes, "status": "paused"}, activity)
    again = workspace.update(paused, entity.attributes, activity)
    changes = workspace.cut()
    assert (changes.operations, changes.states, changes.activities) == ([], {}, {})
    workspace.update(again, {"number": "C9"}, activity)
    assert workspace.cut().before == {entity.id: entity}


def test_what_is_handed_over_does_not_change_any_more(workspace, activity):
    entity = workspace.create("contract", {"number": "C1"}, activity)
    changes = workspace.cut()
    workspace.update(entity, {"number": "C2"}, activity)
    workspace.purge(workspace.get(entity.id), activity)
    assert changes.states[entity.id] is entity
    assert [operation.after for operation in changes.operations] == [entity]
    assert changes.keys_of(entity) == {("number", "C1")}


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (False, 0), ([1], [True]), ({"a": [0]}, {"a": [False]})]
)
def test_a_number_and_a_boolean_are_different_values(workspace, activity, before, after):
    entity = stored(value=before)
    workspace.add(entity)
    changed = workspace.update(entity, {"number": "C1", "value": after}, activity)
    assert changed is not entity
    [operation] = workspace.operations
    assert repr(operation.diff.updated) == repr({"value": before})
