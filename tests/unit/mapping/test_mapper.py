from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
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

from tieline.expressions.limits import Limits
from tieline.expressions.models import Done, Failed, FailureReason, Result
from tieline.expressions.sandbox import SandboxPool
from tieline.kit import json as lossless_json
from tieline.mapping.errors import (
    ExpressionTimeout,
    InvalidConfiguration,
    MalformedPayload,
    MappingError,
    MissingUniqueIdentifiers,
    ResultTooLarge,
    SandboxFailed,
)
from tieline.mapping.mapper import HANDLER, Mapper, MapRequest
from tieline.mapping.models import MappingResult, PayloadFormat
from tieline.mapping.sandboxed import handle
from tieline.mapping.simulation import render
from tieline.mapping.wire import (
    CheckReply,
    ErrorReply,
    Request,
    decode_reply,
    decode_shared,
    encode_reply,
    encode_request,
    encode_shared,
)

CONFIG = entity(
    {"attribute": "name", "jsonataExpression": "$uppercase(name)"},
    {"attribute": "amount", "field": "amount"},
    {"attribute": "email", "field": "email", "_type": "email"},
    relations({**account(field="acc"), "_tags": ["PRIMARY"]}),
)
PAYLOAD = b'{"id": 1, "name": "anna", "amount": 12.10, "email": "a@b.c", "acc": "A"}'
FORMAT = PayloadFormat.JSON
ID_QUERY = {"attribute": "id", "field": "$.items[*].id"}
SLOW = entity({"attribute": "x", "field": '$[?match(@.x, "(a+)+$")]'})
SLOW_PAYLOAD = b'{"id": 1, "y": {"x": "' + b"a" * 40 + b'!"}}'


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    pool = SandboxPool(handler=HANDLER, limits=Limits(task_seconds=0.5))
    await pool.start()
    yield pool
    await pool.close()


def request(
    payload: bytes = PAYLOAD, config: dict[str, Any] = CONFIG, payload_format: str = "json"
) -> MapRequest:
    text = lossless_json.dumps(config)
    return MapRequest(str(hash(text)), text, payload, payload_format)


async def test_a_batch_is_mapped_as_it_would_be_without_a_sandbox(pool: SandboxPool) -> None:
    results = await Mapper(pool).map_batch([request(), request()])
    assert results == [map_payload(CONFIG, PAYLOAD)] * 2
    assert isinstance(results[0], MappingResult)
    amount = results[0].entities[0].attributes["amount"]
    assert isinstance(amount, Decimal)
    assert str(amount) == "12.10"


@pytest.mark.parametrize(
    "number", ["12345678901234567890123", "-9223372036854775809", "0.10", "1e400", "1.5", "-0.0"]
)
async def test_numbers_survive_the_way_out_of_the_sandbox(pool: SandboxPool, number: str) -> None:
    config = entity({"attribute": "x", "field": "x"})
    payload = b'{"id": 1, "x": %s}' % number.encode()
    [result] = await Mapper(pool).map_batch([request(payload, config)])
    assert isinstance(result, MappingResult)
    value = result.entities[0].attributes["x"]
    assert value == lossless_json.loads(number)
    assert type(value) is type(lossless_json.loads(number))


async def test_xml_is_mapped(pool: SandboxPool) -> None:
    config = entity(jsonataExpression="Customers.Customer")
    payload = b"<Customers><Customer><id>C001</id></Customer></Customers>"
    [result] = await Mapper(pool).map_batch([request(payload, config, "xml")])
    assert isinstance(result, MappingResult)
    assert result.entities[0].attributes == {"id": "C001"}


async def test_every_event_of_a_batch_stands_alone(pool: SandboxPool) -> None:
    other = entity({"attribute": "kind", "constant": "other"})
    results = await Mapper(pool).map_batch(
        [
            request(),
            request(b"{"),
            request(b"{}"),
            request(SLOW_PAYLOAD, SLOW),
            request(PAYLOAD, {"entities": 5}),
            request(PAYLOAD, other),
        ]
    )
    assert [type(result) for result in results] == [
        MappingResult,
        MalformedPayload,
        MissingUniqueIdentifiers,
        ExpressionTimeout,
        InvalidConfiguration,
        MappingResult,
    ]
    missing, slow = results[2], results[3]
    assert isinstance(missing, MappingError)
    assert missing.path == "entities[0]"
    assert isinstance(slow, MappingError)
    assert (slow.code, slow.category) == ("EXPRESSION_TIMEOUT", "timeout")
    assert "0.5 seconds" in slow.message


