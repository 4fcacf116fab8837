"""Removing what a complete list does not name any more, without a database."""

import pytest
from application_factories import NOW, apply, codes, store, unique, update, what
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.workspace import Workspace
from tieline.inbound.application.errors import MultipleMatches, PruneScopeTooLarge, StateNotLoaded
from tieline.mapping.models import EntityMode, EntityUpdate, PruneScope

INDEXED = {
    "contract": frozenset({"number", "customer"}),
    "account": frozenset({"external_id"}),
}


@pytest.fixture
def workspace():
    return Workspace("acme", NOW, INDEXED)


def by_query(customer="K1", removal=EntityMode.DELETE):
    return PruneScope(0, "contract", removal, None, [unique("customer", customer)])


def by_anchor(removal=EntityMode.DELETE):
    return PruneScope(0, "contract", removal, "account", [unique("external_id", "A1")])


def relation_to(*entities):
    return {"$relation": [{"entity_id": str(entity.id)} for entity in entities]}


def account_update(**attributes):
    attributes = {"external_id": "A1", **attributes}
    ids = [unique("external_id", "A1")]
    return EntityUpdate(0, "account", EntityMode.UPSERT, ids, attributes, {})


def alive(workspace):
    return sorted(
        entity.attributes["number"]
        for entity in workspace.current.values()
        if entity and entity.schema == "contract" and entity.deleted_at is None
    )


def test_what_was_not_sent_goes_and_what_is_out_of_scope_stays(workspace):
    for number, customer in (("C1", "K1"), ("C2", "K1"), ("C3", "K2")):
        store(workspace, "contract", {"number": number, "customer": customer})
    applied = apply(workspace, update("C1", customer="K1"), scopes=[by_query()])
    assert alive(workspace) == ["C1", "C3"]
    assert what(applied) == [("contract", "unchanged"), ("contract", "deleted")]
    assert codes(applied) == ["PRUNE_SCOPE_COMPLETED"]


def test_purging_leaves_nothing(workspace):
    entity = store(workspace, "contract", {"number": "C2", "customer": "K1"})
    apply(workspace, scopes=[by_query(removal=EntityMode.PURGE)])
    assert workspace.get(entity.id) is None


def test_an_empty_list_prunes_the_whole_scope(workspace):
    for number in ("C1", "C2"):
        store(workspace, "contract", {"number": number, "customer": "K1"})
    apply(workspace, scopes=[by_query()])
    assert alive(workspace) == []


def test_what_another_block_upserts_is_spared(workspace):
    store(workspace, "contract", {"number": "C1", "customer": "K1"})
    later = update("C1", status="active")
    apply(workspace, later, scopes=[by_query()])
    assert alive(workspace) == ["C1"]


def test_relations_are_followed_in_both_directions(workspace):
    direct = store(workspace, "contract", {"number": "direct"})
    other = store(workspace, "account", {"external_id": "A2"})
    anchor = store(workspace, "account", {"external_id": "A1", "contracts": relation_to(direct)})
    store(workspace, "contract", {"number": "reverse", "account": relation_to(anchor)})
    store(workspace, "contract", {"number": "elsewhere", "account": relation_to(other)})
    apply(workspace, scopes=[by_anchor()], anchors=[(anchor.id, "contract")])
    assert alive(workspace) == ["elsewhere"]


def test_only_the_schema_of_the_block_is_pruned(workspace):
    other = store(workspace, "account", {"external_id": "A2"})
    anchor = store(workspace, "account", {"external_id": "A1", "others": relation_to(other)})
    apply(workspace, scopes=[by_anchor()], anchors=[(anchor.id, "contract")])
    assert workspace.get(other.id).deleted_at is None


def test_the_scope_is_what_was_related_before_the_event(workspace):
    old = store(workspace, "contract", {"number": "old"})
    anchor = store(workspace, "account", {"external_id": "A1", "contracts": relation_to(old)})
    emptied = account_update(contracts={"$relation": []})
    apply(
        workspace, emptied, update("new"), scopes=[by_anchor()], anchors=[(anchor.id, "contract")]
    )
    assert alive(workspace) == ["new"]


def test_without_an_anchor_nothing_is_in_scope(workspace):
    store(workspace, "contract", {"number": "C1"})
    apply(workspace, scopes=[by_anchor()])
    assert alive(workspace) == ["C1"]


def test_an_ambiguous_anchor_is_an_error(workspace):
    store(workspace, "account", {"external_id": "A1"})
    store(workspace, "account", {"external_id": "A1"})
    with pytest.raises(MultipleMatches):
        apply(workspace, scopes=[by_anchor()])


def test_an_anchor_whose_relations_were_not_loaded_is_told_apart(workspace):
    store(workspace, "account", {"external_id": "A1"})
    with pytest.raises(StateNotLoaded):
        apply(workspace, scopes=[by_anchor()])


def test_an_anchor_that_the_batch_made_has_only_what_is_here(workspace):
    apply(workspace, account_update())
    apply(workspace, update("C1"), scopes=[by_anchor()])
    assert alive(workspace) == ["C1"]


def test_a_scope_that_is_too_large_is_an_error(workspace, monkeypatch):
    monkeypatch.setattr("tieline.inbound.application.pruning.MAX_SCOPE", 1)
    for number in ("C1", "C2"):
        store(workspace, "contract", {"number": number, "customer": "K1"})
    with pytest.raises(PruneScopeTooLarge, match="customer = 'K1'"):
        apply(workspace, scopes=[by_query()])


def test_relations_that_change_in_memory_are_followed_as_they_are_now(workspace):
    anchor = store(workspace, "account", {"external_id": "A1"})
    entity = store(workspace, "contract", {"number": "C1", "account": relation_to(anchor)})
    assert [found.id for found in workspace.sources_of(anchor.id)] == [entity.id]
    savepoint = workspace.savepoint()
    apply(workspace, update("C1", account={"$relation": []}))
    assert workspace.sources_of(anchor.id) == []
    workspace.rollback(savepoint)
    assert [found.id for found in workspace.sources_of(anchor.id)] == [entity.id]


NUMBERS = st.sets(st.sampled_from("abcdefgh"))


@given(here=NUMBERS, elsewhere=NUMBERS, sent=NUMBERS)
def test_pruning_leaves_in_scope_what_was_sent_and_elsewhere_what_was_there(here, elsewhere, sent):
    workspace = Workspace("acme", NOW, INDEXED)
    for number in here:
        store(workspace, "contract", {"number": f"K1-{number}", "customer": "K1"})
    for number in elsewhere:
        store(workspace, "contract", {"number": f"K2-{number}", "customer": "K2"})
    updates = [update(f"K1-{number}", customer="K1") for number in sorted(sent)]
    apply(workspace, *updates, scopes=[by_query()])
    expected = {f"K1-{number}" for number in sent} | {f"K2-{number}" for number in elsewhere}
    assert alive(workspace) == sorted(expected)
    workspace.cut()
    apply(workspace, *updates, scopes=[by_query()])
    assert workspace.operations == []
