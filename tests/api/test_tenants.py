"""Two organisations over every route: nothing crosses."""

from __future__ import annotations

import itertools
import json
import re
from uuid import UUID, uuid4

import pytest
from tests.conftest import http_client

from tieline.app import openapi_pages
from tieline.kit.ids import new_ulid
from tieline.kit.time import utc_now
from tieline.outbound.deliveries.models import DeliveryState, Ending, NewDelivery
from tieline.outbound.deliveries.queue import enqueue
from tieline.outbound.webhooks.models import WEBHOOKS

PLACEHOLDER = re.compile(r"{(\w+)}")
# Ids that a stranger's answer can hold only if they leak; others stand in the addresses.
NEVER_SHOWN = (
    *("activity", "useCaseId", "related", "applicationId", "connectorId", "webhookId", "configId"),
    *("eventId", "deliveryRedriveId"),
    *("keyId", "tokenId", "userId", "entryId"),
)
METHODS = ("get", "post", "put", "patch", "delete")


def routes():
    for surface, page in openapi_pages().items():
        for path, operations in page["paths"].items():
            for method in METHODS:
                if method in operations:
                    yield pytest.param(surface, method, path, id=f"{method} /{surface}{path}")


ALL_ROUTES = list(routes())


@pytest.fixture
async def mine(client, database):
    """What one organisation owns: the ids that another one will try."""
    integration = (
        await client.post(
            "/erp-integration/v2/integrations",
            json={
                "name": "Secret integration",
                "use_cases": [
                    {
                        "name": "Secret use case",
                        "slug": "secret",
                        "type": "inbound",
                        "enabled": True,
                        "configuration": {
                            "entities": [
                                {
                                    "entity_schema": "secret",
                                    "unique_ids": ["number"],
                                    "fields": [{"attribute": "number", "field": "number"}],
                                }
                            ]
                        },
                    }
                ],
            },
        )
    ).json()
    place = f"/erp-integration/v1/integrations/{integration['id']}"
    use_case = f"{place}/use-cases/{integration['use_cases'][0]['id']}"
    sample = {"payload": {"name": "Secret"}, "expected": {"error": "Secret"}}
    await client.put(f"{use_case}/samples/secret sample", json=sample)
    component = {"app_id": str(uuid4()), "component_id": str(uuid4())}
    await client.put(f"{place}/app-mapping", json=component)
    redrive = (await client.post(f"{place}/dead-letters/replay", json={"filter": {}})).json()
    entity = (
        await client.post("/entity/v1/entity/secret", json={"number": "secret-1", "name": "Secret"})
    ).json()
    related = (
        await client.post(
            "/entity/v1/entity/secret",
            json={"owner": {"$relation": [{"entity_id": entity["_id"]}]}, "name": "Secret 2"},
        )
    ).json()
    activity = (
        await client.post(
            f"/entity/v1/entity/activity?entities={entity['_id']}",
            json={"type": "Secret", "title": "Secret", "message": "Secret"},
        )
    ).json()
    meter = (await client.post("/entity/v1/entity/meter", json={"number": "Secret"})).json()
    relation = {"$relation": [{"entity_id": meter["_id"]}]}
    counter = (
        await client.post("/entity/v1/entity/meter_counter", json={"meter": relation})
    ).json()
    await client.post(
        "/metering/v1/metering/reading",
        json={
            "meter_id": meter["_id"],
            "counter_id": counter["_id"],
            "timestamp": "2026-01-31",
            "value": 1,
            "source": "ERP",
            "remark": "Secret",
        },
    )
    domain = "/api/v1/integration"
    application = (
        await client.post(f"{domain}/applications", json={"display_name": "Secret"})
    ).json()
    connector = (await client.post(f"{domain}/connectors", json={"name": "Secret"})).json()
    webhook = (
        await client.post(
            f"{domain}/webhooks",
            # Of an event that never happens: its deliveries would change it meanwhile.
            json={"name": "Secret", "url": "https://secret.example", "event_types": ["Never"]},
        )
    ).json()
    issued = (await client.post(f"{domain}/api-keys", json={"name": "Secret"})).json()
    await client.post(
        "/environments/v1/environments",
        json={"key": "secret-1", "type": "String", "value": "Secret", "group": "secret group"},
    )
    catalogue = "/event-catalog/v1/events"
    event = {
        "event_name": "SecretEvent",
        "event_title": "Secret event",
        "schema_fields": {"remark": {"json_schema": {"type": "string"}}},
    }
    await client.post(catalogue, json=event)
    await client.post(f"{catalogue}/SecretEvent:publish")
    happened = await client.post(
        f"{catalogue}/SecretEvent:trigger", json={"fields": {"remark": "Secret"}}
    )
    hook = str(WEBHOOKS.stored_id(webhook["id"]))
    dead = await a_dead_delivery(database, client, hook)
    redriven = await client.post(
        "/webhooks/v1/webhooks/dead-letters/redrive", json={"event_ids": [str(uuid4())]}
    )
    audited = (await client.get(f"{domain}/audit-log?limit=1")).json()["items"][0]
    return {
        "applicationId": application["id"],
        "connectorId": connector["id"],
        "webhookId": webhook["id"],
        "configId": hook,
        "eventId": dead,
        "deliveryRedriveId": redriven.json()["id"],
        "keyId": issued["id"],
        "tokenId": issued["id"].replace("key_", "api_"),
        "userId": await a_user(database, client),
        "entryId": audited["id"],
        "event_name": "SecretEvent",
        "happened": happened.json()["event_id"],
        "key": "secret-1",
        "name": "secret group",
        "meter_id": meter["_id"],
        "counter_id": counter["_id"],
        "contract_id": meter["_id"],
        "integrationId": integration["id"],
        "useCaseId": integration["use_cases"][0]["id"],
        "sampleName": "secret sample",
        "redriveId": redrive["id"],
        **component,
        "slug": "secret",
        "id": entity["_id"],
        "activity": activity["_id"],
        "entity_id": entity["_id"],
        "attribute": "owner",
        "related": related["_id"],
    }