async def test_a_killed_process_loses_no_event(pool: SandboxPool) -> None:
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
    assert await Mapper(pool).map_batch([request()]) == [map_payload(CONFIG, PAYLOAD)]


async def test_a_simulation_has_the_shape_of_the_api(pool: SandboxPool) -> None:
    config = {
        **CONFIG,
        **reading(meter_counter={"unique_ids": [{"attribute": "c", "constant": 1}]}),
    }
    payload = b"""{"id": 1, "name": "anna", "email": "a@b.c", "acc": "A",
        "meter": "M", "at": "15.01.2025", "value": 5}"""
    body = await Mapper(pool).simulate(lossless_json.dumps(config), payload)
    [warning] = body.pop("warnings")
    assert (warning["entity_schema"], warning["field"]) == ("meter_reading", "timestamp")
    assert body == {
        "entity_updates": [
            {
                "entity_slug": "contact",
                "unique_identifiers": {"id": 1},
                "attributes": {
                    "id": 1,
                    "name": "ANNA",
                    "email": [{"email": "a@b.c"}],
                    "account": {
                        "$relation": {
                            "_set": [
                                {
                                    "$entity_unique_ids": {"external_id": "A"},
                                    "_schema": "billing_account",
                                    "_tags": ["PRIMARY"],
                                }
                            ]
                        }
                    },
                },
            }
        ],
        "meter_readings_updates": [
            {
                "meter": {"$entity_unique_ids": {"external_id": "M"}},
                "meter_counter": {"$entity_unique_ids": {"c": 1}},
                "attributes": {
                    "external_id": 1,
                    "timestamp": "15.01.2025",
                    "source": "ERP",
                    "value": 5,
                },
            }
        ],
    }


async def test_addresses_of_files_follow_the_context_of_each_use_case(pool: SandboxPool) -> None:
    config = lossless_json.dumps(
        entity({"attribute": "file", "file_proxy_url": {"use_case_slug": "files"}})
    )
    first = MapRequest("one", config, b'{"id": 1}', file_proxy=FILES)
    other = msgspec.structs.replace(FILES, integration_id="other")
    second = MapRequest("two", config, b'{"id": 1}', file_proxy=other)
    without = MapRequest("three", config, b'{"id": 1}')
    results = await Mapper(pool).map_batch([first, second, first, without])
    addresses = []
    for result in results:
        assert isinstance(result, MappingResult)
        addresses.append(result.entities[0].attributes.get("file"))
    base = "https://hub.example/erp-integration/download?orgId=org&integrationId="
    one, two = (f"{base}{name}&useCaseSlug=files" for name in ("integration", "other"))
    assert addresses == [one, two, one, None]


async def test_an_event_may_say_that_all_it_names_is_gone(pool: SandboxPool) -> None:
    gone = msgspec.structs.replace(request(), removing=True)
    results = await Mapper(pool).map_batch([request(), gone])
    assert results == [map_payload(CONFIG, PAYLOAD), map_payload(CONFIG, PAYLOAD, removing=True)]
    body = await Mapper(pool).simulate(gone.configuration_json, PAYLOAD, removing=True)
    assert body["entity_updates"][0]["attributes"] == {"id": 1}


def test_a_configuration_keeps_its_lines_on_the_way_into_the_sandbox() -> None:
    text = b'{\n"entities": []\n}'
    assert decode_shared(encode_shared(text, FILES)) == (text, FILES)
    assert decode_shared(encode_shared(text, None)) == (text, None)


async def test_a_simulation_shows_references_and_what_is_pruned(pool: SandboxPool) -> None:
    customer = {"attribute": "customer", "constant": "C"}
    blocks = [
        entity(references(address({"constant": {"no": 1}}, constant="N"))),
        entity(enabled="true", **query(customer)),
        entity(**related_to("account", customer, removal="purge")),
    ]
    counter = {"unique_ids": [{"attribute": "c", "constant": 1}]}
    prune = {"mode": "upsert-prune-scope", "jsonataExpression": "[]"}
    meters = [reading(**prune), reading(meter_counter=counter, scope={"source": "ERP"}, **prune)]
    config = {
        "entities": [block["entities"][0] for block in blocks],
        "meter_readings": [block["meter_readings"][0] for block in meters],
    }
    body = await Mapper(pool).simulate(lossless_json.dumps(config), b'{"id": 1, "meter": "M"}')
    assert body["warnings"] == []
    assert body["entity_updates"][0]["attributes"]["delivery"] == {
        "$relation_ref": {
            "_set": [
                {
                    "$entity_unique_ids": {"number": "N"},
                    "_schema": "contact",
                    "path": "address",
                    "value": {"attribute": "address", "operation": "_append", "value": {"no": 1}},
                }
            ]
        }
    }
    assert body["prune_scopes"] == [
        {
            "entity_slug": "contact",
            "mode": "delete",
            "scope_mode": "query",
            "unique_identifiers": {"customer": "C"},
        },
        {
            "entity_slug": "contact",
            "mode": "purge",
            "scope_mode": "relations",
            "schema": "account",
            "unique_identifiers": {"customer": "C"},
        },
    ]
    assert body["meter_reading_prune_scopes"] == [
        {"meter": {"$entity_unique_ids": {"external_id": "M"}}},
        {
            "meter": {"$entity_unique_ids": {"external_id": "M"}},
            "meter_counter": {"$entity_unique_ids": {"c": 1}},
            "source": "ERP",
        },
    ]


