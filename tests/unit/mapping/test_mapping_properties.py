"""What holds for every configuration and payload."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import (
    FILES,
    account,
    address,
    entity,
    map_payload,
    query,
    reading,
    references,
    related_to,
    relations,
)

from tieline.kit import json as lossless_json
from tieline.mapping.models import MappingResult
from tieline.mapping.simulation import render
from tieline.mapping.wire import decode_reply, encode_reply

CUSTOMER = {"attribute": "customer", "field": "$$.customer"}
BLOCKS = [
    entity({"attribute": "x", "field": "x"}),
    entity(jsonataExpression="items", mode="purge"),
    entity(jsonataExpression="items", **query(CUSTOMER)),
    entity(jsonataExpression="items[x > 1]", **related_to("customer", CUSTOMER, removal="purge")),
    entity(relations(account(field="account"), account(constant=1))),
    entity(references(address({"constant": {"no": 1}}, field="account"))),
    entity({"attribute": "f", "file_proxy_url": {"use_case_slug": "f"}}, enabled="x > 1"),
]
READINGS = [
    reading(jsonataExpression="items"),
    reading(jsonataExpression="items", mode="delete"),
    reading(jsonataExpression="items", mode="upsert-prune-scope", scope={"source": "ERP"}),
]
ITEM = st.fixed_dictionaries(
    {"id": st.integers(0, 5), "meter": st.sampled_from(["M1", "M2"])},
    optional={"x": st.integers(0, 3), "value": st.integers(-(2**53), 2**53)},
)
PAYLOAD = st.fixed_dictionaries(
    {"id": st.integers(), "customer": st.text("ab", min_size=1), "items": st.lists(ITEM)},
    optional={"x": st.integers(0, 3), "account": st.none() | st.text("ab")},
)


def configuration(
    entities: list[dict[str, Any]], readings: list[dict[str, Any]]
) -> dict[str, list[Any]]:
    return {
        "entities": [block["entities"][0] for block in entities],
        "meter_readings": [block["meter_readings"][0] for block in readings],
    }


def by_block(result: MappingResult, key: str, order: list[int]) -> dict[int, list[Any]]:
    """The parts of a result, by the place that their block had before it was moved."""
    found: dict[int, list[Any]] = {}
    for part in getattr(result, key):
        original = order[part.block]
        found.setdefault(original, []).append(msgspec.structs.replace(part, block=original))
    return found


def subjects(result: MappingResult) -> list[tuple[str, str]]:
    """What the warnings are about; their texts name the blocks by their places."""
    return sorted((warning.entity_schema, warning.field) for warning in result.warnings)


@settings(deadline=None)
@given(
    PAYLOAD,
    st.permutations(range(len(BLOCKS))),
    st.permutations(range(len(READINGS))),
    st.booleans(),
)
def test_blocks_do_not_depend_on_one_another(
    payload: dict[str, Any], entities: list[int], readings: list[int], removing: bool
) -> None:
    def mapped(first: list[int], second: list[int]) -> MappingResult:
        config = configuration([BLOCKS[i] for i in first], [READINGS[i] for i in second])
        return map_payload(config, payload, file_proxy=FILES, removing=removing)

    plain = (list(range(len(BLOCKS))), list(range(len(READINGS))))
    before, after = mapped(*plain), mapped(entities, readings)
    for key in ("entities", "scopes"):
        assert by_block(after, key, entities) == by_block(before, key, plain[0])
    for key in ("meter_readings", "reading_scopes"):
        assert by_block(after, key, readings) == by_block(before, key, plain[1])
    assert subjects(after) == subjects(before)


@settings(deadline=None)
@given(PAYLOAD)
def test_mapping_and_showing_twice_gives_the_same(payload: dict[str, Any]) -> None:
    config = configuration(BLOCKS, READINGS)
    result = map_payload(config, payload, file_proxy=FILES)
    assert map_payload(config, payload, file_proxy=FILES) == result
    shown = render(result)
    assert render(result) == shown
    assert lossless_json.loads(lossless_json.dumps(shown)) == shown


@settings(deadline=None)
@given(PAYLOAD)
def test_a_result_survives_the_way_out_of_the_sandbox(payload: dict[str, Any]) -> None:
    result = map_payload(configuration(BLOCKS, READINGS), payload, file_proxy=FILES)
    assert decode_reply(encode_reply(result)) == result


@settings(deadline=None)
@given(PAYLOAD)
def test_a_pruning_block_names_what_an_upserting_one_does(payload: dict[str, Any]) -> None:
    pruning = map_payload(entity(jsonataExpression="items", **query(CUSTOMER)), payload)
    upserting = map_payload(entity(jsonataExpression="items"), payload)
    assert pruning.entities == upserting.entities
    assert len(pruning.scopes) == 1
