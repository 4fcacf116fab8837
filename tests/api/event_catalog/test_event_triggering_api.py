"""Events that are triggered by hand over HTTP."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from event_catalog_calls import NO_GRAPH, SYNC, entity, past, publish, refused, related


async def test_an_event_is_triggered_at_an_entity(client, services, org):
    contact = await entity(client, "contact", customer_number="4711")
    account = await entity(client, "billing_account", contact=related(contact))
    seed = {"entity_id": contact, "node_id": "contact"}
    body = {"seed": seed, "skip_hydration": ["contracts"]}
    answer = await client.post(f"{SYNC}:trigger", json=body)
    assert answer.status_code == 200, answer.text
    [event] = await past(client, SYNC)
    assert answer.json() == {"success": True, "event_id": event["_event_id"]}
    me = (await client.get("/api/v1/integration/access/me")).json()
    assert event["_trigger_source_type"] == "api"
    assert event["_trigger_source"].partition("_")[2] == me["id"].partition("_")[2]
    assert event["_event_source"] == "api"
    assert event["customer_id"] == contact
    assert event["customer_number"] == "4711"
    assert [each["_id"] for each in event["billing_accounts"]] == [account]
    assert "contracts" not in event
    assert not {"operation", "trigger_entity", "activity_id", "activity_type"} & event.keys()


async def test_fields_that_are_sent_count(client):
    contact = await entity(client, "contact", customer_number="4711")
    seed = {"entity_id": contact, "node_id": "contact"}
    body = {"seed": seed, "fields": {"customer_number": "mine"}}
    await client.post(f"{SYNC}:trigger", json=body)
    [event] = await past(client, SYNC)
    assert event["customer_number"] == "mine"


async def test_whoever_triggers_can_say_for_whom(client):
    contact = await entity(client, "contact", n=1)
    body = {
        "seed": {"entity_id": contact, "node_id": "contact"},
        "_trigger_source_type": "automation",
        "_trigger_source": "execution-1/action-2",
    }
    assert (await client.post(f"{SYNC}:trigger", json=body)).status_code == 200
    [event] = await past(client, SYNC)
    assert event["_trigger_source_type"] == "automation"
    assert event["_trigger_source"] == "execution-1/action-2"


async def test_an_event_without_a_graph_needs_fields_only(client):
    url = await publish(client, NO_GRAPH)
    answer = await client.post(f"{url}:trigger", json={"fields": {"door": "front", "angle": 90}})
    assert answer.status_code == 200, answer.text
    [event] = await past(client, url)
    assert (event["door"], event["angle"]) == ("front", 90)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ["fields.door", "required"]),
        ({"fields": {"door": "x"}}, ["fields.door", "does not fit"]),
        ({"fields": {"door": None}}, ["fields.door", "required"]),
        ({"fields": {"door": "front", "angle": "wide"}}, ["fields.angle"]),
        ({"fields": {"door": "front", "color": "red"}}, ["fields.color", "door, angle"]),
        ({"fields": {"door": "front"}, "skip_hydration": ["x"]}, ["skip_hydration"]),
        ({"fields": {"door": "a\x00b"}}, ["fields.door", "U+0000"]),
        ({"fields": []}, ["fields"]),
        ({"fields": {"door": "front"}, "_trigger_source_type": ""}, ["_trigger_source_type"]),
        ({"fields": {"door": "front"}, "_trigger_source": "x" * 256}, ["_trigger_source"]),
    ],
)
async def test_what_is_wrong_with_a_trigger_is_named_by_its_field(client, body, words):
    url = await publish(client, NO_GRAPH)
    answer = await client.post(f"{url}:trigger", json=body)
    assert answer.status_code == 400, answer.text
    assert all(word in answer.json()["message"] for word in words), answer.text
    assert await past(client, url) == []


async def test_the_seed_is_an_entity_of_its_node(client):
    contact = await entity(client, "contact", n=1)
    contract = await entity(client, "contract", n=1)
    gone = await entity(client, "contact", n=2)
    await client.delete(f"/entity/v1/entity/contact/{gone}")
    for seed, word in (
        (None, "seed: is required"),
        ({"entity_id": contact, "node_id": "nothing"}, "seed.node_id"),
        ({"entity_id": contract, "node_id": "contact"}, "seed.entity_id"),
        ({"entity_id": gone, "node_id": "contact"}, "seed.entity_id"),
        ({"entity_id": str(uuid4()), "node_id": "contact"}, "seed.entity_id"),
        ({"entity_id": "x", "node_id": "contact"}, "seed.entity_id"),
        ({"node_id": "contact"}, "seed.entity_id"),
    ):
        answer = await client.post(f"{SYNC}:trigger", json={"seed": seed})
        assert answer.status_code == 400, answer.text
        assert word in answer.json()["message"]


async def test_a_field_that_holds_an_entity_is_sent_as_its_id(client):
    fields = {"door": {"entity_schema": "door", "required": True}}
    url = await publish(client, {**NO_GRAPH, "schema_fields": fields})
    door = await entity(client, "door", name="Front")
    window = await entity(client, "window", name="Left")
    for sent in (door, {"_id": door}, {"entity_id": door}):
        answer = await client.post(f"{url}:trigger", json={"fields": {"door": sent}})
        assert answer.status_code == 200, answer.text
    assert {event["door"]["name"] for event in await past(client, url)} == {"Front"}
    for wrong in (window, str(uuid4()), "x", 5, {}, None):
        answer = await client.post(f"{url}:trigger", json={"fields": {"door": wrong}})
        await refused(answer, 400, "INVALID_EVENT", "fields.door")


async def test_what_is_switched_off_happens_by_no_means(client):
    url = await publish(client, NO_GRAPH)
    await client.patch(url, json={"enabled": False})
    body = {"fields": {"door": "front"}}
    await refused(await client.post(f"{url}:trigger", json=body), 403, "EVENT_DISABLED")
    await client.patch(url, json={"enabled": True, "auto_trigger": False})
    assert (await client.post(f"{url}:trigger", json=body)).status_code == 200


async def test_automations_trigger_only_what_is_theirs_to_trigger(client):
    url = await publish(client, NO_GRAPH)
    body = {"fields": {"door": "front"}, "_trigger_source_type": "automation"}
    answer = await client.post(f"{url}:trigger", json=body)
    await refused(answer, 403, "EVENT_DISABLED", "automation_trigger")
    await client.patch(url, json={"automation_trigger": True})
    assert (await client.post(f"{url}:trigger", json=body)).status_code == 200


async def test_an_event_can_be_left_to_automations(client):
    only = {**NO_GRAPH, "api_trigger": False, "automation_trigger": True}
    url = await publish(client, only)
    body = {"fields": {"door": "front"}}
    await refused(await client.post(f"{url}:trigger", json=body), 403, "EVENT_DISABLED")
    body["_trigger_source_type"] = "automation"
    assert (await client.post(f"{url}:trigger", json=body)).status_code == 200


async def test_a_repeated_trigger_with_a_key_happens_once(client):
    url = await publish(client, NO_GRAPH)
    body, headers = {"fields": {"door": "front"}}, {"idempotency-key": "k-1"}
    first = await client.post(f"{url}:trigger", json=body, headers=headers)
    second = await client.post(f"{url}:trigger", json=body, headers=headers)
    assert first.json() == second.json()
    assert len(await past(client, url)) == 1


@pytest.mark.parametrize("keyed", [True, False])
async def test_whoever_waits_for_a_turn_holds_no_connection(client, services, org, keyed):
    """Else one organisation with slow expressions would keep everybody from the database."""
    contact = await entity(client, "contact", n=1)
    body = {"seed": {"entity_id": contact, "node_id": "contact"}}
    size = services.settings.database_pool_size
    catalogue = services.catalogue
    async with catalogue.turn(org), catalogue.turn(org):
        calls = [
            asyncio.create_task(
                client.post(
                    f"{SYNC}:trigger",
                    json=body,
                    headers={"idempotency-key": f"turn-{number}"} if keyed else {},
                )
            )
            for number in range(2 * size)
        ]
        async with asyncio.timeout(10):
            assert await past(client, SYNC) == []

    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {200}
    assert len(await past(client, SYNC)) > 0
