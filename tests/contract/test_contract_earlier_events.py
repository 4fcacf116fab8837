from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from contract_examples import event, inbound, outcome_of
from contract_sdk import Sdk


@pytest.fixture
def integration(sdk: Sdk, name: str, slug: str) -> str:
    body = {"name": name, "use_cases": [inbound(slug)]}
    created = sdk.erp("createIntegrationV2", None, body, expect=201).data
    return str(created["id"])


@pytest.fixture
def component(sdk: Sdk, integration: str) -> dict[str, str]:
    """A component of an application that belongs to the integration."""
    ids = {"app_id": str(uuid4()), "component_id": str(uuid4())}
    answer = sdk.erp("setIntegrationAppMapping", {"integrationId": integration}, ids).data
    assert answer == {"integration_id": integration}
    return ids


def earlier(payload: Any, **more: Any) -> dict[str, Any]:
    """An event as versions 1 and 2 have it."""
    sent = event(payload, event_type="UPDATE", object_type="customer", **more)
    del sent["use_case_slug"]
    return sent


def number_of(sdk: Sdk, slug: str, number: str) -> Any:
    found = sdk.entity("searchEntities", None, {"q": f'_schema:{slug} AND number:"{number}"'}).data
    return [entity["name"] for entity in found["results"]]


def test_version_1_finds_the_integration_by_its_component(
    sdk: Sdk, integration: str, component: dict[str, str], slug: str
) -> None:
    body = {
        **component,
        "meta": {"correlation_id": "night-1"},
        "events": [earlier({"number": "1", "name": "One"}), earlier({"number": 2}, format="csv")],
    }
    accepted, refused = sdk.erp("processErpUpdatesEvents", None, body).data["results"]

    assert [accepted["status"], refused["status"]] == ["success", "error"]
    outcome = outcome_of(sdk, integration, accepted["event_id"], sync_type="entity")
    assert (outcome["status"], outcome["correlation_id"]) == ("success", "night-1")
    assert number_of(sdk, slug, "1") == ["One"]


def test_version_2_names_the_integration(sdk: Sdk, integration: str, slug: str) -> None:
    body = {
        "integration_id": integration,
        "correlation_id": "night-2",
        "events": [
            earlier({"number": "2", "name": "Two"}, deduplication_id="two"),
            earlier({"number": "2", "name": "Again"}, deduplication_id="two"),
            earlier({"number": "2"}) | {"object_type": "nobody"},
        ],
    }
    results = sdk.erp("processErpUpdatesEventsV2", None, body).data["results"]

    assert [r["status"] for r in results] == ["success", "skipped", "ignored"]
    outcome = outcome_of(sdk, integration, results[0]["event_id"], sync_type="entity")
    assert (outcome["status"], outcome["event_type"]) == ("success", "UPDATE")
    assert number_of(sdk, slug, "2") == ["Two"]
    noted = outcome_of(sdk, integration, results[0]["event_id"], sync_type="api_deprecation")
    assert (noted["status"], noted["error_code"]) == ("warning", "DEPRECATED_ENDPOINT")


def test_the_published_examples_are_understood(
    sdk: Sdk, integration: str, component: dict[str, str]
) -> None:
    for operation, address in (
        ("processErpUpdatesEvents", component),
        ("processErpUpdatesEventsV2", {"integration_id": integration}),
    ):
        [example] = sdk.definitions["erpIntegration"].request_examples(operation).values()
        results = sdk.erp(operation, None, {**example, **address}).data["results"]
        assert {result["status"] for result in results} <= {"ignored"}, operation


def test_requests_without_a_known_addressee_are_refused(sdk: Sdk, integration: str) -> None:
    unknown = {"app_id": str(uuid4()), "component_id": str(uuid4()), "meta": {}, "events": []}
    refused = sdk.erp("processErpUpdatesEvents", None, unknown, expect=400).data
    assert refused["code"] == "APP_NOT_MAPPED"
    sdk.erp("processErpUpdatesEvents", None, {"events": []}, expect=400)
    sdk.erp("processErpUpdatesEventsV2", None, {"integration_id": integration}, expect=400)
    sdk.erp("processErpUpdatesEvents", None, unknown, expect=401, token=None)


def test_a_component_belongs_to_one_integration(
    sdk: Sdk, integration: str, component: dict[str, str], name: str
) -> None:
    other = sdk.erp("createIntegration", None, {"name": f"{name} 2"}, expect=201).data["id"]
    here, there = {"integrationId": integration}, {"integrationId": other}

    taken = sdk.erp("setIntegrationAppMapping", there, component, expect=409).data
    assert taken["code"] == "APP_MAPPING_EXISTS"
    moved = {**component, "overwrite": True}
    assert sdk.erp("setIntegrationAppMapping", there, moved).data == {"integration_id": other}
    nowhere = {"integrationId": str(uuid4())}
    sdk.erp("setIntegrationAppMapping", nowhere, component, expect=404, undocumented=True)
    sdk.erp("setIntegrationAppMapping", here, {"app_id": "x"}, expect=400)

    sdk.erp("deleteIntegrationAppMapping", here, component, expect=404, undocumented=True)
    assert sdk.erp("deleteIntegrationAppMapping", there, component).data["message"]
    sdk.erp("deleteIntegrationAppMapping", there, component, expect=404, undocumented=True)
    sdk.erp("deleteIntegrationAppMapping", there, {}, expect=400)
