"""Creating, updating, removing and relating entities, without a database."""

from uuid import uuid4

import pytest
from application_factories import (
    INDEXED,
    NOW,
    account,
    apply,
    codes,
    only,
    related,
    store,
    unique,
    update,
    what,
)

from tieline.entities.models import OperationKind
from tieline.entities.workspace import Key, Workspace
from tieline.inbound.application.errors import (
    EntityAlreadyExists,
    EntityReferenceNotFound,
    MalformedValue,
    MultipleMatches,
    UnusableUniqueId,
)
from tieline.inbound.application.event import keys_of
from tieline.mapping.models import (
    EntityMode,
    EntityUpdate,
    MappingResult,
    MappingWarning,
    RelationTarget,
)
from tieline.monitoring.models import EventType


@pytest.fixture
def workspace():
    return Workspace("acme", NOW, INDEXED)


def test_no_match_creates(workspace):
    applied = apply(workspace, update(status="active"))
    assert only(workspace, "contract", "number", "C1").attributes["status"] == "active"
    assert what(applied) == [("contract", "created")]


def test_one_match_updates_and_keeps_other_attributes(workspace):
    store(workspace, "contract", {"number": "C1", "kept": 1, "status": "active"})
    applied = apply(workspace, update(status="ended"))
    attributes = only(workspace, "contract", "number", "C1").attributes
    assert attributes == {"number": "C1", "kept": 1, "status": "ended"}
    assert what(applied) == [("contract", "updated")]


def test_an_unchanged_entity_is_reported_as_such(workspace):
    store(workspace, "contract", {"number": "C1"})
    assert what(apply(workspace, update())) == [("contract", "unchanged")]
    assert workspace.operations == []


def test_several_matches_are_an_error(workspace):
    store(workspace, "contract", {"number": "C1"})
    store(workspace, "contract", {"number": "C1"})
    with pytest.raises(MultipleMatches, match=r"entities\[0\].*number = 'C1'"):
        apply(workspace, update())


def test_a_deleted_match_is_restored_with_a_warning(workspace):
    entity = store(workspace, "contract", {"number": "C1"}, deleted=True)
    applied = apply(workspace, update(status="active"))
    assert only(workspace, "contract", "number", "C1").id == entity.id
    assert codes(applied) == ["SOFT_DELETED_ENTITY_MATCHED"]


@pytest.mark.parametrize("status", ["active", "ended"])
def test_an_entity_that_came_back_is_reported_as_restored(workspace, status):
    store(workspace, "contract", {"number": "C1", "status": "active"}, deleted=True)
    assert what(apply(workspace, update(status=status))) == [("contract", "restored")]


def test_a_related_entity_that_came_back_is_reported_too(workspace):
    store(workspace, "account", {"external_id": "A1"}, deleted=True)
    applied = apply(workspace, update(relations=related(account())))
    assert what(applied) == [("contract", "created"), ("account", "restored")]


def test_an_entity_of_which_only_a_relation_changes_is_not_called_unchanged(workspace):
    apply(workspace, update())
    applied = apply(workspace, update(relations=related(account())))
    assert what(applied) == [("contract", "updated"), ("account", "stub created")]


def test_a_living_match_wins_over_deleted_ones(workspace):
    store(workspace, "contract", {"number": "C1"}, deleted=True)
    living = store(workspace, "contract", {"number": "C1"})
    apply(workspace, update(status="active"))
    assert only(workspace, "contract", "number", "C1").id == living.id


def test_a_reference_by_id_finds_its_entity(workspace):
    entity = store(workspace, "contract", {"number": "C1"})
    by_id = EntityUpdate(
        0, "contract", EntityMode.UPSERT, [unique("_id", str(entity.id))], {"_id": "x", "a": 1}, {}
    )
    apply(workspace, by_id)
    assert workspace.get(entity.id).attributes == {"number": "C1", "a": 1}


def test_a_reference_by_id_never_creates(workspace):
    by_id = EntityUpdate(
        2, "contract", EntityMode.UPSERT, [unique("_id", str(uuid4()))], {"_id": "x"}, {}
    )
    with pytest.raises(EntityReferenceNotFound, match=r"entities\[2\]"):
        apply(workspace, by_id)


