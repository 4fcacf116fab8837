"""How mapped values join existing ones."""

from uuid import UUID

import pytest

from tieline.inbound.merging import merge_attributes, merge_relations, relation_item
from tieline.mapping.models import RelationOperation

A, B, C = (str(UUID(int=n)) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("existing", "mapped", "merged"),
    [
        (1, 2, 2),
        (1, None, None),
        (["a"], ["b"], ["b"]),
        (["a"], {"_set": ["b"]}, ["b"]),
        (["a", "b"], {"_append": ["b", "c", "c"]}, ["a", "b", "c"]),
        (["a", "b"], {"_append_all": ["b", "c"]}, ["a", "b", "b", "c"]),
        (None, {"_append": ["a", "a"]}, ["a"]),
        ("text", {"_append_all": ["a", "a"]}, ["a", "a"]),
        ([1], {"_append": [True, 1]}, [1, True]),
        ([{"a": 1, "b": 2}], {"_append": [{"b": 2, "a": 1}]}, [{"a": 1, "b": 2}]),
        ([{"x": 1}], {"_append": [{"x": 1}, {"x": 2}]}, [{"x": 1}, {"x": 2}]),
        (1, {"_append": "no list"}, {"_append": "no list"}),
        (1, {"_append": [], "_set": []}, {"_append": [], "_set": []}),
        (1, {"other": []}, {"other": []}),
    ],
)
def test_an_attribute_after_an_update(existing, mapped, merged):
    result = merge_attributes({"x": existing, "y": 0}, {"x": mapped})
    # By their texts: to Python, True is equal to 1.
    assert repr(result) == repr({"x": merged, "y": 0})


def test_a_hundred_thousand_items_are_appended_without_comparing_each_with_each():
    items = list(range(100_000))
    assert merge_attributes({"x": items}, {"x": {"_append": items}}) == {"x": items}


def test_append_to_a_missing_attribute_sets_it():
    assert merge_attributes({}, {"tags": {"_append": ["a"]}}) == {"tags": ["a"]}


def item(entity_id, *tags):
    return {"entity_id": entity_id, "_schema": "account", **({"_tags": list(tags)} if tags else {})}


def test_set_replaces_the_relations():
    merged = merge_relations({"$relation": [item(A)]}, RelationOperation.SET, [item(B)])
    assert merged == {"$relation": [item(B)]}


def test_append_keeps_existing_relations_with_their_tags():
    existing = {"$relation": [item(A, "old"), item(B)]}
    merged = merge_relations(
        existing, RelationOperation.APPEND, [item(A, "new"), item(C), item(C, "again")]
    )
    assert merged == {"$relation": [item(A, "old"), item(B), item(C)]}


def test_append_all_keeps_duplicates():
    merged = merge_relations({"$relation": [item(A)]}, RelationOperation.APPEND_ALL, [item(A)])
    assert merged == {"$relation": [item(A), item(A)]}


@pytest.mark.parametrize("existing", [None, "text", {}, {"$relation": "odd"}, {"$relation": [7]}])
def test_what_is_no_relation_counts_as_none(existing):
    merged = merge_relations(existing, RelationOperation.APPEND, [item(A)])
    assert merged == {"$relation": [item(A)]}


def test_tags_are_left_out_where_none_are_configured():
    assert relation_item(UUID(A), "account", None) == item(A)
    assert relation_item(UUID(A), "account", []) == {**item(A), "_tags": []}
