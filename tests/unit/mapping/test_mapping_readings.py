from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from mapping_factories import map_payload, reading

from tieline.mapping.errors import InvalidConfiguration, MissingUniqueIdentifiers
from tieline.mapping.models import (
    MeterReadingMode,
    MeterReadingUpdate,
    ReadingMatching,
    ReadingScope,
    UniqueId,
)
from tieline.mapping.readings import is_reading_timestamp, reading_warnings

PAYLOAD = {"id": "R1", "meter": "M1", "counter": "C1", "at": "2025-01-15", "value": 12.5}
COUNTER = {"unique_ids": [{"attribute": "obis", "field": "counter"}]}


def test_a_reading_is_mapped_with_its_meter() -> None:
    [update] = map_payload(reading(), PAYLOAD).meter_readings
    assert update == MeterReadingUpdate(
        block=0,
        mode=MeterReadingMode.UPSERT,
        reading_matching=ReadingMatching.EXTERNAL_ID,
        scope_source=None,
        meter=[UniqueId("external_id", "external_id", "M1")],
        meter_counter=None,
        attributes={
            "external_id": "R1",
            "timestamp": "2025-01-15",
            "source": "ERP",
            "value": 12.5,
        },
    )


def test_everything_that_can_be_configured() -> None:
    config = reading(
        jsonataExpression="readings",
        reading_matching="strict-date",
        mode="upsert-prune-scope",
        scope={"source": "ERP"},
        meter_counter=COUNTER,
    )
    first, second = map_payload(config, {"readings": [PAYLOAD, PAYLOAD]}).meter_readings
    assert first == second
    assert first.mode is MeterReadingMode.UPSERT_PRUNE_SCOPE
    assert first.reading_matching is ReadingMatching.STRICT_DATE
    assert first.scope_source == "ERP"
    assert first.meter_counter == [UniqueId("obis", "obis", "C1")]


PRUNE = {"mode": "upsert-prune-scope", "jsonataExpression": "readings"}


def meter(value: Any) -> list[UniqueId]:
    return [UniqueId("external_id", "external_id", value)]


def test_readings_prune_once_for_each_meter_and_counter() -> None:
    config = reading(meter_counter=COUNTER, scope={"source": "ERP"}, **PRUNE)
    places = [("M1", "C1"), ("M2", "C1"), ("M1", "C1"), ("M1", "C2")]
    rows = [{**PAYLOAD, "meter": m, "counter": c} for m, c in places]
    result = map_payload(config, {"readings": rows})
    assert result.reading_scopes == [
        ReadingScope(0, meter(m), [UniqueId("obis", "obis", c)], "ERP")
        for m, c in [("M1", "C1"), ("M2", "C1"), ("M1", "C2")]
    ]
    assert result.warnings == []


def test_numbers_and_booleans_are_different_meters() -> None:
    rows = [{**PAYLOAD, "meter": value} for value in (1, True, "1", 1)]
    found = map_payload(reading(**PRUNE), {"readings": rows}).reading_scopes
    assert [scope.meter[0].value for scope in found] == [1, True, "1"]
    assert {scope.meter_counter for scope in found} == {None}
    assert {scope.source for scope in found} == {None}


@pytest.mark.parametrize("readings", [{"readings": []}, {"readings": None}, {}])
def test_without_readings_the_payload_may_name_the_meter(readings: dict[str, Any]) -> None:
    result = map_payload(reading(meter_counter=COUNTER, **PRUNE), {**PAYLOAD, **readings})
    assert result.meter_readings == []
    assert result.reading_scopes == [
        ReadingScope(0, meter("M1"), [UniqueId("obis", "obis", "C1")], None)
    ]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"meter": "M1"},
        {"meter": None, "counter": "C1"},
        {"meter": {"no": 1}, "counter": "C1"},
        {"meter": "M1", "counter": "$error"},
    ],
)
def test_without_readings_and_meter_nothing_is_pruned_and_a_warning_says_so(
    payload: dict[str, Any],
) -> None:
    source = "counter = '$error' ? $error('no') : counter"
    counter = {"unique_ids": [{"attribute": "obis", "jsonataExpression": source}]}
    result = map_payload(reading(meter_counter=counter, **PRUNE), {"readings": [], **payload})
    assert result.reading_scopes == []
    [warning] = result.warnings
    assert (warning.entity_schema, warning.field) == ("meter_reading", "meter")
    assert "nothing is pruned" in warning.message


@pytest.mark.parametrize("mode", ["upsert", "delete"])
def test_other_modes_of_readings_have_no_scope(mode: str) -> None:
    assert map_payload(reading(mode=mode), PAYLOAD).reading_scopes == []


def test_deleting_looks_at_what_finds_the_reading_only() -> None:
    config = reading(mode="delete")
    never = {"jsonataExpression": "$error('never evaluated')"}
    config["meter_readings"][0]["fields"][3] = {"attribute": "value", **never}
    [update] = map_payload(config, PAYLOAD).meter_readings
    assert update.attributes == {"external_id": "R1"}


