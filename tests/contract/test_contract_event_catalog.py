"""The event catalogue, as the published SDK deals with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from contract_delivery import EVENT, a_contact, happen
from contract_sdk import Sdk

PLACE = {"event_name": EVENT}


@pytest.fixture
def switched_off(sdk: Sdk) -> Iterator[dict[str, Any]]:
    yield sdk.event_catalog("patchEvent", PLACE, {"enabled": False}).data
    sdk.event_catalog("patchEvent", PLACE, {"enabled": True})


def test_the_built_in_events_are_listed(sdk: Sdk) -> None:
    listed = sdk.event_catalog("listEvents").data["results"]

    names = [event["event_name"] for event in listed]
    assert {"MeterReadingAdded", "TariffChange", "OrderSubmission", EVENT} <= set(names)
    assert all("builtin" in e["event_tags"] for e in listed if e["event_name"] in ("FileCreated",))


def test_each_built_in_event_has_a_schema_that_its_example_fits(sdk: Sdk) -> None:
    for event in sdk.event_catalog("listEvents").data["results"]:
        place = {"event_name": event["event_name"]}
        assert sdk.event_catalog("getEvent", place).data == event
        schema = sdk.event_catalog("getEventJSONSchema", place).data
        example = sdk.event_catalog("getEventExample", place).data
        jsonschema.validate(example, schema)
        assert example["_event_name"] == event["event_name"]


def test_an_event_that_is_switched_off_cannot_be_triggered(
    sdk: Sdk, switched_off: dict[str, Any]
) -> None:
    contact = a_contact(sdk)
    seed = {"entity_id": contact["_id"], "node_id": "contact"}

    assert switched_off["enabled"] is False
    assert sdk.event_catalog("getEvent", PLACE).data["enabled"] is False
    sdk.event_catalog("triggerEvent", PLACE, {"seed": seed}, expect=403)


def test_automatic_events_can_be_switched_off_alone(sdk: Sdk) -> None:
    place = {"event_name": "TariffChange"}
    patched = sdk.event_catalog("patchEvent", place, {"auto_trigger": False}).data
    back = sdk.event_catalog("patchEvent", place, {"auto_trigger": True}).data

    assert (patched["enabled"], patched["auto_trigger"]) == (True, False)
    assert back["auto_trigger"] is True


def test_what_happened_is_in_the_history_with_its_entities(sdk: Sdk) -> None:
    contact = a_contact(sdk, customer_number="K-4711")
    event_id = happen(sdk, contact)

    [event] = sdk.event_catalog("searchEventHistory", PLACE, {"event_id": event_id}).data["results"]

    assert event["_event_name"] == EVENT
    assert event["_trigger_source_type"] == "api"
    assert event["contact"]["_id"] == contact["_id"]
    assert event["customer_number"] == "K-4711"


def test_the_history_is_paged_newest_first(sdk: Sdk) -> None:
    contact = a_contact(sdk)
    happened = [happen(sdk, contact) for _ in range(3)]

    found = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(2):
        page = sdk.event_catalog("searchEventHistory", PLACE, query).data
        found += [event["_event_id"] for event in page["results"]]
        query["cursor"] = page["next_cursor"]

    assert found[:3] == happened[::-1]
    future = {"timestamp": {"from": "2999-01-01T00:00:00Z"}}
    empty = sdk.event_catalog("searchEventHistory", PLACE, future).data
    assert (empty["results"], empty["next_cursor"]) == ([], None)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "seed"),
        ({"seed": {"entity_id": "no uuid", "node_id": "contact"}}, "seed.entity_id"),
        ({"seed": {"node_id": "contact"}}, "seed.entity_id"),
        ({"fields": {"colour": 1}}, "colour"),
    ],
)
def test_what_cannot_happen_is_refused_by_the_name_of_its_field(
    sdk: Sdk, payload: dict[str, Any], field: str
) -> None:
    refusal = sdk.event_catalog("triggerEvent", PLACE, payload, expect=400).data
    assert field in refusal["message"]


def test_an_unknown_event_is_not_found(sdk: Sdk) -> None:
    unknown = {"event_name": "NoSuchEvent"}
    sdk.event_catalog("getEvent", unknown, expect=404, undocumented=True)
    sdk.event_catalog("patchEvent", unknown, {"enabled": True}, expect=404)
    sdk.event_catalog("triggerEvent", unknown, {}, expect=404)
    for operation in ("getEventJSONSchema", "getEventExample"):
        sdk.event_catalog(operation, unknown, expect=404, undocumented=True)
    sdk.event_catalog("searchEventHistory", unknown, {}, expect=404, undocumented=True)


def test_without_a_key_nothing_is_answered(sdk: Sdk) -> None:
    sdk.event_catalog("listEvents", token=None, expect=401, undocumented=True)
    sdk.event_catalog("triggerEvent", PLACE, {}, token=None, expect=401, undocumented=True)