def test_tags_and_counters_that_are_not_configured_are_absent() -> None:
    result = map_payload(
        {**entity(relations(account(constant=1))), **reading()}, {"id": 1, "meter": "M"}
    )
    body = render(result)
    relation = body["entity_updates"][0]["attributes"]["account"]["$relation"]["_set"][0]
    assert set(relation) == {"$entity_unique_ids", "_schema"}
    assert set(body["meter_readings_updates"][0]) == {"meter", "attributes"}


async def test_a_file_address_is_skipped_in_a_simulation(pool: SandboxPool) -> None:
    config = entity({"attribute": "file", "file_proxy_url": {"use_case_slug": "files"}})
    body = await Mapper(pool).simulate(lossless_json.dumps(config), b'{"id": 1}')
    assert body["entity_updates"][0]["attributes"] == {"id": 1}
    assert body["warnings"] == []


@pytest.mark.parametrize(
    ("config", "payload", "error"),
    [
        (b"{", b"{}", InvalidConfiguration),
        (b"[]", b"{}", InvalidConfiguration),
        (lossless_json.dumps(CONFIG), b"{", MalformedPayload),
        (lossless_json.dumps(SLOW), SLOW_PAYLOAD, ExpressionTimeout),
    ],
)
async def test_a_simulation_that_fails_raises(
    pool: SandboxPool, config: bytes, payload: bytes, error: type[MappingError]
) -> None:
    with pytest.raises(error):
        await Mapper(pool).simulate(config, payload)


async def test_checking_names_every_expression_that_does_not_compile(pool: SandboxPool) -> None:
    config = entity(
        {"attribute": "good", "jsonataExpression": "$error('only at run time')"},
        {"attribute": "bad", "jsonataExpression": "a +", "enabled": "("},
        {"attribute": "path", "field": "$.a["},
        {"attribute": "long", "field": "$.a[*]"},
        {"attribute": "plain", "field": "$.a.b"},
        relations(account(jsonataExpression="]")),
        jsonataExpression="items[",
        enabled="x :",
    )
    config["entities"][0].update(query({"attribute": "q", "jsonataExpression": "1 +"}))
    config["entities"][0]["fields"] += [
        references(address({"jsonataExpression": "("}, field="$[")),
        references(jsonataExpression="[1"),
        {
            "attribute": "file",
            "file_proxy_url": {"use_case_slug": "f", "params": {"p": {"jsonataExpression": ")"}}},
        },
    ]
    config.update(reading(jsonataExpression="{"))
    faults = await Mapper(pool).check(lossless_json.dumps(config))
    assert [path for path, _ in faults] == [
        "entities[0].jsonataExpression",
        "entities[0].enabled",
        "entities[0].scope.query[0].jsonataExpression",
        "entities[0].fields[2].jsonataExpression",
        "entities[0].fields[2].enabled",
        "entities[0].fields[3].field",
        "entities[0].fields[6].relations.items[0].unique_ids[0].jsonataExpression",
        "entities[0].fields[7].relation_refs.items[0].unique_ids[0].field",
        "entities[0].fields[7].relation_refs.items[0].value.jsonataExpression",
        "entities[0].fields[8].relation_refs.jsonataExpression",
        "entities[0].fields[9].file_proxy_url.params.p.jsonataExpression",
        "meter_readings[0].jsonataExpression",
    ]
    messages = dict(faults)
    assert messages["entities[0].fields[2].jsonataExpression"] == (
        'Entity block 0 (contact), field "bad": Unexpected end of expression at character 4. '
        "Correct it."
    )


async def test_a_good_configuration_has_no_faults(pool: SandboxPool) -> None:
    assert await Mapper(pool).check(lossless_json.dumps(CONFIG)) == []


