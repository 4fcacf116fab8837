"""Every operation that changes configuration leaves an entry in the audit log.

The operations come from the API pages: one that is new fails here until it is audited, or until it
is among the exceptions with a reason.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tieline.app import openapi_pages
from tieline.audit.models import AuditQuery
from tieline.database import Database
from tieline.http.services import Services
from tieline.identity.models import Scope
from tieline.identity.users.models import USERS, Sighting
from tieline.kit.ids import new_ulid
from tieline.kit.time import utc_now
from tieline.outbound.deliveries.models import DeliveryState, Ending, NewDelivery
from tieline.outbound.deliveries.queue import enqueue
from tieline.outbound.webhooks.models import WEBHOOKS

World = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")

# What is written with these is traffic; the scopes of everything else that is written change
# configuration, or are the actions of an operator.
TRAFFIC = {Scope.ENTITY_WRITE, Scope.METERING_WRITE}
CHANGING = {scope for scope in Scope if scope.endswith(":write")} - TRAFFIC
CHANGING |= {Scope.ENTITY_SCHEMA, Scope.ERP_EVENTS, Scope.WEBHOOK_DELIVER}
# Whoever reads with these is shown what there is to know about secrets.
SECRETIVE = {Scope.KEY_READ, Scope.ENVIRONMENT_READ}

UNAUDITED = {
    "processErpUpdatesEventsV3": "traffic: each event has its outcome",
    "processErpUpdatesEventsV2": "traffic",
    "processErpUpdatesEvents": "traffic",
    "acknowledgeTracking": "traffic: the receiver of a message has worked on it",
    "triggerWebhook": "traffic: each message has its delivery in the log",
    "triggerErp": "traffic",
    "testOAuth": "a token is asked for as deliveries do; nothing changes",
    "listEnvironmentGroups": "a group has a name and a description, and no secret",
}
SHOWING_PAYLOADS = {
    "queryEvents",
    "queryOutboundMonitoringEvents",
    "remapEvents",
    "listSamples",
    "getSample",
    "runSamples",
    "recordSample",
    "searchEventHistory",
    "searchEventHistoryV2",
    "getHistoricalEvent",
    "getWehookEvents",
    "getWebhookEventsV2",
    "getEventById",
    "getEventAttempts",
}

ERP = "/erp-integration/v1/integrations"
DOMAIN = "/api/v1/integration"
INBOUND = {
    "name": "Contacts",
    "slug": "contact",
    "type": "inbound",
    "enabled": True,
    "configuration": {
        "entities": [
            {
                "entity_schema": "audited",
                "unique_ids": ["number"],
                "fields": [{"attribute": "number", "field": "id"}],
            }
        ]
    },
}
SCHEMA = {"name": "s", "plural": "s", "attributes": [], "capabilities": []}
EVENT = {"event_name": "Audited", "event_title": "Audited", "schema_fields": {}}
NUMBERLESS = {"name": "fails, for it has no number"}
SAMPLE = {"payload": {"id": "1"}, "expected": {}}

# The bodies with which operations succeed; those that need none are not listed.
BODIES: dict[str, Callable[[World], Any]] = {
    "createIntegration": lambda _: {"name": "New"},
    "updateIntegration": lambda _: {"name": "Other"},
    "createIntegrationV2": lambda _: {"name": "New", "use_cases": []},
    "updateIntegrationV2": lambda _: {"name": "Other", "use_cases": []},
    "createUseCase": lambda _: {**INBOUND, "slug": "another"},
    "updateUseCase": lambda _: {"type": "inbound", "enabled": False},
    "recordSample": lambda world: {"name": "new", "event_id": world["applied"]},
    "putSample": lambda _: {**SAMPLE, "payload": {"id": "2"}},
    "runSamples": lambda _: {},
    "setIntegrationAppMapping": lambda _: {"app_id": str(uuid4()), "component_id": str(uuid4())},
    "deleteIntegrationAppMapping": lambda world: world["component"],
    "queryEvents": lambda _: {},
    "queryOutboundMonitoringEvents": lambda _: {},
    "remapEvents": lambda _: {},
    "replayEvents": lambda world: {"event_ids": [world["failed"]]},
    "replayDeadLetters": lambda _: {"filter": {}},
    "discardDeadLetters": lambda _: {"filter": {}, "note": "not needed"},
    "putSchema": lambda _: SCHEMA,
    "rotateFileLinkKey": lambda _: {},
    "createApplication": lambda _: {"display_name": "New"},
    "updateApplication": lambda world: {"version": 1, "display_name": "Other"},
    "createConnector": lambda _: {"name": "New"},
    "updateConnector": lambda _: {"version": 1, "name": "Other"},
    "createWebhook": lambda _: {"name": "New", "url": "https://hooks.test/a"},
    "updateWebhook": lambda _: {"version": 1, "name": "Other"},
    "createConfig": lambda _: {"name": "New", "eventName": "EntityCreated"},
    "updateConfig": lambda _: {"name": "Other", "eventName": "EntityCreated"},
    "createApiKey": lambda _: {"name": "New"},
    "updateApiKey": lambda _: {"version": 1, "name": "Other"},
    "rotateApiKey": lambda _: {},
    "createAccessToken": lambda _: {"name": "New"},
    "putEnvironmentGroup": lambda _: {"description": "other"},
    "createEnvironmentVariable": lambda _: {"key": "new", "type": "String", "value": "x"},
    "updateEnvironmentVariable": lambda _: {"type": "SecretString", "value": "other"},
    "createCustomEvent": lambda _: {**EVENT, "event_name": "Another"},
    "replaceCustomEventDraft": lambda _: {**EVENT, "event_title": "Other"},
    "patchEvent": lambda _: {"enabled": False},
    "searchEventHistory": lambda _: {},
    "searchEventHistoryV2": lambda _: {},
    "batchReplayEvents": lambda world: {"eventIds": [world["eventId"]]},
    "redriveDeadDeliveries": lambda _: {"filter": {}},
    "discardDeadDeliveries": lambda _: {"filter": {}, "note": "not needed"},
    "updateUser": lambda _: {"version": 1, "roles": ["viewer"]},
}


def operations(wanted: Callable[[str, str], bool]) -> Iterator[Any]:
    """Surface, method, path and id of each operation whose id and scope are wanted."""
    for surface, page in openapi_pages().items():
        for path, methods in page["paths"].items():
            for method in [method for method in METHODS if method in methods]:
                operation = methods[method]
                name = operation["operationId"]
                if wanted(name, operation.get("x-required-scope", "")):
                    yield pytest.param(surface, method, path, name, id=name)


def changes(name: str, scope: str) -> bool:
    return scope in CHANGING and name not in UNAUDITED


def shows(name: str, scope: str) -> bool:
    return (scope in SECRETIVE or name in SHOWING_PAYLOADS) and name not in UNAUDITED


@pytest.fixture
async def world(client: httpx.AsyncClient, services: Services, org: str) -> World:
    """One of everything that operations are about; the keys are those of the paths."""

    async def made(method: str, path: str, body: Any) -> Any:
        answer = await client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    integration = await made(
        "POST", "/erp-integration/v2/integrations", {"name": "SAP", "use_cases": [INBOUND]}
    )
    place = f"{ERP}/{integration['id']}"
    use_case = integration["use_cases"][0]["id"]
    component = {"app_id": str(uuid4()), "component_id": str(uuid4())}
    await made("PUT", f"{place}/use-cases/{use_case}/samples/one", SAMPLE)
    await made("PUT", f"{place}/app-mapping", component)
    await made("PUT", "/entity/v1/entity/schemas/thing", SCHEMA)
    application = await made("POST", f"{DOMAIN}/applications", {"display_name": "Portal"})
    connector = await made("POST", f"{DOMAIN}/connectors", {"name": "Tickets"})
    webhook = await made(
        "POST", f"{DOMAIN}/webhooks", {"name": "Hook", "url": "https://hooks.test/b"}
    )
    key = await made("POST", f"{DOMAIN}/api-keys", {"name": "Other"})
    await made("POST", "/event-catalog/v1/events", EVENT)
    secret = {"key": "secret", "type": "SecretString", "value": "hidden", "group": "erp"}
    await made("POST", "/environments/v1/environments", secret)
    seen = Sighting("https://idp.test", "anna", None, "Anna", ("editor",), utc_now())
    user = await services.users.see(org, seen)
    applied, failed = await send(client, place, [{"id": "1"}, NUMBERLESS])
    die = partial(dead_deliveries, services.database, org, webhook["id"])
    [dead] = await die(1)
    return {
        "integrationId": integration["id"],
        "useCaseId": use_case,
        "sampleName": "one",
        "component": component,
        "slug": "thing",
        "applicationId": application["id"],
        "connectorId": connector["id"],
        "webhookId": webhook["id"],
        "configId": webhook["id"],
        "eventId": dead,
        "die": die,
        "keyId": key["id"],
        "userId": USERS.wire_id(user),
        "id": "api_" + key["id"].partition("_")[2],
        "key": "secret",
        "name": "erp",
        "event_name": "Audited",
        "applied": applied,
        "failed": failed,
    }


async def dead_deliveries(database: Database, org: str, webhook_id: str, count: int) -> list[str]:
    """The ids of deliveries that failed for good."""
    ending = Ending(DeliveryState.FAILED, "HTTP_500", "The receiver answered 500.")
    new = NewDelivery(
        webhook_id=WEBHOOKS.stored_id(webhook_id),
        event_id=new_ulid(),
        event_name="Audited",
        body=b"{}",
        ending=ending,
    )
    async with database.organisation(org) as tx:
        return [str(each) for each in await enqueue(tx, [new] * count, utc_now())]


async def send(client: httpx.AsyncClient, place: str, payloads: list[Any]) -> list[str]:
    """The ids of events, once all of them are through."""
    events = [
        {
            "use_case_slug": "contact",
            "timestamp": "2026-01-31T08:30:00Z",
            "format": "json",
            "payload": payload,
        }
        for payload in payloads
    ]
    body = {"integration_id": place.rsplit("/", 1)[1], "events": events}
    answer = await client.post("/erp-integration/v3/erp/updates/events", json=body)
    ids = [result["event_id"] for result in answer.json()["results"]]
    outcomes = f"{place}/monitoring/inbound-events"
    async with asyncio.timeout(30):
        for event_id in ids:
            while not (await client.post(outcomes, json={"event_id": event_id})).json()["data"]:
                await asyncio.sleep(0.02)
    return ids


async def running_redrive(client: httpx.AsyncClient, world: World) -> None:
    """A mass replay that has not ended by the time it is cancelled."""
    place = f"{ERP}/{world['integrationId']}"
    await send(client, place, [NUMBERLESS] * 20)
    body = {"filter": {}, "rate_per_second": 1}
    answer = await client.post(f"{place}/dead-letters/replay", json=body)
    world["redriveId"] = answer.json()["id"]


async def running_delivery_redrive(client: httpx.AsyncClient, world: World) -> None:
    """A mass redrive that has not ended by the time it is cancelled."""
    await world["die"](20)
    body = {"filter": {}, "rate_per_second": 1}
    answer = await client.post("/webhooks/v1/webhooks/dead-letters/redrive", json=body)
    world["redriveId"] = answer.json()["id"]


async def paused_webhook(client: httpx.AsyncClient, world: World) -> None:
    """A webhook that can be resumed."""
    await client.post(f"/webhooks/v1/webhooks/configs/{world['configId']}/pause")


async def event_of_the_catalogue(client: httpx.AsyncClient, world: World) -> None:
    """An event that has happened."""
    place = "/event-catalog/v1/events/Audited"
    await client.post(f"{place}:publish")
    answer = await client.post(f"{place}:trigger", json={})
    world["event_id"] = answer.json()["event_id"]


async def message_of_the_integration(client: httpx.AsyncClient, world: World) -> None:
    """A delivery that an outbound use case has made."""
    delivery = {"type": "webhook", "webhook_id": world["configId"]}
    mapping = {"name": "m", "jsonata_expression": "$", "enabled": True, "delivery": delivery}
    use_case = {
        "name": "Out",
        "type": "outbound",
        "enabled": True,
        "configuration": {"event_catalog_event": "Audited", "mappings": [mapping]},
    }
    await client.post(f"{ERP}/{world['integrationId']}/use-cases", json=use_case)
    await event_of_the_catalogue(client, world)


# What an operation needs besides, before it can succeed.
BEFORE: dict[str, Callable[[httpx.AsyncClient, World], Awaitable[None]]] = {
    "cancelRedrive": running_redrive,
    "cancelDeliveryRedrive": running_delivery_redrive,
    "resumeWebhook": paused_webhook,
    "searchEventHistory": event_of_the_catalogue,
    "queryOutboundMonitoringEvents": message_of_the_integration,
    "searchEventHistoryV2": event_of_the_catalogue,
    "getHistoricalEvent": event_of_the_catalogue,
}


async def succeed(
    client: httpx.AsyncClient, world: World, surface: str, method: str, path: str, name: str
) -> str:
    """Carry an operation out; the id of the request."""
    if name in BEFORE:
        await BEFORE[name](client, world)
    filled = re.sub(r"{(\w+)}", lambda match: str(world[match[1]]), path)
    request_id = f"audited-{new_ulid()}"
    body = {"json": BODIES[name](world)} if name in BODIES else {}
    answer = await client.request(
        method.upper(), f"/{surface}{filled}", headers={"x-request-id": request_id}, **body
    )
    assert answer.is_success, (
        f"{name} must succeed to show that it is audited: say in BODIES, BEFORE or `world` what it "
        f"needs. It answered {answer.status_code} {answer.text}"
    )
    return request_id


async def actions(services: Services, org: str, request_id: str) -> list[str]:
    page = await services.audit.query(org, AuditQuery(request_id=request_id), limit=100)
    assert all(entry.actor.name == "test" for entry in page.entries)
    return [entry.action for entry in page.entries]


@pytest.mark.parametrize(("surface", "method", "path", "name"), operations(changes))
async def test_whoever_changes_something_is_named_in_the_audit_log(
    client: httpx.AsyncClient,
    services: Services,
    org: str,
    world: World,
    surface: str,
    method: str,
    path: str,
    name: str,
) -> None:
    request_id = await succeed(client, world, surface, method, path, name)

    found = await actions(services, org, request_id)
    assert [action for action in found if not action.endswith(".viewed")], (
        f"{name} left no entry: its service has to call tieline.audit.recording.record, or it "
        "belongs into UNAUDITED with a reason."
    )


@pytest.mark.parametrize(("surface", "method", "path", "name"), operations(shows))
async def test_whoever_sees_payloads_or_metadata_of_secrets_is_named(
    client: httpx.AsyncClient,
    services: Services,
    org: str,
    world: World,
    surface: str,
    method: str,
    path: str,
    name: str,
) -> None:
    request_id = await succeed(client, world, surface, method, path, name)

    wanted = "payload.viewed" if name in SHOWING_PAYLOADS else "secret_metadata.viewed"
    assert wanted in await actions(services, org, request_id)


def test_the_exceptions_are_operations_that_exist() -> None:
    names = {param.values[3] for param in operations(lambda _name, _scope: True)}

    assert UNAUDITED.keys() | SHOWING_PAYLOADS | BODIES.keys() | BEFORE.keys() <= names
