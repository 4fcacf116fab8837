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


DOCUMENTS = "/v1/erp/updates/mapping_simulation"


def document(configuration: Any) -> dict[str, Any]:
    return {"version": "2.0", "mapping": {"events": {"Changed": configuration}}}


async def test_a_document_can_be_tried_for_one_of_its_events(
    erp: httpx.AsyncClient, contacts: Any
) -> None:
    body = {"mapping_configuration": document(contacts), "object_type": "Changed"}

    older = await erp.post(DOCUMENTS, json={**body, "payload": PAYLOAD})
    newer = await erp.post(PLACE, json={"event_configuration": contacts, "payload": PAYLOAD})

    assert older.status_code == 200
    assert older.json() == newer.json()


async def test_a_document_of_the_older_format_can_be_tried(erp: httpx.AsyncClient) -> None:
    partner = {
        "unique_ids": {"contact": {"customerId": "customer_number"}},
        "fields": [
            {"entity": "contact", "attribute": "name", "field": "last"},
            {"entity": "contact", "attribute": "customer_number", "field": "first"},
        ],
        "extra": 1,
    }
    body = {
        "mapping_configuration": {"mapping": {"objects": {"partner": partner}}},
        "object_type": "partner",
        "payload": PAYLOAD,
    }

    answer = (await erp.post(DOCUMENTS, json=body)).json()

    assert answer["entity_updates"] == [
        {
            "entity_slug": "contact",
            "unique_identifiers": {"customer_number": 4711},
            "attributes": {"customer_number": 4711, "name": "Lovelace"},
        }
    ]
    place = "mapping_configuration.mapping.objects.partner"
    assert [warning["field"] for warning in answer["warnings"]] == [
        f"{place}.extra",
        f"{place}.fields[1].attribute",
    ]


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"object_type": "Other"}, 422, "object_type"),
        ({"mapping_configuration": {"version": "9"}}, 422, "mapping_configuration.version"),
        ({"object_type": None}, 400, None),
        ({"mapping_configuration": []}, 400, None),
        ({"payload": 5}, 400, None),
    ],
)
async def test_a_document_that_cannot_be_tried_is_refused_with_its_place(
    erp: httpx.AsyncClient, contacts: Any, change: Any, status: int, place: str | None
) -> None:
    body = {
        "mapping_configuration": document(contacts),
        "object_type": "Changed",
        "payload": PAYLOAD,
        **change,
    }

    answer = await erp.post(DOCUMENTS, json=body)

    assert answer.status_code == status
    assert place is None or answer.json()["path"] == place
    assert (place or next(iter(change))) in answer.json()["message"]


async def test_faults_and_warnings_are_named_where_they_stand_in_the_document(
    erp: httpx.AsyncClient, contacts: Any
) -> None:
    root = "mapping_configuration.mapping.events.Changed"
    body = {"mapping_configuration": document(contacts), "object_type": "Changed"}
    contacts["entities"][0]["fields"][0]["fild"] = contacts["extra"] = 1

    warnings = (await erp.post(DOCUMENTS, json={**body, "payload": PAYLOAD})).json()["warnings"]
    missing = (await erp.post(DOCUMENTS, json={**body, "payload": {}})).json()
    del contacts["entities"][0]["unique_ids"]
    unusable = (await erp.post(DOCUMENTS, json={**body, "payload": PAYLOAD})).json()

    assert [(warning["entity_schema"], warning["field"]) for warning in warnings] == [
        ("", f"{root}.extra"),
        ("contact", f"{root}.entities[0].fields[0].fild"),
    ]
    assert all(warning["message"].startswith(warning["field"]) for warning in warnings)
    assert (missing["code"], missing["path"]) == (
        "MISSING_UNIQUE_IDENTIFIERS",
        f"{root}.entities[0]",
    )
    assert f"{root}.entities[0].fields" in missing["message"]
    assert (unusable["code"], unusable["path"]) == (
        "INVALID_CONFIGURATION",
        f"{root}.entities[0].unique_ids",
    )


async def test_what_would_be_pruned_is_shown(erp: httpx.AsyncClient, contacts: Any) -> None:
    block = contacts["entities"][0]
    block["jsonataExpression"] = "contacts"
    block["mode"] = "upsert-prune-scope-delete"
    block["scope"] = {
        "scope_mode": "query",
        "query": [{"attribute": "branch", "field": "branch"}],
    }

    def send(payload: Any) -> Any:
        return erp.post(PLACE, json={"event_configuration": contacts, "payload": payload})

    shown = (await send({"branch": 7, "contacts": []})).json()
    refused = await send({"contacts": []})

    assert shown["prune_scopes"] == [
        {
            "entity_slug": "contact",
            "mode": "delete",
            "scope_mode": "query",
            "unique_identifiers": {"branch": 7},
        }
    ]
    assert refused.status_code == 422
    assert refused.json()["code"] == "MISSING_UNIQUE_IDENTIFIERS"
    assert refused.json()["path"] == "entities[0].scope.query[0]"


async def test_a_reference_without_a_value_is_explained(
    erp: httpx.AsyncClient, contacts: Any
) -> None:
    item = {
        "entity_schema": "contact",
        "unique_ids": [{"attribute": "customer_number", "constant": 1}],
        "path": "address",
        "value": {"attribute": "address", "operation": "_append", "field": "address"},
    }
    refs = {"operation": "_set", "items": [item]}
    contacts["entities"][0]["fields"].append({"attribute": "home", "relation_refs": refs})

    answer = await erp.post(PLACE, json={"event_configuration": contacts, "payload": PAYLOAD})

    assert (answer.status_code, answer.json()["code"]) == (422, "RELATION_REF_VALUE_UNDEFINED")
    assert answer.json()["path"] == "entities[0].fields[2].relation_refs.items[0].value"
