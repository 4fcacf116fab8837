from typing import Any

import httpx
import pytest

from tieline.http.services import Services
from tieline.mapping.errors import SandboxFailed

PLACE = "/v2/erp/updates/mapping_simulation"
PAYLOAD = {"customerId": 4711, "first": "Ada", "last": "Lovelace"}


async def test_a_configuration_can_be_tried_before_it_is_saved(
    erp: httpx.AsyncClient, contacts: Any
) -> None:
    body = {"event_configuration": contacts, "format": "json", "payload": PAYLOAD}

    answer = await erp.post(PLACE, json=body)

    assert answer.status_code == 200
    assert answer.json() == {
        "entity_updates": [
            {
                "entity_slug": "contact",
                "unique_identifiers": {"customer_number": 4711},
                "attributes": {"customer_number": 4711, "full_name": "Ada Lovelace"},
            }
        ],
        "meter_readings_updates": [],
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("format_", "payload"),
    [
        ("json", '{"customerId": 4711, "first": "Ada", "last": "Lovelace"}'),
        ("xml", "<c><customerId>4711</customerId></c>"),
    ],
)
async def test_a_payload_may_be_text(
    erp: httpx.AsyncClient, contacts: Any, format_: str, payload: str
) -> None:
    contacts["entities"][0]["jsonataExpression"] = "$exists(c) ? c : $"
    body = {"event_configuration": contacts, "format": format_, "payload": payload}

    answer = await erp.post(PLACE, json=body)

    assert answer.json()["entity_updates"][0]["unique_identifiers"] == {"customer_number": 4711}


async def test_copied_numbers_keep_every_digit(erp: httpx.AsyncClient, contacts: Any) -> None:
    contacts["entities"][0]["fields"].append({"attribute": "price", "field": "price"})
    payload = '{"customerId": 90071992547409931, "price": 0.10}'
    body = {"event_configuration": contacts, "format": "json", "payload": payload}

    answer = await erp.post(PLACE, json=body)

    assert '"customer_number":90071992547409931' in answer.text
    assert '"price":0.10' in answer.text


async def test_keys_without_effect_are_warnings_with_their_schema(
    erp: httpx.AsyncClient, contacts: Any
) -> None:
    contacts["entities"][0]["fields"][0]["fild"] = "x"
    contacts["extra"] = 1
    body = {"event_configuration": contacts, "format": "json", "payload": PAYLOAD}

    warnings = (await erp.post(PLACE, json=body)).json()["warnings"]

    assert [(warning["entity_schema"], warning["field"]) for warning in warnings] == [
        ("", "extra"),
        ("contact", "entities[0].fields[0].fild"),
    ]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "event_configuration"),
        ({"event_configuration": [], "payload": "{}"}, "event_configuration"),
        ({"event_configuration": {}, "format": "json"}, "payload"),
        ({"event_configuration": {}, "payload": 1}, "payload"),
        ({"event_configuration": {}, "payload": []}, "payload"),
        ({"event_configuration": {}, "payload": "{}", "format": "csv"}, "format"),
        ("x", ""),
    ],
)
async def test_a_malformed_request_is_a_400_that_names_the_field(
    erp: httpx.AsyncClient, body: Any, named: str
) -> None:
    answer = await erp.post(PLACE, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert named in answer.json()["message"]


@pytest.mark.parametrize(
    ("expression", "payload", "format_", "code"),
    [
        ("first", "{", "json", "MALFORMED_PAYLOAD"),
        ("first", "", "json", "MALFORMED_PAYLOAD"),
        ("first", "<a>", "xml", "MALFORMED_PAYLOAD"),
        ("first", {"customerId": 1}, "xml", "MALFORMED_PAYLOAD"),
        ("first", "{}", "json", "MISSING_UNIQUE_IDENTIFIERS"),
        ("(", PAYLOAD, "json", "MAPPING_EXPRESSION_FAILED"),
        ("$error('no')", PAYLOAD, "json", "MAPPING_EXPRESSION_FAILED"),
        ("($f := function($n) {$f($n + 1)}; $f(0))", PAYLOAD, "json", None),
    ],
)
async def test_what_cannot_be_mapped_is_a_422_that_says_why(
    erp: httpx.AsyncClient, contacts: Any, expression: str, payload: Any, format_: str, code: Any
) -> None:
    contacts["entities"][0]["fields"][1]["jsonataExpression"] = expression
    body = {"event_configuration": contacts, "format": format_, "payload": payload}

    answer = await erp.post(PLACE, json=body)

    assert answer.status_code == 422
    assert code is None or answer.json()["code"] == code
    assert answer.json()["message"]


async def test_a_configuration_that_cannot_work_is_a_422_with_its_path(
    erp: httpx.AsyncClient,
) -> None:
    body = {"event_configuration": {"entities": [{}]}, "format": "json", "payload": "{}"}

    answer = await erp.post(PLACE, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_CONFIGURATION")
    assert answer.json()["path"] == "entities[0].entity_schema"


async def test_a_payload_larger_than_an_events_is_refused(
    erp: httpx.AsyncClient, contacts: Any
) -> None:
    body = {"event_configuration": contacts, "format": "json", "payload": "x" * 2_000_001}

    answer = await erp.post(PLACE, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "PAYLOAD_TOO_LARGE")


async def test_expressions_that_bring_down_the_sandbox_are_no_fault_of_the_server(
    erp: httpx.AsyncClient, services: Services, contacts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def simulate(*_: Any) -> dict[str, Any]:
        raise SandboxFailed

    monkeypatch.setattr(services.mapper, "simulate", simulate)
    body = {"event_configuration": contacts, "format": "json", "payload": PAYLOAD}

    answer = await erp.post(PLACE, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "SANDBOX_FAILED")
