from __future__ import annotations

from typing import Any
from uuid import uuid4

from contract_sdk import Sdk


def create(sdk: Sdk, slug: str, **attributes: Any) -> dict[str, Any]:
    created: dict[str, Any] = sdk.entity(
        "createEntity", {"slug": slug}, attributes, expect=201
    ).data
    return created


def place_of(entity: dict[str, Any]) -> dict[str, str]:
    return {"slug": entity["_schema"], "id": entity["_id"]}


def test_an_entity_is_created_read_changed_and_deleted(sdk: Sdk, slug: str) -> None:
    created = create(sdk, slug, name="Jürgen Groß", _tags=["vip"], address=[{"city": "Köln"}])
    place = place_of(created)
    assert (created["name"], created["_tags"]) == ("Jürgen Groß", ["vip"])
    assert sdk.entity("getEntity", place).data["entity"]["_id"] == created["_id"]
    assert sdk.entity("getEntityV2", place).data["name"] == "Jürgen Groß"

    patched = sdk.entity("patchEntity", place, {"status": "active"}).data
    assert (patched["name"], patched["status"]) == ("Jürgen Groß", "active")
    stale = {"name": "late", "_updated_at": created["_updated_at"]}
    if patched["_updated_at"] != created["_updated_at"]:
        sdk.entity("patchEntity", place, stale, expect=409, undocumented=True)
    sdk.entity("updateEntity", place, {"name": "New"})
    assert sdk.entity("getEntityV2", place).data["name"] == "New"

    sdk.entity("deleteEntity", place)
    sdk.entity("getEntityV2", place, expect=404)
    restored = sdk.entity("restoreEntity", place).data
    assert restored["name"] == "New"
    sdk.entity("restoreEntity", place, expect=400, undocumented=True)
    sdk.entity("deleteEntity", {**place, "purge": True})
    sdk.entity("restoreEntity", place, expect=404, undocumented=True)


def test_an_upsert_creates_then_updates(sdk: Sdk, slug: str) -> None:
    def upsert(expect: int, **entity: Any) -> dict[str, Any]:
        body = {"unique_key": ["external_id"], "entity": entity}
        found: dict[str, Any] = sdk.entity("upsertEntity", {"slug": slug}, body, expect=expect).data
        return found

    first = upsert(201, external_id="E-1", name="one")
    second = upsert(200, external_id="E-1", status="two")
    assert second["_id"] == first["_id"]
    assert (second["name"], second["status"]) == ("one", "two")


