"""The events of the catalogue and their history over HTTP."""

from __future__ import annotations

import pytest
from event_catalog_calls import EVENTS, NO_GRAPH, SYNC, entity, past, publish, refused
from tests.conftest import http_client

from tieline.audit.models import AuditQuery
from tieline.catalogue.builtin import built_in_events

# --- looking and switching


async def test_the_built_in_events_are_listed(client):
    listed = (await client.get(EVENTS)).json()["results"]
    assert [event["event_name"] for event in listed] == list(built_in_events())
    for event in listed:
        assert event["event_origin"] == "builtin"
        assert event["event_status"] == "active"
        assert event["enabled"] is event["auto_trigger"] is True
        assert (await client.get(f"{EVENTS}/{event['event_name']}")).json() == event


async def test_an_event_nobody_waits_for_says_so(client):
    url = f"{EVENTS}/OrderSubmission"
    assert "Nobody waits" in (await client.get(url)).json()["silence_reason"]
    manual = await client.get(SYNC)
    assert "silence_reason" not in manual.json()
    switched = (await client.patch(url, json={"enabled": True})).json()
    assert "silence_reason" not in switched


async def test_an_unknown_event_is_not_found(client):
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "/json_schema"),
        ("GET", "/example"),
        ("POST", ":history"),
        ("POST", ":trigger"),
        ("POST", ":preview"),
        ("POST", ":publish"),
    ):
        body = {**NO_GRAPH, "event_name": "Unknown"}
        answer = await client.request(method, f"{EVENTS}/Unknown{path}", json=body)
        if path in (":trigger", ":preview"):
            answer = await client.post(f"{EVENTS}/Unknown{path}", json={})
        await refused(answer, 404, "UNKNOWN_EVENT")


async def test_only_the_switches_of_an_event_can_be_patched(client, services, org):
    url = f"{EVENTS}/OrderSubmission"
    before = (await client.get(url)).json()
    body = {
        "enabled": False,
        "auto_trigger": False,
        "automation_trigger": True,
        "event_title": "x",
    }
    after = (await client.patch(url, json=body)).json()
    assert after == {
        **{name: value for name, value in before.items() if name != "silence_reason"},
        "enabled": False,
        "auto_trigger": False,
        "automation_trigger": True,
        "event_status": "disabled",
    }
    assert (await client.get(url)).json() == after
    entries = (await services.audit.query(org, AuditQuery(action="event.updated"), limit=5)).entries
    [entry] = entries
    assert (entry.target_type, entry.target_id) == ("catalogue_event", "OrderSubmission")
    assert {change["path"] for change in entry.changes()} == {
        *("/enabled", "/auto_trigger", "/automation_trigger")
    }


async def test_a_patch_without_switches_changes_nothing(client, services, org):
    url = f"{EVENTS}/OrderSubmission"
    before = (await client.get(url)).json()
    assert (await client.patch(url, json={"event_title": "x"})).json() == before
    found = await services.audit.query(org, AuditQuery(action="event.updated"), limit=5)
    assert found.entries == []


@pytest.mark.parametrize("switch", ["enabled", "auto_trigger", "automation_trigger"])
async def test_a_switch_is_true_or_false(client, switch):
    answer = await client.patch(f"{EVENTS}/OrderSubmission", json={switch: "yes"})
    await refused(answer, 400, "INVALID_REQUEST", switch)


async def test_schema_and_example_are_shown(client):
    url = f"{EVENTS}/MeterReadingAdded"
    schema = (await client.get(f"{url}/json_schema")).json()
    assert "reading_value" in schema["required"]
    assert (await client.get(f"{url}/example")).json()["_event_name"] == "MeterReadingAdded"


# --- history