async def a_dead_delivery(database, client, hook):
    """The id of a delivery to a webhook of the client's organisation that failed for good."""
    org = (await client.get("/api/v1/integration/access/me")).json()["tenant_id"]
    delivery = NewDelivery(
        webhook_id=UUID(hook),
        event_id="Secret",
        event_name="Secret",
        body=b'{"remark": "Secret"}',
        ending=Ending(DeliveryState.FAILED, "HTTP_500", "Secret"),
    )
    async with database.organisation(org) as tx:
        [made] = await enqueue(tx, [delivery], utc_now())
    return str(made)


async def a_user(database, client):
    """The id of a person who once came to the client's organisation."""
    org = (await client.get("/api/v1/integration/access/me")).json()["tenant_id"]
    async with database.organisation(org) as tx:
        await tx.execute(
            "INSERT INTO users (org_id, id, created_at, updated_at, source, source_type, "
            "is_deleted, schema_version, version, issuer, subject, name, roles, roles_given, "
            "disabled, last_seen_at) VALUES ($1, $2, now(), now(), 'edm', 'api', false, 1, 1, "
            "'https://issuer.example', 'secret', 'Secret', '{admin}', true, false, now())",
            identifier := f"per_{new_ulid()}",
        )
    return identifier


def fill(surface, path, mine):
    ids = dict(mine)
    if surface == "access-token":
        ids["id"] = mine["tokenId"]
    elif surface == "webhooks":
        ids["redriveId"] = mine["deliveryRedriveId"]
    elif surface == "event-catalog":
        ids["event_id"] = mine["happened"]
    elif "/activity/{id}" in path:
        ids["id"] = mine["activity"]
    return PLACEHOLDER.sub(lambda match: ids[match[1]], path)


def bodies(mine):
    """Bodies that mean something to one route or another, naming the other's things."""
    yield None
    yield {}
    yield {"q": "number:*"}
    yield {"filter": [{"ids": {"values": [mine["id"]]}}], "allow_targeting_all_schemas": True}
    yield {"unique_key": ["number"], "entity": {"number": "secret-1", "name": "Taken over"}}
    yield [{"entity_id": mine["id"], "attribute": "owner"}]
    yield {"name": "Taken over", "use_cases": []}
    yield {"integration_id": mine["integrationId"], "events": []}
    yield {"_tags": ["taken"]}
    yield {"filter": {}, "note": "taken"}
    yield {"filter": {}}
    yield {"fields": {"remark": "taken"}, "event_id": mine["happened"]}
    component = {key: mine[key] for key in ("app_id", "component_id")}
    yield {**component, "overwrite": True}
    yield {**component, "meta": {}, "events": []}
    yield {"payload": {"number": "1"}, "expected": {}}
    yield {"name": "taken", "payload": {"number": "1"}}
    yield {"meter_id": mine["meter_id"], "keep_external_ids": [], "source": "ERP"}
    reading = {"meter_id": mine["meter_id"], "counter_id": mine["counter_id"], "value": 2}
    yield {**reading, "source": "ERP"}
    yield {"readings": [{**reading, "source": "ERP"}]}
    for version in (1, 2):
        yield {"version": version, "name": "taken", "display_name": "taken", "roles": []}
        yield {"version": version, "enabled": False, "blocked": True}
    yield {"application_id": mine["applicationId"]}
    yield {"webhook_endpoint_id": mine["webhookId"]}
    yield {"name": "taken", "eventName": "taken", "url": "https://taken.example"}
    yield {"eventIds": [mine["eventId"]], "ids": [f"{mine['eventId']}.{uuid4()}"]}
    yield {"event_ids": [mine["eventId"]]}
    yield {"event_ids": [mine["eventId"]], "note": "taken"}
    yield {"ids": [f"{mine['eventId']}.{uuid4()}"]}
    yield {"metadata": {"organization_id": mine["id"]}, "entity": {"_id": mine["id"]}}
    yield {"tokens": 1, "cost_usd": "1"}
    yield {"integration_id": mine["integrationId"], "use_case_id": mine["useCaseId"]}
    yield {"overlap_seconds": 0}
    yield {"value": "taken"}
    yield {"key": "secret-1", "type": "String", "value": "taken"}
    yield {"name": "taken", "assignments": [f"{mine['id']}:admin"]}