def test_fields_of_a_reading_may_be_disabled_or_undefined() -> None:
    config = reading()
    config["meter_readings"][0]["fields"] += [
        {"attribute": "reason", "field": "reason"},
        {"attribute": "note", "constant": "x", "enabled": False},
    ]
    [update] = map_payload(config, PAYLOAD).meter_readings
    assert set(update.attributes) == {"external_id", "timestamp", "source", "value"}


@pytest.mark.parametrize(("key", "words"), [("meter", "meter,"), ("counter", "meter_counter,")])
def test_a_meter_without_identification_is_an_error(key: str, words: str) -> None:
    with pytest.raises(MissingUniqueIdentifiers, match=words) as caught:
        map_payload(reading(meter_counter=COUNTER), {**PAYLOAD, key: ""})
    assert caught.value.path.startswith("meter_readings[0].meter")


@pytest.mark.parametrize(
    ("block", "missing"),
    [
        ({}, "external_id, timestamp, source, value"),
        ({"mode": "upsert-prune-scope"}, "external_id, timestamp, source, value"),
        ({"mode": "delete"}, "external_id"),
        ({"mode": "delete", "reading_matching": "strict-date"}, "timestamp"),
    ],
)
def test_missing_fields_are_named(block: dict[str, Any], missing: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        map_payload(reading(fields=[], **block), PAYLOAD)
    assert f"lacks fields for the attributes {missing}." in caught.value.message
    assert caught.value.path == "meter_readings[0].fields"


@pytest.mark.parametrize(
    "value",
    [{"relations": {"operation": "_set", "items": []}}, {"file_proxy_url": {"use_case_id": "u"}}],
)
def test_a_reading_has_plain_values_only(value: dict[str, Any]) -> None:
    config = reading()
    config["meter_readings"][0]["fields"].append({"attribute": "x", **value})
    with pytest.raises(InvalidConfiguration, match="plain values only"):
        map_payload(config, PAYLOAD)


@pytest.mark.parametrize(
    ("value", "real"),
    [
        ("2025-01-15", True),
        ("2024-02-29", True),
        ("2025-02-29", False),
        ("2025-02-30", False),
        ("2025-01-15T10:00:00", True),
        ("2025-01-15T10:00:00Z", True),
        ("2025-01-15T10:00:00.123Z", True),
        ("2025-01-15T10:00:00.123456789+01:00", True),
        ("2025-01-15T25:00:00Z", False),
        ("15.01.2025", False),
        ("1736935200", False),
        (1736935200, False),
        ("2025-01-15 10:00:00", False),
        ("2025-1-15", False),
    ],
)
def test_timestamps(value: object, real: bool) -> None:
    assert is_reading_timestamp(value) is real


@pytest.mark.parametrize(
    ("attributes", "mode", "warned"),
    [
        ({}, "upsert", []),
        ({"reason": "regular", "source": "360"}, "upsert", []),
        ({"reason": ""}, "upsert", []),
        ({"reason": None}, "upsert", []),
        ({"reason": "because"}, "upsert", ["reason"]),
        ({"source": "SAP"}, "upsert", ["source"]),
        ({"timestamp": "15.01.2025"}, "upsert", ["timestamp"]),
        ({"value": None, "external_id": ""}, "upsert", ["external_id", "value"]),
        ({"value": None, "external_id": None}, "delete", ["external_id"]),
        ({"source": ["x"], "reason": {"x": 1}}, "upsert", ["source", "reason"]),
        ({"value": "1234.50", "direction": "feed-out", "status": "valid"}, "upsert", []),
        ({"direction": None, "status": "", "tariff": "ht", "tariff_type": ""}, "upsert", []),
        ({"value": "1.234,5"}, "upsert", ["value"]),
        ({"value": True}, "upsert", ["value"]),
        ({"value": Decimal("1e30")}, "upsert", ["value"]),
        ({"timestamp": "1799-12-31"}, "upsert", ["timestamp"]),
        ({"direction": "sideways", "status": "fine"}, "upsert", ["direction", "status"]),
        ({"tariff": "ET", "tariff_type": "ET"}, "upsert", ["tariff", "tariff_type"]),
    ],
)
def test_what_storing_would_refuse(
    attributes: dict[str, Any], mode: str, warned: list[str]
) -> None:
    [update] = map_payload(reading(mode=mode), PAYLOAD).meter_readings
    update.attributes.update(attributes)
    warnings = list(reading_warnings("meter_reading", update))
    assert [warning.field for warning in warnings] == warned


def test_what_finds_a_reading_to_delete_is_required() -> None:
    config = reading(mode="delete", reading_matching="strict-date")
    [update] = map_payload(config, {**PAYLOAD, "at": None}).meter_readings
    assert [w.field for w in reading_warnings("meter_reading", update)] == ["timestamp"]
