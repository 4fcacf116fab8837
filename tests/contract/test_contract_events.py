from __future__ import annotations

from uuid import uuid4

import pytest
from contract_examples import event, inbound, outcome_of
from contract_sdk import Sdk


@pytest.fixture
def integration(sdk: Sdk, name: str, slug: str) -> str:
    body = {"name": name, "use_cases": [inbound(slug)]}
    created = sdk.erp("createIntegrationV2", None, body, expect=201).data
    return str(created["id"])


def post(sdk: Sdk, integration: str, *events: dict[str, object]) -> list[dict[str, str]]:
    body = {"integration_id": integration, "correlation_id": "run-1", "events": list(events)}
    results: list[dict[str, str]] = sdk.erp("processErpUpdatesEventsV3", None, body).data["results"]
    return results


def test_an_event_becomes_an_entity_with_its_relation(
    sdk: Sdk, integration: str, slug: str
) -> None:
    payload = {"number": "C-1", "name": "Süß & Söhne", "account": "A-1"}
    (result,) = post(sdk, integration, event(payload))
    assert result["status"] == "success"
    outcome = outcome_of(sdk, integration, result["event_id"])
    assert (outcome["status"], outcome["correlation_id"]) == ("success", "run-1")

    found = sdk.entity("searchEntities", None, {"q": f'_schema:{slug} AND number:"C-1"'}).data
    assert found["hits"] == 1
    (entity,) = found["results"]
    assert (entity["name"], entity["source"]) == ("Süß & Söhne", "ERP")
    (link,) = entity["account"]["$relation"]
    assert link["_tags"] == ["PAYER"]
    account = sdk.entity("getEntityV2", {"slug": f"{slug}_account", "id": link["entity_id"]}).data
    assert account["external_id"] == "A-1"

    place = {"slug": slug, "id": entity["_id"]}
    feed = sdk.entity("getEntityActivityFeed", place).data
    assert feed["total"] >= 1
    operations = [o for item in feed["results"] for o in item.get("operations", ())]
    (created,) = [o for o in operations if o["entity"] == entity["_id"]]
    assert created["operation"] == "createEntity"
    assert created["payload"]["name"] == "Süß & Söhne"


def test_xml_is_taken_as_well(sdk: Sdk, name: str, slug: str) -> None:
    use_case = inbound(slug)
    use_case["configuration"]["entities"][0]["jsonataExpression"] = "Customer"
    body = {"name": name, "use_cases": [use_case]}
    integration = sdk.erp("createIntegrationV2", None, body, expect=201).data["id"]
    xml = "<Customer><number>X-1</number><name>Ärzte &amp; Co.</name></Customer>"
    (result,) = post(sdk, integration, event(xml, format="xml"))
    assert outcome_of(sdk, integration, result["event_id"])["status"] == "success"
    (entity,) = sdk.entity("searchEntities", None, {"q": f"_schema:{slug}"}).data["results"]
    assert (entity["number"], entity["name"]) == ("X-1", "Ärzte & Co.")


def test_each_event_of_a_request_gets_its_own_answer(sdk: Sdk, integration: str) -> None:
    twice = {"deduplication_id": uuid4().hex}
    results = post(
        sdk,
        integration,
        event({"number": "1"}, **twice),
        event({"number": "1"}, **twice),
        event({"number": "2"}, use_case_slug="nobody-takes-it"),
        event('{"number": 3', event_name="customer"),
    )
    assert [r["status"] for r in results] == ["success", "skipped", "ignored", "success"]
    failed = outcome_of(sdk, integration, results[3]["event_id"])
    assert (failed["status"], failed["error_code"]) == ("error", "MALFORMED_PAYLOAD")
    assert failed["error_category"] == "validation"
    assert failed["error_message"]


def test_outcomes_are_filtered_and_paged(sdk: Sdk, integration: str) -> None:
    events = [event({"number": str(n)}) for n in range(5)] + [event({"name": "without"})]
    results = post(sdk, integration, *events)
    outcome_of(sdk, integration, results[-1]["event_id"])
    place = {"integrationId": integration}

    failed = sdk.erp("queryInboundMonitoringEvents", place, {"status": "error"}).data
    assert [o["event_id"] for o in failed["data"]] == [results[-1]["event_id"]]
    assert not failed["has_more"]

    seen: list[str] = []
    query: dict[str, object] = {"limit": 2, "status": "success"}
    while True:
        page = sdk.erp("queryInboundMonitoringEvents", place, query).data
        seen.extend(outcome["event_id"] for outcome in page["data"])
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted(r["event_id"] for r in results[:-1])
    assert len(set(seen)) == 5


def test_a_request_that_is_no_list_of_events_is_refused(sdk: Sdk, integration: str) -> None:
    sdk.erp("processErpUpdatesEventsV3", None, {"integration_id": integration}, expect=400)
    sdk.erp("processErpUpdatesEventsV3", None, {"integration_id": "x", "events": []}, expect=400)
    sdk.erp(
        "queryInboundMonitoringEvents", {"integrationId": integration}, {"limit": 1000}, expect=400
    )


def test_monitoring_of_an_unknown_integration_is_not_found(sdk: Sdk) -> None:
    sdk.erp("queryInboundMonitoringEvents", {"integrationId": str(uuid4())}, {}, expect=404)
