"""The data set and the use cases agree: what the generator expects is what the mapping yields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from tieline.demo import faults
from tieline.demo.models import Change, Dataset, DemoEvent, Effect, Status
from tieline.demo.use_cases import use_cases
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.errors import MappingError
from tieline.mapping.models import EntityMode, EntityUpdate, MappingResult

Map = Callable[[DemoEvent], MappingResult]

CHANGES = {
    EntityMode.UPSERT: Change.WRITE,
    EntityMode.DELETE: Change.DELETE,
    EntityMode.PURGE: Change.PURGE,
}
DECIDED_BY_THE_MAPPING = {
    faults.MALFORMED,
    faults.MISSING_ID,
    faults.EXPRESSION_FAILED,
}


def changes(result: MappingResult) -> Counter[Effect]:
    return Counter(
        Effect(CHANGES[update.mode], update.schema, tuple(uid.value for uid in update.unique_ids))
        for update in result.entities
    )


def references(result: MappingResult) -> set[tuple[str, str]]:
    return {
        (target.schema, target.unique_ids[0].value)
        for update in result.entities
        for relation in update.relations.values()
        for target in relation.items
    }


def of(dataset: Dataset, slug: str) -> DemoEvent:
    return next(
        event
        for event in dataset.events()
        if event.route.get("use_case_slug") == slug and event.effects
    )


def the(schema: str, result: MappingResult) -> EntityUpdate:
    return next(update for update in result.entities if update.schema == schema)


def test_every_applied_event_maps_to_the_entities_that_the_generator_expects(
    dataset: Dataset, map_demo_event: Map
) -> None:
    applied = [event for event in dataset.events() if event.effects]
    assert len(applied) > 2_900
    for event in applied:
        if event.route.get("use_case_slug") == "marketing_consent":
            continue  # identified by address; the generator names the customer behind it
        expected = Counter(e for e in event.effects if e.change is not Change.REFER)
        assert changes(map_demo_event(event)) == expected, event.payload


def test_relations_name_the_entities_that_the_generator_expects(
    dataset: Dataset, map_demo_event: Map
) -> None:
    for event in dataset.events():
        expected = {(e.schema, e.key[0]) for e in event.effects if e.change is Change.REFER}
        if expected:
            found = references(map_demo_event(event))
            # Counters also refer to their own meter, which the same event writes.
            assert found - {(s, v) for s, v in found if s == "meter"} == expected


def test_faulty_events_fail_with_the_code_that_the_generator_expects(
    dataset: Dataset, map_demo_event: Map
) -> None:
    faulty = [event for event in dataset.events() if event.ending in DECIDED_BY_THE_MAPPING]
    assert {event.ending for event in faulty} == DECIDED_BY_THE_MAPPING
    for event in faulty:
        with pytest.raises(MappingError) as failure:
            map_demo_event(event)
        assert failure.value.code == event.ending.code


def test_a_consent_looks_for_its_person_by_address(dataset: Dataset, map_demo_event: Map) -> None:
    (update,) = map_demo_event(of(dataset, "marketing_consent")).entities
    (unique_id,) = update.unique_ids
    assert unique_id.path == "email.email"
    assert update.attributes["email"] == [{"email": unique_id.value}]
    assert list(update.attributes["consent_history"]) == ["_append_all"]
    assert update.attributes["_tags"] == {"_append": ["newsletter"]}


def test_amounts_and_large_numbers_keep_every_digit(dataset: Dataset, map_demo_event: Map) -> None:
    for event in dataset.events():
        if event.route.get("use_case_slug") != "contract_account" or not event.effects:
            continue
        (update,) = map_demo_event(event).entities
        assert update.attributes["document_number"] > 2**53
        assert f'"documentNumber":{update.attributes["document_number"]}' in event.payload
        assert Decimal(str(update.attributes["balance"])).as_tuple().exponent == -2


def test_a_delivery_point_keeps_a_postal_code_with_a_leading_zero(
    dataset: Dataset, map_demo_event: Map
) -> None:
    points = [
        update
        for event in dataset.events()
        if event.route.get("event_name") == "DeliveryPoint" and event.effects
        for update in map_demo_event(event).entities
    ]
    codes = [update.attributes["address"][0]["postal_code"] for update in points]
    assert len(points) == 750
    assert all(isinstance(code, str) and len(code) == 5 for code in codes)
    assert any(code.startswith("0") for code in codes)
    assert all(update.attributes["grid_document"].startswith("0000000000") for update in points)


def test_a_disabled_field_is_never_stored(dataset: Dataset, map_demo_event: Map) -> None:
    event = next(e for e in dataset.events() if e.route.get("event_name") == "BusinessPartner")
    assert isinstance(event.payload, Mapping)
    assert event.payload["partner"]["creditRating"]
    (update,) = map_demo_event(event).entities
    assert "credit_rating" not in update.attributes
    assert update.attributes["last_message"] == event.deduplication_id


def test_a_meter_document_also_yields_its_registers(dataset: Dataset, map_demo_event: Map) -> None:
    result = map_demo_event(of(dataset, "device"))
    counter = the("meter_counter", result)
    assert counter.attributes["direction"] in ("feed-in", "feed-out")
    assert (
        counter.relations["meter"].items[0].unique_ids[0].value
        == (the("meter", result).attributes["meter_number"])
    )


def test_no_use_case_has_a_part_without_effect() -> None:
    for use_case in use_cases():
        _, warnings = parse_configuration(use_case["configuration"])
        assert warnings == []


def test_the_use_cases_show_all_modes_and_relation_operations(
    dataset: Dataset, map_demo_event: Map
) -> None:
    modes: set[str] = set()
    operations: set[str] = set()
    for event in dataset.events():
        if event.ending.status is Status.SUCCESS:
            for update in map_demo_event(event).entities:
                modes.add(update.mode)
                operations.update(relation.operation for relation in update.relations.values())
    assert modes == {str(mode) for mode in EntityMode}
    assert {"_set", "_append"} <= operations