async def test_the_history_is_read_page_by_page(client):
    url = await publish(client, NO_GRAPH)
    ids = [
        (await client.post(f"{url}:trigger", json={"fields": {"door": f"d{n}"}})).json()["event_id"]
        for n in range(7)
    ]
    found, body = [], {"limit": 3}
    while True:
        page = (await client.post(f"{url}:history", json=body)).json()
        found += [event["_event_id"] for event in page["results"]]
        if page["next_cursor"] is None:
            break
        body["cursor"] = page["next_cursor"]
    assert sorted(found) == sorted(ids)
    assert len(found) == 7
    spaced = {"event_time": "2999-01-01 12:34:56", "event_id": "x"}
    assert len(await past(client, url, cursor=spaced)) == 7
    assert await past(client, url, event_id="evt_1234567890abcdef") == []
    assert [e["_event_id"] for e in await past(client, url, event_id=ids[3])] == [ids[3]]
    span = {"from": "2000-01-01T00:00:00Z", "to": "2000-01-02T00:00:00Z"}
    assert await past(client, url, timestamp=span) == []
    assert len((await client.post(f"{url}:history")).json()["results"]) == 7


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 26}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"cursor": {"event_time": "yesterday"}}, "cursor.event_time"),
        ({"cursor": {"event_id": "x"}}, "cursor.event_time"),
        ({"timestamp": {"from": 5}}, "timestamp.from"),
        ({"timestamp": {"to": "0001-01-01T00:00:00+14:00"}}, "timestamp.to"),
        ({"event_id": "\x00"}, "event_id"),
    ],
)
async def test_what_is_wrong_with_a_query_is_named(client, body, word):
    answer = await client.post(f"{EVENTS}/OrderSubmission:history", json=body)
    await refused(answer, 400, "INVALID_REQUEST", word)


async def test_summaries_show_entities_by_their_ids(client):
    contact = await entity(client, "contact", last_name="Doe", first_name="Jane")
    seed = {"entity_id": contact, "node_id": "contact"}
    sent = await client.post(f"{SYNC}:trigger", json={"seed": seed})
    event_id = sent.json()["event_id"]
    url = "/event-catalog/v2/events/OnDemandSyncCustomerRequested"
    [summary] = (await client.post(f"{url}:history", json={})).json()["results"]
    assert summary["contact"] == {"_schema": "contact", "_id": contact, "_title": "Jane Doe"}
    assert summary["contracts"] == []
    assert summary["customer_id"] == contact
    body = {"fields": ["customer_*", "!customer_number"]}
    [chosen] = (await client.post(f"{url}:history", json=body)).json()["results"]
    assert {name for name in chosen if not name.startswith("_")} == {"customer_id"}
    whole = (await client.get(f"{url}/history/{event_id}")).json()
    assert whole["contact"]["first_name"] == "Jane"
    missing = await client.get(f"{url}/history/01KG8W6QG0000000000000000A")
    await refused(missing, 404, "EVENT_NOT_IN_HISTORY")


async def test_who_reads_the_history_is_named_in_the_audit_log(client, services, org):
    url = await publish(client, NO_GRAPH)
    sent = await client.post(f"{url}:trigger", json={"fields": {"door": "front"}})
    await past(client, url)
    query = AuditQuery(action="payload.viewed", target_type="catalogue_event")
    [entry] = (await services.audit.query(org, query, limit=5)).entries
    assert entry.target_id == sent.json()["event_id"]


async def test_another_organisation_has_a_catalogue_of_its_own(application, services, client, org):
    url = await publish(client, NO_GRAPH)
    await client.post(f"{url}:trigger", json={"fields": {"door": "front"}})
    contact = await entity(client, "contact", n=1)
    _, key = await services.identity.create_key(f"{org}-b", name="stranger")
    async with http_client(application, key) as stranger:
        await refused(await stranger.get(url), 404, "UNKNOWN_EVENT")
        await refused(await stranger.post(f"{url}:history"), 404, "UNKNOWN_EVENT")
        seed = {"entity_id": contact, "node_id": "contact"}
        answer = await stranger.post(f"{SYNC}:trigger", json={"seed": seed})
        await refused(answer, 400, "INVALID_EVENT", "seed.entity_id")
        assert (await stranger.post(EVENTS, json=NO_GRAPH)).status_code == 201
        assert await past(stranger, url) == []
