"""Outbound use cases of the ERP integration API, as the published SDK deals with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from contract_delivery import EVENT, a_contact, checked, happen, webhook
from contract_sdk import Sdk
from tests.components.http_protocol import Reply
from tests.components.sink import Sink

_MOST_SECONDS = 30.0
EXPRESSION = '{"customer": contact._id, "name": contact.first_name, "_ack_id": _ack_id}'


@pytest.fixture
def config(sdk: Sdk, sink: Sink) -> Iterator[dict[str, Any]]:
    body = webhook(sink.at("/erp"))
    created = sdk.webhooks("createConfig", None, body, expect=201).data
    yield created
    sdk.webhooks("deleteConfig", {"configId": created["id"]}, expect=204)


@pytest.fixture
def place(
    request: pytest.FixtureRequest, sdk: Sdk, name: str, config: dict[str, Any]
) -> Iterator[dict[str, str]]:
    """An integration with an outbound use case that sends an event to the webhook."""
    event = getattr(request, "param", EVENT)
    mapping = {
        "name": "To the ERP",
        "jsonata_expression": EXPRESSION,
        "enabled": True,
        "delivery": {"type": "webhook", "webhook_id": config["id"]},
    }
    use_case = {
        "type": "outbound",
        "name": "Customers",
        "slug": "customers",
        "enabled": True,
        "configuration": {"event_catalog_event": event, "mappings": [mapping]},
    }
    body = {"name": name, "use_cases": [use_case]}
    created = sdk.erp("createIntegrationV2", None, body, expect=201).data
    found = {"integrationId": created["id"]}
    yield found
    sdk.erp("deleteIntegration", found)


def monitored(sdk: Sdk, place: dict[str, str], count: int, **query: Any) -> list[dict[str, Any]]:
    """The outbound events of an integration once there are so many."""
    until = time.monotonic() + _MOST_SECONDS
    while True:
        page = sdk.erp("queryOutboundMonitoringEvents", place, query).data
        if len(page["data"]) >= count:
            found: list[dict[str, Any]] = page["data"]
            return found
        assert time.monotonic() < until, page


def test_an_event_reaches_the_erp_as_the_mapping_says(
    sdk: Sdk, sink: Sink, config: dict[str, Any], place: dict[str, str]
) -> None:
    contact = a_contact(sdk)
    happen(sdk, contact)

    [request] = sink.wait(1, "/erp")

    body = request.json()
    assert (body["customer"], body["name"]) == (contact["_id"], "Zoë")
    assert checked(sdk, config["signingSecret"], request).schemes == ("v1a", "v1")
    [event] = monitored(sdk, place, 1, status="succeeded", webhook_config_id=config["id"])
    assert (event["event_name"], event["webhook_config_id"]) == (EVENT, config["id"])
    assert event["payload"] == body
    failed = monitored(sdk, place, 0, status="failed", webhook_config_id=config["id"])
    assert failed == []


def test_a_message_is_acknowledged_once(sdk: Sdk, sink: Sink, place: dict[str, str]) -> None:
    happen(sdk, a_contact(sdk))
    [request] = sink.wait(1, "/erp")
    ack = {"ack_id": request.json()["_ack_id"]}

    sdk.erp("acknowledgeTracking", None, ack)

    sdk.erp("acknowledgeTracking", None, ack, expect=404)
    sdk.erp("acknowledgeTracking", None, {"ack_id": "unknown"}, expect=404)
    sdk.erp("acknowledgeTracking", None, {}, expect=400)
    sdk.erp("acknowledgeTracking", None, ack, token=None, expect=401)


def test_the_status_names_each_conflict(
    sdk: Sdk, config: dict[str, Any], place: dict[str, str]
) -> None:
    def status() -> dict[str, Any]:
        [found] = sdk.erp("getOutboundStatus", place).data["useCases"]
        return found  # type: ignore[no-any-return]

    def types() -> list[str]:
        return [conflict["type"] for conflict in status()["conflicts"]]

    def switch(enabled: bool) -> None:
        where = {**place, "useCaseId": well["useCaseId"]}
        sdk.erp("updateUseCase", where, {"type": "outbound", "enabled": enabled})

    well = status()
    assert (well["status"], well["eventEnabled"], well["conflicts"]) == ("ok", True, [])
    assert [each["enabled"] for each in well["webhooks"]] == [True]

    sdk.event_catalog("patchEvent", {"event_name": EVENT}, {"enabled": False})
    assert (status()["status"], types()) == ("conflict", ["event_disabled"])
    sdk.event_catalog("patchEvent", {"event_name": EVENT}, {"enabled": True})

    off = webhook(config["url"], enabled=False)
    sdk.webhooks("updateConfig", {"configId": config["id"]}, off)
    assert types() == ["all_webhooks_disabled"]
    sdk.webhooks("updateConfig", {"configId": config["id"]}, {**off, "enabled": True})

    switch(False)
    assert set(types()) == {"event_enabled_while_disabled", "webhook_enabled_while_disabled"}
    switch(True)
    assert status()["status"] == "ok"
    sdk.erp("getOutboundStatus", {"integrationId": str(uuid4())}, expect=404)


# Events of the same name belong to each integration that takes them. This one happens only here,
# but webhooks of others on the same server may hear of all events.
@pytest.mark.parametrize("place", ["InstallmentUpdated"], indirect=True)
def test_outbound_events_are_paged_and_counted(
    sdk: Sdk, sink: Sink, config: dict[str, Any], place: dict[str, str]
) -> None:
    own = {"limit": 2, "webhook_config_id": config["id"]}
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    sink.answer("/erp", Reply(), Reply(500, headers={"retry-after": "3600"}), Reply())
    attributes = {"contract_number": "V-1"}
    contract = sdk.entity("createEntity", {"slug": "contract"}, attributes, expect=201).data
    wanted = {"seed": {"entity_id": contract["_id"], "node_id": "contract"}}
    for count in range(3):
        event = {"event_name": "InstallmentUpdated"}
        sdk.event_catalog("triggerEvent", event, wanted)
        sink.wait(count + 1, "/erp")
    monitored(sdk, place, 2, status="succeeded", webhook_config_id=config["id"])

    first = sdk.erp("queryOutboundMonitoringEvents", place, own).data
    rest = sdk.erp(
        "queryOutboundMonitoringEvents", place, {**own, "cursor": first["next_cursor"]}
    ).data

    assert first["has_more"] is True
    assert rest["has_more"] is False
    statuses = [event["status"] for event in first["data"] + rest["data"]]
    assert statuses == ["succeeded", "pending", "succeeded"]
    asked = {"from_date": since, "outbound_group_by": ["webhook_config_id"]}
    stats = sdk.erp("getMonitoringStats", place, asked).data["outbound"]
    [mine] = [each for each in stats["breakdown"] if each["webhook_config_id"] == config["id"]]
    assert (mine["total_events"], mine["success_count"], mine["pending_count"]) == (3, 2, 1)
    assert stats["total_events"] == sum(each["total_events"] for each in stats["breakdown"])
    series = {"from_date": since, "interval": "1h", "direction": "outbound"}
    buckets = sdk.erp("getMonitoringTimeSeries", place, series).data["buckets"]
    counted = sum(bucket["outbound"]["total_count"] for bucket in buckets)
    assert counted == stats["total_events"]


def step(sdk: Sdk, config: dict[str, Any], **different: Any) -> dict[str, Any]:
    """The step of an automation about a contact that was just created."""
    contact = a_contact(sdk)
    feed = sdk.entity("getEntityActivityFeed", {"slug": "contact", "id": contact["_id"]}).data[
        "results"
    ]
    usual = {
        "execution_id": str(uuid4()),
        "org_id": "default",
        "webhook_id": config["id"],
        "flow_id": str(uuid4()),
        "created_at": "2026-01-31T08:30:00Z",
        "action_id": str(uuid4()),
        "flow_action_id": str(uuid4()),
        "flow_name": "Tell the ERP",
        "activity_id": feed[0]["_id"],
        "entity_id": contact["_id"],
    }
    return usual | different


def test_an_automation_tells_the_erp_and_learns_what_came_of_it(
    sdk: Sdk, sink: Sink, config: dict[str, Any]
) -> None:
    sink.answer("/erp", Reply.of({"stored": True}), Reply(500))
    wanted = step(sdk, config)

    done = sdk.erp("triggerErp", None, wanted).data
    failed = sdk.erp("triggerErp", None, wanted).data

    body = sink.received("/erp")[0].json()
    assert (done["status"], done["status_code"], done["body"]) == (
        *("succeeded", "200", {"stored": True}),
    )
    assert body["entity"]["_id"] == wanted["entity_id"]
    assert body["metadata"]["execution_id"] == wanted["execution_id"]
    assert body["metadata"]["automation_name"] == "Tell the ERP"
    assert (failed["status"], failed["status_code"]) == ("failed", "500")


@pytest.mark.parametrize("field", ["entity_id", "activity_id", "webhook_id", "created_at"])
def test_an_impossible_step_is_refused_by_the_name_of_its_field(
    sdk: Sdk, config: dict[str, Any], field: str
) -> None:
    wanted = step(sdk, config)
    del wanted[field]
    assert field in sdk.erp("triggerErp", None, wanted, expect=400).data["message"]
    refusal = sdk.erp("triggerErp", None, {**wanted, field: "?"}, expect=400).data
    assert field in refusal["message"]
