"""Events that say that all they name is gone, whatever the modes of the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from mapping_factories import (
    FILES,
    account,
    address,
    entity,
    map_payload,
    one,
    query,
    reading,
    references,
    relations,
)

from tieline.mapping.models import EntityMode, MeterReadingMode
from tieline.mapping.simulation import render

NEVER = {"jsonataExpression": "$error('never evaluated')"}
PRUNE = query({"attribute": "customer", **NEVER})
READING = {"id": "R1", "meter": "M1", "at": "2025-01-15", "direction": "feed-in", "value": 1}


@pytest.mark.parametrize(
    "block",
    [{}, {"mode": "upsert"}, {"mode": "delete"}, {"mode": "purge"}, PRUNE],
)
def test_every_block_deletes_by_its_unique_ids_alone(block: dict[str, Any]) -> None:
    config = entity(
        {"attribute": "x", **NEVER},
        {"attribute": "y", "constant": 1, "enabled": "$error('never evaluated')"},
        {"attribute": "file", "file_proxy_url": {"use_case_slug": "f", "params": {"p": NEVER}}},
        relations(account(**NEVER)),
        references(address(NEVER)),
        **block,
    )
    result = map_payload(config, {"id": 1}, removing=True, file_proxy=FILES)
    update = one(result)
    assert update.mode is EntityMode.DELETE
    assert update.attributes == {"id": 1}
    assert (update.relations, update.relation_refs) == ({}, {})
    assert (result.scopes, result.warnings) == ([], [])


def test_every_item_is_deleted_and_an_empty_list_removes_nothing() -> None:
    config = entity(jsonataExpression="items", **PRUNE)
    two = map_payload(config, {"items": [{"id": 1}, {"id": 2}]}, removing=True)
    assert [update.mode for update in two.entities] == [EntityMode.DELETE] * 2
    none = map_payload(config, {"items": []}, removing=True)
    assert (none.entities, none.scopes) == ([], [])


@pytest.mark.parametrize("enabled", [False, "kind = 'x'"])
def test_what_is_disabled_is_not_deleted(enabled: Any) -> None:
    assert map_payload(entity(enabled=enabled), {"id": 1}, removing=True).entities == []


@pytest.mark.parametrize("mode", ["upsert", "delete", "upsert-prune-scope"])
@pytest.mark.parametrize(
    ("matching", "found_by"),
    [
        ("external_id", {"external_id": "R1"}),
        (
            "strict-date",
            {"external_id": "R1", "timestamp": "2025-01-15", "direction": "feed-in"},
        ),
    ],
)
def test_readings_are_deleted_by_what_finds_them(
    mode: str, matching: str, found_by: dict[str, Any]
) -> None:
    config = reading(mode=mode, reading_matching=matching)
    fields = config["meter_readings"][0]["fields"]
    fields[2:] = [
        {"attribute": "source", **NEVER},
        {"attribute": "value", **NEVER},
        {"attribute": "direction", "field": "direction"},
    ]
    result = map_payload(config, READING, removing=True)
    [update] = result.meter_readings
    assert update.mode is MeterReadingMode.DELETE
    assert update.attributes == found_by
    assert result.reading_scopes == []


def test_the_configuration_is_as_before_afterwards() -> None:
    config = {**entity(mode="purge"), **reading()}
    payload = {**READING, "id": 1}
    before = map_payload(config, payload)
    map_payload(config, payload, removing=True)
    assert map_payload(config, payload) == before


@pytest.mark.parametrize("mode", ["delete", "purge"])
def test_a_simulation_tells_what_would_be_removed(mode: str) -> None:
    config = entity(mode=mode) | reading(mode="delete")

    shown = render(map_payload(config, READING))

    assert [update["mode"] for update in shown["entity_updates"]] == [mode]
    assert [update["mode"] for update in shown["meter_readings_updates"]] == ["delete"]
