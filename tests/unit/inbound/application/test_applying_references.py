"""References to single items of related entities' attributes, without a database."""

import pytest
from application_factories import INDEXED, NOW, apply, codes, only, store, unique, update, what

from tieline.entities.workspace import Workspace
from tieline.inbound.application.errors import MalformedValue
from tieline.mapping.models import RelationOperation, RelationRefTarget, RelationRefUpdate

SET, APPEND, APPEND_ALL = RelationOperation
HOME = {"street": "Ring 1", "city": "Köln"}
WORK = {"street": "Dom 2", "city": "Köln"}


@pytest.fixture
def workspace():
    return Workspace("acme", NOW, INDEXED)


def target(value, external_id="A1", operation=SET, attribute="address"):
    ids = [unique("external_id", external_id)]
    return RelationRefTarget("account", ids, attribute, attribute, operation, value)


def refs(*targets, operation=SET):
    return {"billing_address": RelationRefUpdate(operation, list(targets))}


def addresses(workspace, external_id="A1"):
    return only(workspace, "account", "external_id", external_id).attributes["address"]


def references(workspace):
    attributes = only(workspace, "contract", "number", "C1").attributes
    return attributes["billing_address"]["$relation_ref"]


def test_the_value_is_written_into_the_target_and_referred_to(workspace):
    entity = store(workspace, "account", {"external_id": "A1", "name": "kept"})
    applied = apply(workspace, update(relation_refs=refs(target(HOME))))
    [address] = addresses(workspace)
    assert {**address, "_id": None} == {**HOME, "_id": None}
    assert references(workspace) == [
        {"entity_id": str(entity.id), "path": "address", "_id": address["_id"]}
    ]
    assert only(workspace, "account", "external_id", "A1").attributes["name"] == "kept"
    assert what(applied) == [("contract", "created"), ("account", "updated")]


def test_an_entity_of_which_only_references_change_is_not_called_unchanged(workspace):
    store(workspace, "account", {"external_id": "A1"})
    apply(workspace, update())
    applied = apply(workspace, update(relation_refs=refs(target(HOME), target(WORK))))
    assert what(applied) == [("contract", "updated"), ("account", "updated")]


def test_a_missing_target_is_made(workspace):
    applied = apply(workspace, update(relation_refs=refs(target(HOME))))
    assert len(addresses(workspace)) == 1
    assert what(applied) == [("contract", "created"), ("account", "stub created")]


@pytest.mark.parametrize("operation", [SET, APPEND])
def test_a_deeply_equal_item_keeps_its_id(workspace, operation):
    known = {"_id": "home-1", "city": "Köln", "street": "Ring 1"}
    store(workspace, "account", {"external_id": "A1", "address": [known]})
    apply(workspace, update(relation_refs=refs(target(HOME, operation=operation))))
    assert addresses(workspace) == [known]
    assert references(workspace)[0]["_id"] == "home-1"


def test_a_repeated_event_changes_nothing(workspace):
    event = update(relation_refs=refs(target([HOME, WORK])))
    apply(workspace, event)
    before = addresses(workspace), references(workspace)
    workspace.cut()
    apply(workspace, event)
    assert (addresses(workspace), references(workspace)) == before
    assert workspace.operations == []


def test_an_equal_item_without_id_gets_one(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [HOME]})
    apply(workspace, update(relation_refs=refs(target(HOME, operation=APPEND))))
    [address] = addresses(workspace)
    assert address["_id"] == references(workspace)[0]["_id"]


def test_set_replaces_what_the_target_had(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{**WORK, "_id": "w"}]})
    apply(workspace, update(relation_refs=refs(target(HOME))))
    assert [a["street"] for a in addresses(workspace)] == ["Ring 1"]


def test_append_adds_what_is_new(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{**WORK, "_id": "w"}]})
    apply(workspace, update(relation_refs=refs(target([WORK, HOME], operation=APPEND))))
    assert [a["street"] for a in addresses(workspace)] == ["Dom 2", "Ring 1"]
    assert references(workspace)[0]["_id"] == "w"


def test_append_all_always_adds(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{**HOME, "_id": "h"}]})
    apply(workspace, update(relation_refs=refs(target(HOME, operation=APPEND_ALL))))
    ids = [address["_id"] for address in addresses(workspace)]
    assert len(set(ids)) == 2
    assert references(workspace)[0]["_id"] == ids[1] != "h"


def test_two_items_set_in_one_attribute_stand_side_by_side(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{"street": "old", "_id": "o"}]})
    apply(workspace, update(relation_refs=refs(target(HOME), target(WORK))))
    assert [a["street"] for a in addresses(workspace)] == ["Ring 1", "Dom 2"]
    assert [r["_id"] for r in references(workspace)] == [a["_id"] for a in addresses(workspace)]


def test_two_attributes_that_set_one_attribute_both_lead_somewhere(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{"street": "old", "_id": "o"}]})
    event = update(
        relation_refs={
            "billing_address": RelationRefUpdate(SET, [target(HOME)]),
            "delivery_address": RelationRefUpdate(SET, [target(WORK)]),
        }
    )
    apply(workspace, event)
    attributes = only(workspace, "contract", "number", "C1").attributes
    named = [attributes[name]["$relation_ref"][0]["_id"] for name in event.relation_refs]
    assert [address["_id"] for address in addresses(workspace)] == named
    workspace.cut()
    apply(workspace, event)
    assert workspace.cut().operations == []


