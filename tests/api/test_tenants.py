"""Two organisations over every route: nothing crosses."""

from __future__ import annotations

import itertools
import json
import re
from uuid import uuid4

import pytest
from tests.conftest import http_client

from tieline.app import openapi_pages
from tieline.kit.ids import new_ulid

PLACEHOLDER = re.compile(r"{(\w+)}")
# Ids that a stranger's answer can hold only if they leak; others stand in the addresses.
NEVER_SHOWN = (
    *("activity", "useCaseId", "related", "applicationId", "connectorId", "webhookId"),
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
            f"{domain}/webhooks", json={"name": "Secret", "url": "https://secret.example"}
        )
    ).json()
    issued = (await client.post(f"{domain}/api-keys", json={"name": "Secret"})).json()
    await client.post(
        "/environments/v1/environments",
        json={"key": "secret-1", "type": "String", "value": "Secret", "group": "secret group"},
    )
    audited = (await client.get(f"{domain}/audit-log?limit=1")).json()["items"][0]
    return {
        "applicationId": application["id"],
        "connectorId": connector["id"],
        "webhookId": webhook["id"],
        "keyId": issued["id"],
        "tokenId": issued["id"].replace("key_", "api_"),
        "userId": await a_user(database, client),
        "entryId": audited["id"],
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
    yield {"tokens": 1, "cost_usd": "1"}
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
            assert "Secret" not in response.text, f"{method} {url} {body} leaks: {response.text}"
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
        f"/api/v1/integration/api-keys/{mine['keyId']}",
        f"/api/v1/integration/users/{mine['userId']}",
        f"/api/v1/integration/audit-log/{mine['entryId']}",
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
