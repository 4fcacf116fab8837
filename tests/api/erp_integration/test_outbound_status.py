"""What contradicts the switch of an outbound use case, both ways."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.api.erp_integration.outbound_making import (
    CONFIGS,
    ERP,
    mapping,
    new_integration,
    new_use_case,
    new_webhook,
    outbound,
)

Found = dict[str, Any]
URL = "https://receiver.invalid/hook"


async def status(client: httpx.AsyncClient, integration_id: str) -> list[Found]:
    answer = await client.get(f"{ERP}/integrations/{integration_id}/outbound-status")
    assert answer.status_code == 200, answer.text
    found: list[Found] = answer.json()["useCases"]
    return found


async def switch_event(client: httpx.AsyncClient, name: str, *, enabled: bool) -> None:
    answer = await client.patch(f"/event-catalog/v1/events/{name}", json={"enabled": enabled})
    assert answer.status_code == 200, answer.text


async def switch_webhook(client: httpx.AsyncClient, webhook: Found, *, enabled: bool) -> None:
    body = {"name": webhook["name"], "eventName": "x", "url": URL, "enabled": enabled}
    answer = await client.put(f"{CONFIGS}/{webhook['id']}", json=body)
    assert answer.status_code == 200, answer.text


async def test_a_use_case_that_can_work_is_ok(client: httpx.AsyncClient) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, URL, name="Archive")
    use_case = await new_use_case(client, integration_id, outbound(mapping(webhook)))

    assert await status(client, integration_id) == [
        {
            "useCaseId": use_case["id"],
            "name": "Contracts out",
            "useCaseEnabled": True,
            "eventCatalogEvent": "EntityCreated",
            "eventEnabled": True,
            "webhooks": [{"webhookId": webhook["id"], "webhookName": "Archive", "enabled": True}],
            "status": "ok",
            "conflicts": [],
        }
    ]


async def test_an_enabled_use_case_needs_its_event_and_a_webhook(
    client: httpx.AsyncClient,
) -> None:
    integration_id = await new_integration(client)
    webhooks = [await new_webhook(client, URL, name=name) for name in ("One", "Two")]
    await new_use_case(client, integration_id, outbound(*map(mapping, webhooks)))
    await switch_event(client, "EntityCreated", enabled=False)
    await switch_webhook(client, webhooks[0], enabled=False)

    [found] = await status(client, integration_id)
    assert (found["status"], found["eventEnabled"]) == ("conflict", False)
    assert [each["type"] for each in found["conflicts"]] == ["event_disabled"]
    assert [each["enabled"] for each in found["webhooks"]] == [False, True]

    await switch_event(client, "EntityCreated", enabled=True)
    await switch_webhook(client, webhooks[1], enabled=False)
    [found] = await status(client, integration_id)
    assert found["status"] == "conflict"
    [conflict] = found["conflicts"]
    assert conflict["type"] == "all_webhooks_disabled"
    assert '"One", "Two"' in conflict["message"]
    assert "webhookId" not in conflict


async def test_a_disabled_use_case_should_have_nothing_enabled(
    client: httpx.AsyncClient,
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, URL)
    body = outbound(mapping(webhook), enabled=False)
    await new_use_case(client, integration_id, body)

    [found] = await status(client, integration_id)
    assert found["status"] == "disabled"
    assert [each["type"] for each in found["conflicts"]] == [
        "event_enabled_while_disabled",
        "webhook_enabled_while_disabled",
    ]
    assert found["conflicts"][1]["webhookId"] == webhook["id"]

    await switch_event(client, "EntityCreated", enabled=False)
    await switch_webhook(client, webhook, enabled=False)
    [found] = await status(client, integration_id)
    assert (found["status"], found["conflicts"]) == ("disabled", [])


@pytest.mark.parametrize("enabled", [True, False])
async def test_what_does_not_exist_is_neither_enabled_nor_disabled(
    client: httpx.AsyncClient, enabled: bool
) -> None:
    integration_id = await new_integration(client)
    unknown = str(uuid4())
    named = mapping(unknown)
    named["delivery"]["webhook_name"] = "Former"
    body = outbound(named, event="no.such.event", enabled=enabled)
    await new_use_case(client, integration_id, body)

    [found] = await status(client, integration_id)

    assert found["eventEnabled"] is None
    assert found["webhooks"] == [{"webhookId": unknown, "webhookName": "Former", "enabled": None}]
    expected = ["event_disabled", "all_webhooks_disabled"] if enabled else []
    assert [each["type"] for each in found["conflicts"]] == expected
    assert found["status"] == ("conflict" if enabled else "disabled")


async def test_a_use_case_without_an_enabled_mapping_sends_nothing(
    client: httpx.AsyncClient,
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, URL)
    await new_use_case(client, integration_id, outbound(mapping(webhook, enabled=False)))
    bare = outbound(name="Bare")
    del bare["configuration"]
    await new_use_case(client, integration_id, bare)

    first, second = await status(client, integration_id)

    assert [each["type"] for each in first["conflicts"]] == ["all_webhooks_disabled"]
    assert "None of its mappings is enabled" in first["conflicts"][0]["message"]
    assert second["status"] == "conflict"
    assert "eventCatalogEvent" not in second


async def test_only_outbound_use_cases_have_such_a_status(client: httpx.AsyncClient) -> None:
    integration_id = await new_integration(client)
    inbound = {"name": "In", "type": "inbound", "enabled": True}
    await new_use_case(client, integration_id, inbound)

    assert await status(client, integration_id) == []


async def test_an_integration_of_another_organisation_has_none(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    integration_id = await new_integration(client)

    answer = await stranger.get(f"/v1/integrations/{integration_id}/outbound-status")

    assert (answer.status_code, answer.json()["code"]) == (404, "INTEGRATION_NOT_FOUND")