@pytest.mark.parametrize(("surface", "method", "path"), ALL_ROUTES)
async def test_nothing_crosses(application, services, client, mine, surface, method, path):
    _, key = await services.identity.create_key(f"{mine['id']}", name="other")
    before = await snapshot(client, mine)
    url = f"/{surface}{fill(surface, path, mine)}"
    async with http_client(application, key) as stranger:
        for body in bodies(mine):
            kwargs = {} if body is None else {"json": body}
            response = await stranger.request(method.upper(), url, **kwargs)
            assert response.status_code < 500, response.text
            shown = response.text.replace("signingSecret", "")  # the name of a field
            assert "Secret" not in shown, f"{method} {url} {body} leaks: {response.text}"
            # What the stranger sent may come back to them.
            sent = json.dumps(body)
            owned = [mine[name] for name in NEVER_SHOWN if mine[name] not in sent]
            if response.status_code < 300:
                assert not any(i in response.text for i in owned), response.text
    assert await snapshot(client, mine) == before


async def snapshot(client, mine):
    """Everything that the owner sees."""
    urls = (
        f"/erp-integration/v2/integrations/{mine['integrationId']}",
        f"/erp-integration/v1/integrations/{mine['integrationId']}/use-cases/{mine['useCaseId']}",
        f"/erp-integration/v1/integrations/{mine['integrationId']}/use-cases/{mine['useCaseId']}"
        "/samples",
        f"/erp-integration/v1/integrations/{mine['integrationId']}/redrives/{mine['redriveId']}",
        f"/entity/v1/entity/secret/{mine['id']}",
        f"/entity/v1/entity/secret/{mine['related']}",
        f"/entity/v1/entity/secret/{mine['id']}/activity",
        f"/entity/v1/entity/secret/{mine['related']}/relations",
        f"/entity/v1/entity/activity/{mine['activity']}",
        "/entity/v1/entity/schemas",
        f"/api/v1/integration/applications/{mine['applicationId']}",
        f"/api/v1/integration/connectors/{mine['connectorId']}",
        f"/api/v1/integration/webhooks/{mine['webhookId']}",
        f"/webhooks/v1/webhooks/configs/{mine['configId']}",
        f"/webhooks/v1/webhooks/configs/{mine['configId']}/events/{mine['eventId']}",
        f"/webhooks/v1/webhooks/configs/{mine['configId']}/events/{mine['eventId']}/attempts",
        f"/webhooks/v1/webhooks/configs/{mine['configId']}/backlog",
        f"/webhooks/v1/webhooks/redrives/{mine['deliveryRedriveId']}",
        f"/api/v1/integration/api-keys/{mine['keyId']}",
        f"/api/v1/integration/users/{mine['userId']}",
        f"/api/v1/integration/audit-log/{mine['entryId']}",
        f"/event-catalog/v1/events/{mine['event_name']}",
        f"/event-catalog/v2/events/{mine['event_name']}/history/{mine['happened']}",
        "/environments/v1/environments",
        "/environments/v1/environments/groups",
        f"/metering/v1/metering/reading/{mine['meter_id']}/{mine['counter_id']}?type=cumulative",
    )
    answers = [await client.get(url) for url in urls]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_every_surface_has_routes():
    surfaces = {param.values[0] for param in ALL_ROUTES}
    assert surfaces == set(openapi_pages())
    assert len(ALL_ROUTES) == sum(
        len(set(operations) & set(METHODS))
        for operations in itertools.chain.from_iterable(
            page["paths"].values() for page in openapi_pages().values()
        )
    )
