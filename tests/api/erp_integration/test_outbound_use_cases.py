"""An entity changes, and what an ERP is to know of it arrives there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.erp_integration.outbound_making import (
    CONFIGS,
    deliveries,
    made,
    mapping,
    new_entity,
    new_integration,
    new_use_case,
    new_webhook,
    outbound,
)
from tests.components.sink import Sink

from tieline.kit import json
from tieline.outbound.publishing import loading, publisher


async def test_a_change_is_mapped_and_delivered(client: httpx.AsyncClient, sink: Sink) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    expression = "{'id': entity._id, 'number': entity.number, 'ack': _ack_id}"
    use_case = await new_use_case(client, integration_id, outbound(mapping(webhook, expression)))
    assert "warnings" not in use_case

    entity = await new_entity(client, number="C-1", amount=12.50)

    [request] = await sink.wait_for(1, "/sap")
    body = json.loads(request.body)
    assert {**body, "ack": ""} == {"id": entity["_id"], "number": "C-1", "ack": ""}
    assert request.header("webhook-signature")
    [delivery] = await deliveries(client, integration_id, 1)
    assert delivery["status"] == "succeeded"
    assert delivery["payload"] == body
    assert delivery["event_name"] == "EntityCreated"
    assert delivery["webhook_config_id"] == webhook["id"]
    assert delivery["http_response"] == {"status_code": 200}
    context = delivery["execution_context"]
    assert context["use_case_id"] == use_case["id"]
    assert context["mapping_id"] == use_case["configuration"]["mappings"][0]["id"]
    assert context["entity_id"] == entity["_id"]
    acknowledged = await client.post(
        "/erp-integration/v1/erp/tracking/acknowledgement", json={"ack_id": body["ack"]}
    )
    assert acknowledged.status_code == 200


async def test_each_enabled_mapping_makes_a_delivery(client: httpx.AsyncClient, sink: Sink) -> None:
    integration_id = await new_integration(client)
    first = await new_webhook(client, sink.at("/first"))
    second = await new_webhook(client, sink.at("/second"))
    body = outbound(
        mapping(first, "{'to': 'first', 'ack': _ack_id}"),
        mapping(second, "{'to': 'second', 'ack': _ack_id}", name="to the archive"),
        mapping(first, "{'to': 'nobody'}", name="off", enabled=False),
    )
    await new_use_case(client, integration_id, body)
    await new_use_case(
        client, integration_id, outbound(mapping(first), name="Another", enabled=False)
    )

    await new_entity(client, number="C-2")

    found = await deliveries(client, integration_id, 2)
    payloads = [each["payload"] for each in found]
    assert sorted(each["to"] for each in payloads) == ["first", "second"]
    assert payloads[0]["ack"] != payloads[1]["ack"], "each receiver acknowledges its own"
    assert len(sink.requests) == 2


async def test_a_webhook_that_a_mapping_names_gets_the_event_only_once(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    named = await new_webhook(client, sink.at("/named"), eventName="EntityCreated")
    await new_webhook(client, sink.at("/subscribed"), eventName="EntityCreated")
    await new_use_case(client, integration_id, outbound(mapping(named, "{'mapped': true}")))

    entity = await new_entity(client, number="C-3")

    await sink.wait_for(2)
    [mapped] = sink.received("/named")
    assert json.loads(mapped.body) == {"mapped": True}
    [plain] = sink.received("/subscribed")
    message = json.loads(plain.body)
    assert message["entity"]["_id"] == entity["_id"]
    assert message["_event_name"] == "EntityCreated"
    assert "_ack_id" not in message, "nobody waits for this one"
    assert message["metadata"]["webhook_name"] == "To SAP"
    # The delivery of the subscription belongs to the integration by the name of its event.
    found = await deliveries(client, integration_id, 2)
    assert {each["webhook_config_id"] for each in found} == {
        named["id"],
        message["metadata"]["webhook_id"],
    }


async def test_a_message_holds_what_the_webhook_asks_for(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    everything = {
        "hydrate_entity": True,
        "include_relations": True,
        "include_activity": True,
        "include_changed_attributes": True,
    }
    await new_webhook(
        client,
        sink.at("/all"),
        eventName="EntityUpdated",
        payloadConfiguration=everything,
        filter={"keyToFilter": "entity._schema", "supportedValues": ["contract"]},
    )
    customer = await new_entity(client, "contact", full_name="Anna Schmidt")
    reference = {"$relation": [{"entity_id": customer["_id"], "_tags": ["PRIMARY"]}]}
    contract = await new_entity(client, number="C-4", customer=reference)

    path = f"/entity/v1/entity/contract/{contract['_id']}"
    await client.patch(path, json={"number": "C-5", "note": "moved"})

    [request] = await sink.wait_for(1, "/all")
    message = json.loads(request.body)
    [related] = message["relations"]
    assert related["full_name"] == "Anna Schmidt"
    assert related["$relation"]["attribute"] == "customer"
    assert message["entity"]["number"] == "C-5"
    assert message["entity"]["customer"][0]["full_name"] == "Anna Schmidt"
    assert message["activity"]["type"] == "EntityUpdated"
    assert message["changed_attributes"] == {
        "added": {"note": "moved"},
        "deleted": {},
        "updated": {"number": "C-4"},
    }
    metadata = message["metadata"]
    assert metadata["action"] == "updateEntity"
    assert metadata["organization_id"] == message["_org_id"]
    assert metadata["correlation_id"] == message["_event_id"]


async def test_the_correlation_id_of_an_erp_event_goes_all_the_way(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    await new_use_case(
        client, integration_id, outbound(mapping(webhook, "metadata.correlation_id"))
    )
    configuration = {
        "entities": [
            {
                "entity_schema": "contact",
                "unique_ids": ["number"],
                "fields": [{"attribute": "number", "field": "id"}],
            }
        ]
    }
    inbound = {
        "name": "Customers",
        "slug": "customers",
        "type": "inbound",
        "enabled": True,
        "configuration": configuration,
    }
    await new_use_case(client, integration_id, inbound)
    event = {
        "use_case_slug": "customers",
        "timestamp": "2026-01-31T08:00:00Z",
        "payload": {"id": "7"},
    }

    await made(
        client,
        "/erp-integration/v3/erp/updates/events",
        {"integration_id": integration_id, "correlation_id": "from-sap", "events": [event]},
    )

    [request] = await sink.wait_for(1, "/sap")
    assert json.loads(request.body) == "from-sap"
    [delivery] = await deliveries(client, integration_id, 1)
    assert delivery["payload"] == {"value": "from-sap"}
    assert delivery["execution_context"]["correlation_id"] == "from-sap"


@pytest.mark.parametrize(
    ("expression", "status", "code", "words"),
    [
        ("$error('no')", "failed", "MAPPING_EXPRESSION_FAILED", 'mapping "to SAP": '),
        ("nothing.here", "skipped", "NOTHING_TO_SEND", "yields nothing"),
        ("$join([1..500000].($string($) & 'xxxxx'))", "failed", None, 'mapping "to SAP"'),
    ],
)
async def test_what_cannot_be_rendered_is_seen_in_monitoring(
    client: httpx.AsyncClient,
    sink: Sink,
    expression: str,
    status: str,
    code: str | None,
    words: str,
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    await new_use_case(client, integration_id, outbound(mapping(webhook, expression)))

    await new_entity(client, number="C-6")

    [delivery] = await deliveries(client, integration_id, 1, status=status)
    assert delivery["status"] == status
    assert code in (None, delivery["http_response"]["code"])
    assert words in delivery["http_response"]["message"]
    assert "payload" not in delivery
    assert sink.requests == []


async def test_a_message_that_is_too_large_is_not_sent(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    expression = "[1..30].$pad('', 100000, 'x')"
    await new_use_case(client, integration_id, outbound(mapping(webhook, expression)))

    await new_entity(client, number="C-7")

    [delivery] = await deliveries(client, integration_id, 1)
    assert delivery["http_response"]["code"] == "TOO_LARGE"
    assert "2,000,000 are the most" in delivery["http_response"]["message"]


async def test_conditions_that_are_not_met_skip_the_delivery_and_say_why(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    condition = {"field": "entity.status", "operation": "equals", "values": ["active"]}
    webhook = await new_webhook(
        client, sink.at("/sap"), filterConditions={"conditions": [condition]}
    )
    await new_use_case(client, integration_id, outbound(mapping(webhook, "entity.status")))

    await new_entity(client, status="draft")
    await new_entity(client, status="active")

    [request] = await sink.wait_for(1, "/sap")
    assert json.loads(request.body) == "active"
    [skipped] = await deliveries(client, integration_id, 1, status="skipped")
    assert skipped["http_response"] == {
        "code": "CONDITIONS_NOT_MET",
        "message": 'The condition entity.status equals "active" is not met: it is "draft".',
    }
    [sent] = await deliveries(client, integration_id, 1)
    assert sent["status"] == "succeeded"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"enabled": False}, "skipped", "WEBHOOK_DISABLED"),
        (None, "failed", "WEBHOOK_NOT_FOUND"),
    ],
)
async def test_a_webhook_that_takes_nothing_is_seen_in_monitoring(
    client: httpx.AsyncClient, sink: Sink, change: dict[str, Any] | None, status: str, code: str
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    await new_use_case(client, integration_id, outbound(mapping(webhook)))
    place = f"{CONFIGS}/{webhook['id']}"
    answer = (
        await client.delete(place)
        if change is None
        else await client.put(
            place,
            json={"name": "x", "eventName": "y", "url": sink.at("/sap"), **change},
        )
    )
    assert answer.is_success, answer.text

    await new_entity(client, number="C-8")

    [delivery] = await deliveries(client, integration_id, 1, status=status)
    assert delivery["http_response"]["code"] == code
    assert sink.requests == []


async def test_a_use_case_that_changes_counts_from_then_on(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    use_case = await new_use_case(client, integration_id, outbound(mapping(webhook, "'before'")))
    await new_entity(client, number="1")
    await sink.wait_for(1, "/sap")

    place = f"/erp-integration/v1/integrations/{integration_id}/use-cases/{use_case['id']}"
    changed = outbound(mapping(webhook, "'after'"))["configuration"]
    assert (await client.put(place, json={"configuration": changed})).status_code == 200
    await new_entity(client, number="2")

    bodies = [request.body for request in await sink.wait_for(2, "/sap")]
    assert bodies == [b'"before"', b'"after"']


async def test_a_webhook_is_named_by_either_of_its_ids(
    client: httpx.AsyncClient, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    listed = await client.get("/api/v1/integration/webhooks")
    [wire_id] = [each["id"] for each in listed.json()["items"]]
    use_case = await new_use_case(client, integration_id, outbound(mapping(wire_id, "'ok'")))
    assert "warnings" not in use_case

    await new_entity(client, number="C-9")

    [request] = await sink.wait_for(1, "/sap")
    assert request.body == b'"ok"'
    [delivery] = await deliveries(client, integration_id, 1)
    assert delivery["webhook_config_id"] == webhook["id"]


async def test_a_message_about_a_hub_says_as_much_as_can_be_sent(
    client: httpx.AsyncClient, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOST_RELATED_BYTES", 2_500)
    monkeypatch.setattr(publisher, "_MOST_BYTES", 3_000)
    await new_webhook(
        client,
        sink.at("/hub"),
        eventName="EntityCreated",
        payloadConfiguration={"include_relations": True},
        filter={"keyToFilter": "entity._schema", "supportedValues": ["hub"]},
    )
    near = [await new_entity(client, "spoke", n=n, text="x" * 1_000) for n in range(4)]
    reference = {"$relation": [{"entity_id": each["_id"]} for each in near]}
    hubs = [await new_entity(client, "hub", n=n, spokes=reference) for n in range(3)]

    requests = await sink.wait_for(3, "/hub")
    messages = sorted((json.loads(each.body) for each in requests), key=lambda m: m["entity"]["n"])
    assert [each["entity"]["_id"] for each in messages] == [hub["_id"] for hub in hubs]
    for message in messages:
        assert [each["n"] for each in message["relations"]] == [0, 1]