def test_a_unique_id_without_value_is_an_error(workspace):
    with pytest.raises(UnusableUniqueId):
        apply(workspace, update(""))


def test_a_relation_to_an_existing_target_is_resolved(workspace):
    target = store(workspace, "account", {"external_id": "A1"})
    apply(workspace, update(relations=related(account(tags=["PRIMARY"]))))
    relation = only(workspace, "contract", "number", "C1").attributes["account"]
    item = {"entity_id": str(target.id), "_schema": "account", "_tags": ["PRIMARY"]}
    assert relation == {"$relation": [item]}


def test_a_missing_target_becomes_a_stub(workspace):
    applied = apply(workspace, update(relations=related(account())))
    stub = only(workspace, "account", "external_id", "A1")
    assert stub.attributes == {"external_id": "A1"}
    relation = only(workspace, "contract", "number", "C1").attributes["account"]
    assert relation["$relation"][0]["entity_id"] == str(stub.id)
    assert what(applied) == [("contract", "created"), ("account", "stub created")]


def test_a_stub_keeps_typed_identifiers_in_their_stored_form(workspace):
    target = RelationTarget("account", None, [unique("email", "a@b.c", "email.email")])
    apply(workspace, update(relations=related(target)))
    stub = only(workspace, "account", "email.email", "a@b.c")
    assert stub.attributes == {"email": [{"email": "a@b.c"}]}


def test_a_target_that_a_later_block_creates_is_no_stub(workspace):
    later = EntityUpdate(
        1,
        "account",
        EntityMode.UPSERT,
        [unique("external_id", "A1")],
        {"external_id": "A1", "name": "Real"},
        {},
    )
    applied = apply(workspace, update(relations=related(account())), later)
    assert what(applied) == [("contract", "created"), ("account", "created")]
    target = only(workspace, "account", "external_id", "A1")
    relation = only(workspace, "contract", "number", "C1").attributes["account"]
    assert relation["$relation"][0]["entity_id"] == str(target.id)


def test_a_created_entity_with_stubs_is_one_operation(workspace):
    apply(workspace, update(relations=related(account())))
    kinds = [(o.after.schema, o.kind) for o in workspace.operations]
    assert kinds == [("contract", OperationKind.CREATED), ("account", OperationKind.CREATED)]


def test_an_ambiguous_target_leaves_the_attribute_as_it_was(workspace):
    store(workspace, "account", {"external_id": "A1"})
    store(workspace, "account", {"external_id": "A1"})
    before = {"$relation": [{"entity_id": str(uuid4())}]}
    store(workspace, "contract", {"number": "C1", "account": before})
    applied = apply(workspace, update(relations=related(account(), account("A2"))))
    assert only(workspace, "contract", "number", "C1").attributes["account"] == before
    assert codes(applied) == ["UNIQUE_ID_LOOKUP_UNRESOLVABLE"]


def test_a_missing_target_by_id_is_left_out(workspace):
    target = RelationTarget("account", None, [unique("_id", str(uuid4()))])
    applied = apply(workspace, update(relations=related(target)))
    assert "account" not in only(workspace, "contract", "number", "C1").attributes
    assert codes(applied) == ["UNIQUE_ID_LOOKUP_UNRESOLVABLE"]


def test_a_target_without_value_is_left_out(workspace):
    applied = apply(workspace, update(relations=related(account(None))))
    assert codes(applied) == ["UNIQUE_ID_LOOKUP_UNRESOLVABLE"]


def test_a_deleted_target_is_restored(workspace):
    target = store(workspace, "account", {"external_id": "A1"}, deleted=True)
    applied = apply(workspace, update(relations=related(account())))
    assert only(workspace, "account", "external_id", "A1").id == target.id
    assert codes(applied) == ["SOFT_DELETED_ENTITY_MATCHED"]


def test_a_relation_of_an_entity_that_the_same_event_purges_is_forgotten(workspace):
    apply(workspace, update(relations=related(account())), update(mode=EntityMode.PURGE))
    assert workspace.find(Key.of("contract", [("number", "C1")])).live == []


def test_no_items_clear_the_relation(workspace):
    store(workspace, "contract", {"number": "C1", "account": {"$relation": [{"entity_id": "x"}]}})
    apply(workspace, update(relations=related()))
    assert only(workspace, "contract", "number", "C1").attributes["account"] == {"$relation": []}


