from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from contract_examples import event, inbound, outcome_of
from contract_sdk import Sdk


@pytest.fixture
def integration(sdk: Sdk, name: str, slug: str) -> dict[str, Any]:
    body = {"name": name, "use_cases": [inbound(slug)]}
    created: dict[str, Any] = sdk.erp("createIntegrationV2", None, body, expect=201).data
    return created


@pytest.fixture
def place(integration: dict[str, Any]) -> dict[str, str]:
    return {"integrationId": integration["id"]}


def post(sdk: Sdk, place: dict[str, str], *events: dict[str, object]) -> list[str]:
    body = {
        "integration_id": place["integrationId"],
        "correlation_id": "run-1",
        "events": list(events),
    }
    results = sdk.erp("processErpUpdatesEventsV3", None, body).data["results"]
    return [result["event_id"] for result in results]


def test_stored_events_are_filtered_and_paged(sdk: Sdk, place: dict[str, str]) -> None:
    sent = post(sdk, place, *(event({"number": str(n)}) for n in range(3)))
    xml = event("<a>1</a>", format="xml", event_name="Other", deduplication_id=uuid4().hex)
    (other,) = post(sdk, place, xml)

    (found,) = sdk.erp("queryEvents", place, {"event_name": "Other"}).data["data"]
    assert (found["event_id"], found["payload"]) == (other, "<a>1</a>")
    assert (found["format"], found["correlation_id"]) == ("xml", "run-1")
    assert found["deduplication_id"] == xml["deduplication_id"]

    seen: list[str] = []
    query: dict[str, object] = {"limit": 2, "object_type": "customer"}
    while True:
        page = sdk.erp("queryEvents", place, query).data
        seen.extend(stored["event_id"] for stored in page["data"])
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted(sent)
    assert page["next_cursor"] is None


def test_a_failed_event_is_replayed_after_the_mapping_was_corrected(
    sdk: Sdk, integration: dict[str, Any], place: dict[str, str], slug: str
) -> None:
    (use_case,) = integration["use_cases"]
    one = {**place, "useCaseId": use_case["id"]}
    right = use_case["configuration"]
    wrong = inbound(slug)["configuration"]
    wrong["entities"][0]["fields"][0]["field"] = "misspelt"
    sdk.erp("updateUseCase", one, {"type": "inbound", "configuration": wrong})
    (failed,) = post(sdk, place, event({"number": "R-1", "name": "Ann"}))
    assert outcome_of(sdk, place["integrationId"], failed)["status"] == "error"
    sdk.erp("updateUseCase", one, {"type": "inbound", "configuration": right})

    answer = sdk.erp("replayEvents", place, {"event_ids": [failed, "gone"]}).data

    assert answer["event_ids"] == [failed, "gone"]
    assert answer["replayed"] == 1
    replayed, gone = answer["results"]
    assert (replayed["event_id"], replayed["status"]) == (failed, "queued")
    assert (gone["event_id"], gone["status"]) == ("gone", "not_found")
    outcome = outcome_of(sdk, place["integrationId"], replayed["replay_event_id"])
    assert outcome["status"] == "success"
    assert outcome["correlation_id"].startswith("replay_")
    (entity,) = sdk.entity("searchEntities", None, {"q": f"_schema:{slug}"}).data["results"]
    assert entity["name"] == "Ann"


def test_what_cannot_be_asked_is_refused(sdk: Sdk, place: dict[str, str]) -> None:
    sdk.erp("queryEvents", place, {"limit": 26}, expect=400)
    sdk.erp("queryEvents", place, {"event_type": "TRIGGER"}, expect=400)
    sdk.erp("replayEvents", place, {"event_ids": []}, expect=400)
    sdk.erp("replayEvents", place, {"event_ids": ["e"] * 101}, expect=400)
    unknown = {"integrationId": str(uuid4())}
    sdk.erp("queryEvents", unknown, {}, expect=404)
    sdk.erp("replayEvents", unknown, {"event_ids": ["e"]}, expect=404)
    for operation in ("queryEvents", "replayEvents"):
        sdk.erp(operation, place, {"event_ids": ["e"]}, token=None, expect=401)