def test_search_and_list_find_what_was_stored(sdk: Sdk, slug: str) -> None:
    for number, city in enumerate(("Köln", "Münster", "Köln")):
        create(sdk, slug, name=f"Name {number}", city=city, amount=number)

    def search(q: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = sdk.entity(
            "searchEntities", None, {"q": f"_schema:{slug} AND {q}", **more}
        ).data
        return found

    assert search("city:Köln")["hits"] == 2
    assert search("amount:[1 TO 2]")["hits"] == 2
    assert search("NOT city:Köln")["hits"] == 1
    page = search("name:Name", sort="amount:desc", size=2, **{"from": 1})
    assert page["hits"] == 3
    assert [entity["amount"] for entity in page["results"]] == [1, 0]

    body = {"filter": [{"term": {"_schema": slug}}, {"term": {"city.keyword": "Münster"}}]}
    listed = sdk.entity("listEntities", None, body).data
    assert [entity["amount"] for entity in listed["results"]] == [1]


def test_the_history_shows_previous_values(sdk: Sdk, slug: str) -> None:
    created = create(sdk, slug, name="before", kept=1)
    place = place_of(created)
    sdk.entity("patchEntity", place, {"name": "after", "added": True})
    feed = sdk.entity("getEntityActivityFeed", place).data
    assert feed["total"] == 2
    newest, oldest = feed["results"]
    (update,) = newest["operations"]
    assert update["operation"] == "updateEntity"
    assert update["diff"]["updated"]["name"] == "before"
    assert update["diff"]["added"]["added"] is True
    assert update["payload"]["name"] == "after"
    assert oldest["type"] == "EntityCreated"

    filtered = sdk.entity("getEntityActivityFeed", {**place, "type": "EntityCreated"}).data
    assert [item["_id"] for item in filtered["results"]] == [oldest["_id"]]
    wanted = {**place, "type": ["EntityCreated", "YearEnd"]}
    filtered = sdk.entity("getEntityActivityFeed", wanted).data
    assert [item["_id"] for item in filtered["results"]] == [oldest["_id"]]
    one = sdk.entity("getActivity", {"id": newest["_id"]}).data
    assert one["type"] == "EntityUpdated"


def test_an_activity_belongs_to_all_entities_of_a_list(sdk: Sdk, slug: str) -> None:
    both = [create(sdk, slug, name=name) for name in ("first", "second")]
    body = {"type": "YearEnd", "title": "Year end", "message": "closed"}
    activity = sdk.entity(
        "createActivity", {"entities": [entity["_id"] for entity in both]}, body
    ).data

    for entity in both:
        feed = sdk.entity("getEntityActivityFeed", {**place_of(entity), "type": ["YearEnd"]}).data
        assert [item["_id"] for item in feed["results"]] == [activity["_id"]]


def test_changes_can_be_gathered_in_an_activity_of_ones_own(sdk: Sdk, slug: str) -> None:
    body = {"type": "YearEnd", "title": "Year end", "message": "{{caller}} closed the year"}
    activity = sdk.entity("createActivity", None, body).data
    created = create(sdk, slug, name="x")
    place = place_of(created)
    sdk.entity("patchEntity", {**place, "activity_id": activity["_id"]}, {"name": "y"})
    sdk.entity("attachActivity", {"id": activity["_id"], "entities": created["_id"]})
    feed = sdk.entity("getEntityActivityFeed", {**place, "type": "YearEnd"}).data
    (item,) = feed["results"]
    assert item["operations"][0]["payload"]["name"] == "y"
    sdk.entity("getActivity", {"id": "01" + "0" * 24}, expect=404)


def test_relations_are_added_tagged_read_from_both_sides_and_removed(sdk: Sdk, slug: str) -> None:
    order = create(sdk, slug, name="Order")
    first = create(sdk, f"{slug}_item", name="First")
    second = create(sdk, f"{slug}_item", name="Second")
    place = place_of(order)
    items = [
        {"attribute": "items", "entity_id": first["_id"], "_tags": ["main"]},
        {"attribute": "items", "entity_id": second["_id"]},
    ]
    sdk.entity("addRelations", place, items)
    related = sdk.entity("getRelations", place).data
    assert {r["entity_id"] for r in related if "entity_id" in r} == {first["_id"], second["_id"]}

    v3 = sdk.entity("getRelationsV3", place).data
    assert v3["hits"] == 2
    assert sdk.entity("getRelationsV2", place).data["hits"] == 2
    sdk.entity("getRelatedEntitiesCount", place)
    backwards = sdk.entity("getRelations", {**place_of(first), "include_reverse": True}).data
    assert [r["entity_id"] for r in backwards] == [order["_id"]]

    link = {**place, "attribute": "items", "entity_id": first["_id"]}
    tagged = sdk.entity("updateRelation", link, {"_tags": ["special"]}).data
    assert tagged["_tags"] == ["special"]
    sdk.entity("deleteRelation", link, expect=204)
    sdk.entity("removeRelations", place, items[1:], expect=204)
    assert sdk.entity("getRelations", place).data == []


def test_schemas_are_declared_versioned_and_deleted(sdk: Sdk, slug: str) -> None:
    schema = {
        "slug": slug,
        "name": "Thing",
        "plural": "Things",
        "capabilities": [],
        "attributes": [{"name": "number", "label": "Number", "type": "string", "required": True}],
    }
    declared = sdk.entity("putSchema", {"slug": slug}, schema).data
    assert declared["slug"] == slug
    sdk.entity("putSchema", {"slug": slug}, {**schema, "name": "Better thing"})
    assert sdk.entity("getSchema", {"slug": slug}).data["name"] == "Better thing"
    assert len(sdk.entity("getSchemaVersions", {"slug": slug}).data["versions"]) == 2
    for operation in ("listSchemas", "listSchemasV2"):
        slugs = [item["slug"] for item in sdk.entity(operation).data["results"]]
        assert slug in slugs

    refused = sdk.entity(
        "createEntity", {"slug": slug, "validate": True}, {"name": "none"}, expect=422
    ).data
    assert "number" in str(refused)
    sdk.entity("deleteSchema", {"slug": slug})
    sdk.entity("getSchema", {"slug": slug}, expect=404)


def test_an_unknown_entity_is_not_found(sdk: Sdk, slug: str) -> None:
    place = {"slug": slug, "id": str(uuid4())}
    for operation in ("getEntity", "getEntityV2", "getEntityActivityFeed", "getRelationsV3"):
        sdk.entity(operation, place, expect=404)