def test_delete_moves_to_the_recycle_bin(workspace):
    entity = store(workspace, "contract", {"number": "C1", "kept": 1})
    assert what(apply(workspace, update(mode=EntityMode.DELETE))) == [("contract", "deleted")]
    assert workspace.get(entity.id).deleted_at == NOW
    assert workspace.get(entity.id).attributes["kept"] == 1


@pytest.mark.parametrize("mode", [EntityMode.DELETE, EntityMode.PURGE])
def test_deleting_nothing_is_no_failure(workspace, mode):
    assert codes(apply(workspace, update(mode=mode))) == ["ENTITY_NO_OP"]


def test_deleting_twice_changes_nothing(workspace):
    store(workspace, "contract", {"number": "C1"}, deleted=True)
    assert codes(apply(workspace, update(mode=EntityMode.DELETE))) == ["ENTITY_NO_OP"]


@pytest.mark.parametrize("deleted", [True, False])
def test_purge_removes_for_good(workspace, deleted):
    entity = store(workspace, "contract", {"number": "C1"}, deleted=deleted)
    assert what(apply(workspace, update(mode=EntityMode.PURGE))) == [("contract", "purged")]
    assert workspace.get(entity.id) is None


def test_warnings_of_the_mapping_are_passed_on(workspace):
    applied = apply(workspace, update(), warnings=[MappingWarning("contract", "a", "look")])
    assert codes(applied) == ["MAPPING_WARNING"]


def test_all_keys_are_known_before_anything_is_applied():
    result = MappingResult(
        [update("C1", relations=related(account("A1"), account(None))), update(None)], [], []
    )
    assert list(keys_of(result)) == [
        Key("contract", (("number", "C1"),)),
        Key("account", (("external_id", "A1"),)),
    ]


def test_what_the_store_stamps_cannot_be_mapped(workspace):
    apply(workspace, update(_org="other", _schema="other", _created_at="1999", _tags=["kept"]))
    attributes = only(workspace, "contract", "number", "C1").attributes
    assert attributes == {"number": "C1", "_tags": ["kept"]}


@pytest.mark.parametrize(
    "relation",
    [
        "text",
        [{"entity_id": "no uuid"}],
        [{"entity_id": str(uuid4()), "_tags": 5}],
        [{"entity_id": {"not": "hashable"}}],
    ],
)
def test_a_copied_relation_must_be_one(workspace, relation):
    with pytest.raises(MalformedValue) as caught:
        apply(workspace, update(account={"$relation": relation}))
    assert caught.value.code == "ATTRIBUTE_TYPE_MISMATCH"
    assert "account.$relation" in caught.value.message


def test_a_copied_relation_is_stored_as_it_is(workspace):
    relation = {"$relation": [{"entity_id": str(uuid4()), "_tags": ["main"]}]}
    apply(workspace, update(account=relation))
    assert only(workspace, "contract", "number", "C1").attributes["account"] == relation


def test_creating_what_exists_is_an_error(workspace):
    store(workspace, "contract", {"number": "C1"})
    with pytest.raises(EntityAlreadyExists, match="number = 'C1'"):
        apply(workspace, update(), event_type=EventType.CREATE)


def test_creating_what_the_same_event_created_is_an_update(workspace):
    applied = apply(workspace, update(), update(status="active"), event_type=EventType.CREATE)
    assert what(applied) == [("contract", "created"), ("contract", "updated")]


def test_creating_what_the_same_event_made_a_stub_of_is_no_error(workspace):
    relations = {"self": related(RelationTarget("contract", None, [unique("number", "C2")]))}
    updates = [update(relations=relations["self"]), update("C2")]
    assert ("contract", "created") in what(apply(workspace, *updates, event_type=EventType.CREATE))


def test_creating_what_is_in_the_recycle_bin_restores_it(workspace):
    entity = store(workspace, "contract", {"number": "C1"}, deleted=True)
    apply(workspace, update(), event_type=EventType.CREATE)
    assert only(workspace, "contract", "number", "C1").id == entity.id


def test_an_update_creates_what_is_missing(workspace):
    assert what(apply(workspace, update(), event_type=EventType.UPDATE)) == [
        ("contract", "created")
    ]
