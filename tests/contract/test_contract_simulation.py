from __future__ import annotations

from typing import Any

from contract_sdk import Sdk


def test_every_published_example_is_simulated(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMappingV2")
    assert len(examples) >= 4
    for example, request in examples.items():
        simulated = sdk.erp("simulateMappingV2", None, request).data
        wanted = [e["entity_schema"] for e in request["event_configuration"]["entities"]]
        assert {update["entity_slug"] for update in simulated["entity_updates"]} == set(wanted), (
            example
        )
        for update in simulated["entity_updates"]:
            assert update["unique_identifiers"].items() <= update["attributes"].items(), example


def test_published_examples_give_the_values_of_their_payloads(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMappingV2")

    def updates(name: str) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = sdk.erp("simulateMappingV2", None, examples[name]).data[
            "entity_updates"
        ]
        return answer

    (simple,) = updates("simple")
    assert simple["attributes"] == {
        "customer_number": "12345",
        "first_name": "Anna",
        "last_name": "Schmidt",
        "email": "anna@example.com",
        "source": "ERP",
    }
    contract, *meters = updates("advanced_with_relations")
    assert contract["attributes"]["billing_account"] == {
        "$relation": {
            "_set": [
                {
                    "$entity_unique_ids": {"external_id": "ACC-999"},
                    "_schema": "billing_account",
                    "_tags": ["PRIMARY"],
                }
            ]
        }
    }
    assert [meter["unique_identifiers"] for meter in meters] == [
        {"meter_number": "M-001"},
        {"meter_number": "M-002"},
    ]
    (conditional,) = updates("conditional_fields")
    assert "phone" not in conditional["attributes"]
    assert conditional["attributes"]["vip_status"] == "VIP"


def test_a_published_meter_reading_is_simulated(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMappingV2")
    answer = sdk.erp("simulateMappingV2", None, examples["with_meter_readings"]).data
    (reading,) = answer["meter_readings_updates"]
    assert reading["meter"] == {"$entity_unique_ids": {"external_id": "M-001"}}
    assert reading["attributes"]["value"] == 12345.6


def test_a_mapping_that_cannot_work_is_explained(sdk: Sdk) -> None:
    def simulate(payload: str, **field: Any) -> dict[str, Any]:
        fields = [{"attribute": "id", "field": "id"}, {"attribute": "x", **field}]
        entity = {"entity_schema": "contact", "unique_ids": ["id"], "fields": fields}
        request = {
            "event_configuration": {"entities": [entity]},
            "format": "json",
            "payload": payload,
        }
        refusal: dict[str, Any] = sdk.erp("simulateMappingV2", None, request, expect=422).data
        return refusal

    assert simulate('{"id": 1', constant=1)["code"] == "MALFORMED_PAYLOAD"
    assert simulate("{}", constant=1)["code"] == "MISSING_UNIQUE_IDENTIFIERS"
    failed = simulate('{"id": 1}', jsonataExpression='$number("many")')
    assert failed["code"] == "MAPPING_EXPRESSION_FAILED"
    assert "x" in failed["message"]
    assert simulate('{"id": 1}', jsonataExpression="1 +")["message"]


def test_a_request_without_a_configuration_is_refused(sdk: Sdk) -> None:
    sdk.erp("simulateMappingV2", None, {"format": "json", "payload": "{}"}, expect=400)