@pytest.mark.parametrize(
    "targets", [[target(HOME), target(WORK)], [target([HOME, HOME])]], ids=["two items", "a list"]
)
def test_repeated_sets_keep_the_id_of_every_item(workspace, targets):
    event = update(relation_refs=refs(*targets))
    apply(workspace, event)
    workspace.cut()
    apply(workspace, event)
    assert workspace.cut().operations == []


@pytest.mark.parametrize("attribute", ["_id", "_schema", "parent"])
def test_a_value_never_replaces_what_is_no_list_of_values(workspace, attribute):
    parent = store(workspace, "account", {"external_id": "A2"})
    relation = {"$relation": [{"entity_id": str(parent.id)}]}
    store(workspace, "account", {"external_id": "A1", "parent": relation})
    with pytest.raises(MalformedValue, match=f'"{attribute}" of account'):
        apply(workspace, update(relation_refs=refs(target(HOME, attribute=attribute))))


def test_two_equal_values_of_one_set_are_two_items(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{**HOME, "_id": "h"}]})
    apply(workspace, update(relation_refs=refs(target([HOME, HOME]))))
    ids = [address["_id"] for address in addresses(workspace)]
    assert ids[0] == "h"
    assert len(set(ids)) == 2


@pytest.mark.parametrize(("operation", "kept"), [(SET, 0), (APPEND, 1), (APPEND_ALL, 1)])
def test_references_join_those_that_are_there(workspace, operation, kept):
    old = {"entity_id": "e", "path": "address", "_id": "x"}
    store(workspace, "contract", {"number": "C1", "billing_address": {"$relation_ref": [old]}})
    apply(workspace, update(relation_refs=refs(target(HOME), operation=operation)))
    assert references(workspace)[:kept] == [old][:kept]
    assert len(references(workspace)) == kept + 1


def test_append_takes_each_reference_once_append_all_as_often_as_it_comes(workspace):
    for operation, count in ((APPEND, 1), (APPEND_ALL, 2)):
        event = update(relation_refs=refs(target(HOME), operation=operation))
        apply(workspace, event)
        apply(workspace, event)
        assert len(references(workspace)) == count
        apply(workspace, update(relation_refs=refs()))


def test_one_target_that_cannot_be_had_leaves_everything_as_it_was(workspace):
    store(workspace, "account", {"external_id": "A2"})
    store(workspace, "account", {"external_id": "A2"})
    store(workspace, "account", {"external_id": "A1", "address": []})
    applied = apply(workspace, update(relation_refs=refs(target(HOME), target(HOME, "A2"))))
    assert codes(applied) == ["UNIQUE_ID_LOOKUP_UNRESOLVABLE"]
    assert addresses(workspace) == []
    assert "billing_address" not in only(workspace, "contract", "number", "C1").attributes


@pytest.mark.parametrize("value", ["text", 5, [HOME, None]])
def test_a_value_that_is_no_object_is_an_error(workspace, value):
    with pytest.raises(MalformedValue, match=r"billing_address.*address"):
        apply(workspace, update(relation_refs=refs(target(value))))


def test_a_value_with_an_id_of_its_own_keeps_it(workspace):
    apply(workspace, update(relation_refs=refs(target({**HOME, "_id": "sap-1"}))))
    assert references(workspace)[0]["_id"] == "sap-1"


def test_a_single_object_in_the_target_counts_as_a_list(workspace):
    store(workspace, "account", {"external_id": "A1", "address": {**HOME, "_id": "h"}})
    apply(workspace, update(relation_refs=refs(target(WORK, operation=APPEND))))
    assert [a["street"] for a in addresses(workspace)] == ["Ring 1", "Dom 2"]


def test_what_only_comes_apart_and_together_again_is_unchanged(workspace):
    event = [
        update("C1", relation_refs=refs(target([HOME, WORK]))),
        update("C2", relation_refs=refs(target(WORK))),
    ]
    apply(workspace, *event)
    workspace.cut()
    applied = apply(workspace, *event)
    assert what(applied) == [("contract", "unchanged"), ("contract", "unchanged")]


def test_an_appended_value_with_a_known_id_is_the_item_in_a_new_state(workspace):
    known = {"_id": "sap-1", **HOME}
    store(workspace, "account", {"external_id": "A1", "address": [known, {**WORK, "_id": "w"}]})
    moved = {"_id": "sap-1", "street": "Neu 3", "city": "Köln"}
    apply(workspace, update(relation_refs=refs(target(moved, operation=APPEND))))
    assert addresses(workspace) == [moved, {**WORK, "_id": "w"}]
    assert references(workspace)[0]["_id"] == "sap-1"


def test_no_two_items_have_one_id(workspace):
    store(workspace, "account", {"external_id": "A1", "address": [{**HOME, "_id": "h"}]})
    twice = {**WORK, "_id": "h"}
    apply(workspace, update(relation_refs=refs(target(twice, operation=APPEND_ALL))))
    ids = [address["_id"] for address in addresses(workspace)]
    assert ids[0] == "h"
    assert len(set(ids)) == 2