async def test_an_overlong_expression_is_a_fault_without_position(pool: SandboxPool) -> None:
    config = entity({"attribute": "x", "jsonataExpression": "1" * 70_000})
    [(_, message)] = await Mapper(pool).check(lossless_json.dumps(config))
    assert "70000 characters" in message


async def test_checking_an_impossible_configuration_raises(pool: SandboxPool) -> None:
    with pytest.raises(InvalidConfiguration):
        await Mapper(pool).check(b'{"entities": 5}')


def test_a_result_that_is_too_large_is_an_error() -> None:
    body = encode_request(Request.MAP, PAYLOAD, PayloadFormat.JSON)
    reply = decode_reply(
        handle(encode_shared(lossless_json.dumps(CONFIG), None), body, Limits(max_result_bytes=50))
    )
    assert isinstance(reply, ErrorReply)
    assert reply.code == ResultTooLarge.code


def test_the_handler_answers_every_kind_of_request() -> None:
    def ask(request: Request, config: bytes) -> object:
        body = encode_request(request, PAYLOAD, FORMAT)
        return decode_reply(handle(encode_shared(config, None), body, Limits()))

    config = lossless_json.dumps(entity({"attribute": "x", "jsonataExpression": "a +"}, ID_QUERY))
    fault = ("entities[0].fields[1].jsonataExpression", "Unexpected end")
    checked = ask(Request.CHECK, config)
    assert isinstance(checked, CheckReply)
    [(path, message)] = checked.faults
    assert path == fault[0]
    assert fault[1] in message
    failed = ask(Request.MAP, config)
    assert isinstance(failed, ErrorReply)
    assert failed.code == "MAPPING_EXPRESSION_FAILED"
    assert ask(Request.MAP, lossless_json.dumps(CONFIG)) == map_payload(CONFIG, PAYLOAD)
    assert ask(Request.REMOVE, lossless_json.dumps(CONFIG)) == map_payload(
        CONFIG, PAYLOAD, removing=True
    )
    unreadable = ask(Request.MAP, b"{")
    assert isinstance(unreadable, ErrorReply)
    assert unreadable.code == "INVALID_CONFIGURATION"


def test_a_fault_without_position_and_a_json_path_are_checked_too() -> None:
    config = entity(
        {"attribute": "long", "jsonataExpression": "1" * 70_000},
        {"attribute": "path", "field": "$.a["},
        {"attribute": "plain", "field": "$.a"},
    )
    body = encode_request(Request.CHECK, b"", FORMAT)
    reply = decode_reply(handle(encode_shared(lossless_json.dumps(config), None), body, Limits()))
    assert isinstance(reply, CheckReply)
    assert len(reply.faults) == 2


class BrokenPool(SandboxPool):
    """A pool whose only result is the one it was made with."""

    def __init__(self, result: Result) -> None:
        super().__init__(handler=HANDLER)
        self._result = result

    async def run(self, shared: Any, tasks: Any) -> list[Result]:
        return [self._result for _ in tasks]


@pytest.mark.parametrize(
    "result",
    [
        Failed(FailureReason.CRASHED, "crashed the sandbox process"),
        Failed(FailureReason.OUT_OF_MEMORY, "needed more than 1024 MiB of memory"),
        Failed(FailureReason.HANDLER_ERROR, "KeyError: 1"),
        Done(b"no JSON"),
        Done(b'["result", 1, 2, 3]'),
        Done(b"\xff"),
        Done(encode_reply(CheckReply([]))),
    ],
)
async def test_a_broken_sandbox_is_a_system_error(result: Result) -> None:
    mapper = Mapper(BrokenPool(result))
    [error] = await mapper.map_batch([request()])
    assert isinstance(error, SandboxFailed)
    assert (error.code, error.category) == ("SANDBOX_FAILED", "system")
    with pytest.raises(SandboxFailed):
        await mapper.simulate(b"{}", b"{}")


async def test_a_check_answered_with_something_else_is_a_system_error() -> None:
    mapper = Mapper(BrokenPool(Done(encode_reply(MappingResult([], [], [])))))
    with pytest.raises(SandboxFailed):
        await mapper.check(b"{}")


async def test_an_error_of_an_unknown_code_is_still_an_error() -> None:
    mapper = Mapper(BrokenPool(Done(encode_reply(ErrorReply("NEW", "new trouble", "a.b")))))
    [error] = await mapper.map_batch([request()])
    assert type(error) is MappingError
    assert (error.message, error.path) == ("new trouble", "a.b")
