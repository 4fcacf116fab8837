"""Related entities in place of references."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.entities.hydration import hydrated, referenced_ids

ID = "0190a0a0-0000-7000-8000-000000000001"
LOST = "0190a0a0-0000-7000-8000-000000000002"
TARGET: dict[str, Any] = {
    "_id": ID,
    "_schema": "contact",
    "_title": "Jane",
    "address": [{"_id": "x", "city": "Köln"}, {"_id": "y", "city": "Bonn"}],
}


def test_relations_become_entities() -> None:
    item = {"entity_id": ID, "_tags": ["a"]}
    document = {"name": "order", "contacts": {"$relation": [item, {"entity_id": LOST}, "junk"]}}
    assert referenced_ids(document) == {UUID(ID), UUID(LOST)}
    result = hydrated(document, {UUID(ID): TARGET})
    assert result == {"name": "order", "contacts": [{"$relation": item, **TARGET}]}


def test_references_into_entities_become_the_part_they_name() -> None:
    by_position = {"entity_id": ID, "path": "address.1"}
    by_id = {"entity_id": ID, "path": "address", "_id": "x"}
    beyond = {"entity_id": ID, "path": "address.7"}
    document = {"places": {"$relation_ref": [by_position, by_id, beyond]}}
    places = hydrated(document, {UUID(ID): TARGET})["places"]
    assert [place["address"] for place in places] == [
        {"_id": "y", "city": "Bonn"},
        {"_id": "x", "city": "Köln"},
        None,
    ]
    assert places[0]["$relation_ref"] == by_position


def test_what_is_no_reference_stays() -> None:
    document = {
        "a": {"$relation": "x"},
        "b": {"$relation": [{"entity_id": 5}]},
        "c": [1],
        "d": None,
    }
    assert referenced_ids(document) == set()
    assert hydrated(document, {}) == {**document, "b": []}
