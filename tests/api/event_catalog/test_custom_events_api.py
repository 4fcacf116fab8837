"""Events of an organisation's own over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from event_catalog_calls import (
    EVENTS,
    NO_GRAPH,
    NUMBER,
    OF_CONTRACTS,
    awaited,
    entity,
    past,
    publish,
    refused,
    related,
)

from tieline.audit.models import AuditQuery
from tieline.catalogue.builtin import built_in_events


async def test_an_event_of_ones_own_is_drafted_replaced_published_and_deprecated(
    client, services, org
):
    url = f"{EVENTS}/ContractSigned"
    created = await client.post(EVENTS, json=OF_CONTRACTS)
    assert created.status_code == 201
    assert created.json()["event_status"] == "draft"
    assert created.json()["event_origin"] == "custom"
    again = await client.post(EVENTS, json=OF_CONTRACTS)
    await refused(again, 409, "EVENT_NAME_TAKEN")
    other = {**created.json(), "event_title": "Signed"}
    replaced = await client.put(url, json=other)
    assert replaced.json()["event_title"] == "Signed"
    await refused(await client.post(f"{url}:trigger", json={}), 403, "EVENT_DISABLED", "draft")
    published = await client.post(f"{url}:publish", json={"auto_trigger": False})
    assert published.json()["event_status"] == "active"
    assert published.json()["auto_trigger"] is False
    await refused(await client.put(url, json=other), 409, "EVENT_NOT_A_DRAFT")
    await refused(await client.post(f"{url}:publish"), 409, "EVENT_NOT_A_DRAFT")
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).json()["event_status"] == "deprecated"
    await refused(await client.delete(url), 409, "EVENT_DEPRECATED")
    trigger = await client.post(f"{url}:trigger", json={})
    await refused(trigger, 403, "EVENT_DISABLED", "deprecated")
    entries = (
        await services.audit.query(org, AuditQuery(target_id="ContractSigned"), limit=20)
    ).entries
    assert [entry.action for entry in entries] == [
        *("event.deprecated", "event.updated", "event.published", "event.updated"),
        "event.created",
    ]


async def test_built_in_events_are_left_as_they_are(client):
    url = f"{EVENTS}/OrderSubmission"
    body = {**OF_CONTRACTS, "event_name": "OrderSubmission"}
    await refused(await client.post(EVENTS, json=body), 409, "EVENT_NAME_TAKEN")
    await refused(await client.put(url, json=body), 409, "EVENT_IS_BUILT_IN")
    await refused(await client.delete(url), 409, "EVENT_IS_BUILT_IN")
    await refused(await client.post(f"{url}:publish"), 409, "EVENT_IS_BUILT_IN")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"event_name": "lower"}, ["event_name"]),
        ({"schema_fields": {"a": {"json_schema": {"type": "x"}}}}, ["schema_fields.a.json_schema"]),
        (
            {"schema_fields": {"a": {**NUMBER, "graph_source": "((("}}},
            ["schema_fields.a.graph_source"],
        ),
        ({"example": {"number": 5}}, ["example", "number"]),
        ({"lineage": {"base_event_name": "No", "base_event_version": "1.0.0"}}, ["lineage"]),
        ({"event_title": "\x00"}, ["event_title"]),
    ],
)
async def test_a_definition_that_cannot_work_is_refused(client, changes, words):
    answer = await client.post(EVENTS, json={**OF_CONTRACTS, **changes})
    await refused(answer, 400, "INVALID_EVENT_DEFINITION", *words)
    assert len((await client.get(EVENTS)).json()["results"]) == len(built_in_events())


async def test_a_draft_keeps_its_name(client):
    await client.post(EVENTS, json=OF_CONTRACTS)
    answer = await client.put(
        f"{EVENTS}/ContractSigned", json={**OF_CONTRACTS, "event_name": "Other"}
    )
    await refused(answer, 400, "INVALID_EVENT_DEFINITION", "event_name")


async def test_publishing_can_silence_the_event_that_this_one_is_made_from(client):
    lineage = {"base_event_name": "TariffChange", "base_event_version": "1.0.0"}
    await client.post(EVENTS, json={**OF_CONTRACTS, "lineage": lineage})
    url = f"{EVENTS}/ContractSigned"
    published = await client.post(f"{url}:publish", json={"base_auto_trigger_enabled": False})
    assert published.json()["lineage"] == lineage
    base = (await client.get(f"{EVENTS}/TariffChange")).json()
    assert (base["enabled"], base["auto_trigger"]) == (True, False)
    await client.post(EVENTS, json=NO_GRAPH)
    without = await client.post(
        f"{EVENTS}/DoorOpened:publish", json={"base_auto_trigger_enabled": False}
    )
    await refused(without, 400, "INVALID_EVENT_DEFINITION", "lineage")


async def test_a_change_makes_an_event_of_ones_own_happen(client):
    url = await publish(client, OF_CONTRACTS)
    contact = await entity(client, "contact", last_name="Doe", first_name="Jane")
    contract = await entity(client, "contract", number="C-1", contact=related(contact))
    await client.patch(f"/entity/v1/entity/contract/{contract}", json={"remark": "x"})
    await client.patch(f"/entity/v1/entity/contract/{contract}", json={"signed_at": "2026-01-31"})
    [event] = await awaited(client, url)
    assert event["number"] == "C-1"
    assert event["operation"] == "updateEntity"
    assert event["activity_type"] == "EntityUpdated"
    assert event["contract"]["signed_at"] == "2026-01-31"
    [shown] = event["contacts"]
    assert shown["last_name"] == "Doe"
    assert "first_name" not in shown


async def test_an_event_is_previewed_before_it_is_published(client):
    await client.post(EVENTS, json=OF_CONTRACTS)
    contract = await entity(client, "contract", number="C-1")
    short = await entity(client, "contract", number="C")
    url = f"{EVENTS}/ContractSigned"

    async def preview(entity_id: str) -> Any:
        seed = {"entity_id": entity_id, "node_id": "contract"}
        return (await client.post(f"{url}:preview", json={"seed": seed})).json()

    good = await preview(contract)
    assert good["errors"] == []
    assert good["payload"]["number"] == "C-1"
    bad = await preview(short)
    assert [error["path"] for error in bad["errors"]] == ["fields.number"]
    assert await past(client, url) == []
