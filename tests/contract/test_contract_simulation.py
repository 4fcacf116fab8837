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


def test_every_published_document_is_simulated(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMapping")
    assert len(examples) >= 5
    for example, request in examples.items():
        simulated = sdk.erp("simulateMapping", None, request).data
        assert simulated["entity_updates"], example
        for update in simulated["entity_updates"]:
            assert update["unique_identifiers"].items() <= update["attributes"].items(), example


def test_a_published_document_of_the_older_format_gives_the_values_of_its_payload(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMapping")
    (update,) = sdk.erp("simulateMapping", None, examples["v1_example"]).data["entity_updates"]
    assert update == {
        "entity_slug": "contact",
        "unique_identifiers": {"_id": "BP10001"},
        "attributes": {"_id": "BP10001", "first_name": "John", "last_name": "Doe"},
    }


def test_both_simulations_say_the_same(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMappingV2")
    for example, request in examples.items():
        document = {
            "version": "2.0",
            "mapping": {"events": {"Changed": request["event_configuration"]}},
        }
        older = {
            "mapping_configuration": document,
            "object_type": "Changed",
            "format": request["format"],
            "payload": request["payload"],
        }
        answer = sdk.erp("simulateMapping", None, older).data
        assert answer == sdk.erp("simulateMappingV2", None, request).data, example


def test_an_unknown_type_of_object_is_told_the_known_ones(sdk: Sdk) -> None:
    examples = sdk.definitions["erpIntegration"].request_examples("simulateMapping")
    request = {**examples["v2_simple"], "object_type": "Nothing"}
    refusal = sdk.erp("simulateMapping", None, request, expect=422).data
    assert refusal["code"] == "INVALID_CONFIGURATION"
    assert '"CustomerChanged"' in refusal["message"]


def test_pruning_references_and_file_addresses_are_simulated(sdk: Sdk) -> None:
    contact = {"attribute": "customer_number", "field": "$$.customer"}
    contracts = {
        "entity_schema": "contract",
        "unique_ids": ["number"],
        "jsonataExpression": "contracts",
        "mode": "upsert-prune-scope-purge",
        "scope": {"scope_mode": "relations", "schema": "contact", "unique_ids": [contact]},
        "fields": [
            {"attribute": "number", "field": "no"},
            {"attribute": "file", "file_proxy_url": {"use_case_slug": "files"}},
            {
                "attribute": "delivery_address",
                "relation_refs": {
                    "operation": "_set",
                    "items": [
                        {
                            "entity_schema": "contact",
                            "unique_ids": [contact],
                            "path": "address",
                            "value": {
                                "attribute": "address",
                                "operation": "_append",
                                "jsonataExpression": "{'street': street}",
                            },
                        }
                    ],
                },
            },
        ],
    }

    def simulate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        request = {
            "event_configuration": {"entities": [contracts]},
            "format": "json",
            "payload": {"customer": "C1", "contracts": rows},
        }
        answer: dict[str, Any] = sdk.erp("simulateMappingV2", None, request).data
        return answer

    nothing = simulate([])
    assert nothing["entity_updates"] == []
    assert nothing["prune_scopes"] == [
        {
            "entity_slug": "contract",
            "mode": "purge",
            "scope_mode": "relations",
            "schema": "contact",
            "unique_identifiers": {"customer_number": "C1"},
        }
    ]
    (update,) = simulate([{"no": 1, "street": "Main St"}])["entity_updates"]
    assert set(update["attributes"]) == {"number", "delivery_address"}
    (reference,) = update["attributes"]["delivery_address"]["$relation_ref"]["_set"]
    assert reference["$entity_unique_ids"] == {"customer_number": "C1"}
    assert reference["value"]["value"] == {"street": "Main St"}
