from __future__ import annotations

from uuid import uuid4

from contract_examples import file_proxy, inbound
from contract_sdk import Sdk


def test_without_a_key_nothing_is_answered(sdk: Sdk) -> None:
    for token in (None, "tl_service_wrong"):
        sdk.erp("listIntegrations", token=token, expect=401)
        sdk.erp("getIntegration", {"integrationId": str(uuid4())}, token=token, expect=401)
        sdk.erp("simulateMappingV2", None, {}, token=token, expect=401)
        sdk.erp("processErpUpdatesEventsV3", None, {}, token=token, expect=401)
        refusal = sdk.entity(
            "searchEntities", None, {"q": "*"}, token=token, expect=401, undocumented=True
        )
        assert refusal.data["status"] == 401


def test_what_does_not_exist_is_not_found(sdk: Sdk) -> None:
    place = {"integrationId": str(uuid4())}
    one = {**place, "useCaseId": str(uuid4())}
    for operation in ("getIntegration", "getIntegrationV2", "deleteIntegration"):
        sdk.erp(operation, place, expect=404)
    sdk.erp("createUseCase", place, inbound(), expect=404)
    sdk.erp("getUseCase", one, expect=404)
    sdk.erp("deleteUseCase", one, expect=404)


def test_an_invalid_integration_is_refused_by_the_name_of_its_field(sdk: Sdk, name: str) -> None:
    for body, field in (
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": name, "description": "x" * 1001}, "description"),
        ({"name": name, "use_cases": [inbound(slug="Not A Slug")]}, "slug"),
        ({"name": name, "use_cases": [inbound(type="telepathy")]}, "type"),
    ):
        refusal = sdk.erp("createIntegrationV2", None, body, expect=400).data
        assert field in refusal["message"], refusal


def test_an_impossible_configuration_is_refused_by_its_path(sdk: Sdk, name: str) -> None:
    broken_expression = inbound()
    fields = broken_expression["configuration"]["entities"][0]["fields"]
    fields.append({"attribute": "x", "jsonataExpression": "1 + "})
    no_steps = file_proxy()
    no_steps["configuration"]["steps"] = []
    for use_case, path in (
        (broken_expression, "entities[0].fields[4]"),
        (no_steps, "steps"),
        (inbound(configuration={"entities": [{"entity_schema": "contact"}]}), "entities[0]"),
    ):
        body = {"name": name, "use_cases": [use_case]}
        refusal = sdk.erp("createIntegrationV2", None, body, expect=400).data
        assert path in refusal["message"], refusal
    assert name not in str(sdk.erp("listIntegrations").data)


def test_a_slug_is_unique_in_its_integration(sdk: Sdk, name: str) -> None:
    body = {"name": name, "use_cases": [inbound()]}
    integration = sdk.erp("createIntegrationV2", None, body, expect=201).data
    place = {"integrationId": integration["id"]}
    sdk.erp("createUseCase", place, inbound(), expect=400)


def test_a_malformed_search_says_where(sdk: Sdk) -> None:
    refusal = sdk.entity(
        "searchEntities", None, {"q": "name:(a AND"}, expect=400, undocumented=True
    ).data
    assert refusal["error"]
