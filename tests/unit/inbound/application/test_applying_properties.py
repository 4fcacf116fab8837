"""What holds for every event and every state of the store, without a database."""

from application_factories import INDEXED, NOW, account, apply, store, unique, update
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.entities.workspace import Workspace
from tieline.mapping.models import (
    EntityMode,
    PruneScope,
    RelationOperation,
    RelationRefTarget,
    RelationRefUpdate,
    RelationUpdate,
)

SET, APPEND, _ = RelationOperation
NUMBERS = st.sampled_from("abcd")
ACCOUNTS = st.sampled_from(["A1", "A2", "A3"])
ITEMS = st.lists(st.integers(0, 3), max_size=3)
ADDRESSES = st.lists(st.sampled_from([{"city": "Köln"}, {"city": "Bonn"}, {}]), max_size=3)

SCALARS = st.none() | st.integers(0, 3) | st.text("xy", max_size=2)
ARRAYS = st.builds(
    lambda operation, items: {operation: items}, st.sampled_from([SET, APPEND]), ITEMS
)
ATTRIBUTES = st.fixed_dictionaries({}, optional={"name": SCALARS, "list": ITEMS | ARRAYS})
TARGETS = st.builds(account, ACCOUNTS, st.none() | st.just(["main"]))
RELATIONS = st.builds(RelationUpdate, st.sampled_from([SET, APPEND]), st.lists(TARGETS, max_size=3))
VALUES = st.builds(
    lambda owner, operation, value: RelationRefTarget(
        "account", [unique("external_id", owner)], "address", "address", operation, value
    ),
    ACCOUNTS,
    st.sampled_from([SET, APPEND]),
    ADDRESSES,
)
REFERENCES = st.builds(
    RelationRefUpdate, st.sampled_from([SET, APPEND]), st.lists(VALUES, max_size=3)
)
UPDATES = st.dictionaries(
    NUMBERS,
    st.tuples(
        ATTRIBUTES,
        st.fixed_dictionaries({}, optional={"account": RELATIONS}),
        st.fixed_dictionaries({}, optional={"billing_address": REFERENCES}),
    ),
    max_size=3,
)


def updates_of(drawn):
    """An update for each number: what an event says of one entity, it says once."""
    return [
        update(number, relations=relations, relation_refs=references, **attributes)
        for number, (attributes, relations, references) in drawn.items()
    ]


def contents(workspace):
    """The living entities, by id."""
    return {
        entity.id: entity.attributes
        for entity in workspace.current.values()
        if entity is not None and entity.deleted_at is None
    }


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NUMBERS, ATTRIBUTES), st.dictionaries(ACCOUNTS, ADDRESSES), UPDATES)
def test_a_repeated_upsert_changes_nothing(contracts, accounts, drawn):
    workspace = Workspace("acme", NOW, INDEXED)
    for number, attributes in contracts.items():
        store(workspace, "contract", {"number": number, **attributes})
    for owner, addresses in accounts.items():
        store(workspace, "account", {"external_id": owner, "address": addresses})
    apply(workspace, *updates_of(drawn))
    before = contents(workspace)
    workspace.cut()
    applied = apply(workspace, *updates_of(drawn))
    assert contents(workspace) == before
    assert all(entity["operation"] != "created" for entity in applied.entities)


@given(UPDATES, st.randoms(use_true_random=False))
def test_entities_that_do_not_meet_may_come_in_any_order(drawn, random):
    def applied(updates):
        workspace = Workspace("acme", NOW, INDEXED)
        apply(workspace, *updates)
        return sorted(
            (str(attributes["number"]), str(attributes))
            for attributes in contents(workspace).values()
            if "number" in attributes
        )

    # Without relations: those of two entities may well meet in one target.
    updates = updates_of({n: (attributes, {}, {}) for n, (attributes, _, _) in drawn.items()})
    shuffled = list(updates)
    random.shuffle(shuffled)
    assert applied(shuffled) == applied(updates)


OWNED = st.dictionaries(NUMBERS, st.sampled_from(["A1", "A2", None]))


def relation_to(*entities):
    return {"$relation": [{"entity_id": str(entity.id)} for entity in entities]}


@given(
    direct=OWNED,
    reverse=OWNED,
    sent=st.sets(NUMBERS),
    removal=st.sampled_from([EntityMode.DELETE, EntityMode.PURGE]),
)
def test_pruning_by_relations_touches_nothing_beyond_the_anchor(direct, reverse, sent, removal):
    workspace = Workspace("acme", NOW, INDEXED)
    anchors = {}
    owned = [
        (store(workspace, "contract", {"number": f"direct {number}"}), owner)
        for number, owner in direct.items()
    ]
    for name in ("A1", "A2"):
        contracts = relation_to(*(entity for entity, owner in owned if owner == name))
        anchors[name] = store(workspace, "account", {"external_id": name, "contracts": contracts})
    for number, owner in reverse.items():
        account_of = relation_to(*([anchors[owner]] if owner else []))
        attributes = {"number": f"reverse {number}", "account": account_of}
        owned.append((store(workspace, "contract", attributes), owner))
    before = contents(workspace)
    kept = {entity.id for entity, _ in owned if entity.attributes["number"][-1] in sent}

    apply(
        workspace,
        *(update(before[entity_id]["number"]) for entity_id in kept),
        scopes=[PruneScope(0, "contract", removal, "account", [unique("external_id", "A1")])],
        anchors=[(anchors["A1"].id, "contract")],
    )

    gone = {entity.id for entity, owner in owned if owner == "A1"} - kept
    assert contents(workspace) == {i: a for i, a in before.items() if i not in gone}
