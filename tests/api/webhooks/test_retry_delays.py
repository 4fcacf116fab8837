"""The waits between attempts, set on either view of a webhook."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

CONFIGS = "/webhooks/v1/webhooks/configs"
DOMAIN = "/api/v1/integration/webhooks"
CONFIG = {"name": "ERP", "eventName": "EntityUpdated", "url": "https://erp.example.com/hooks"}


async def test_waits_that_are_set_in_one_view_show_in_the_other(client: httpx.AsyncClient) -> None:
    policy = {"enabled": True, "maxAttempts": 2, "delaysSeconds": [0.5, 60]}
    answer = await client.post(CONFIGS, json={**CONFIG, "retryPolicy": policy})
    assert answer.status_code == 201, answer.text
    made = answer.json()

    assert made["retryPolicy"]["delaysSeconds"] == [0.5, 60]
    listed = (await client.get(DOMAIN)).json()["items"]
    assert [each["retry_policy"]["delaysSeconds"] for each in listed] == [[0.5, 60]]


async def test_without_them_none_are_shown(client: httpx.AsyncClient) -> None:
    made = (await client.post(CONFIGS, json=CONFIG)).json()

    assert "delaysSeconds" not in made["retryPolicy"]
    [shown] = (await client.get(DOMAIN)).json()["items"]
    assert "delaysSeconds" not in shown["retry_policy"]


@pytest.mark.parametrize("delays", [[], [-1], ["soon"], [604_801], [1] * 26, 5, [None]])
async def test_impossible_waits_are_refused_by_name(client: httpx.AsyncClient, delays: Any) -> None:
    bodies = (
        (CONFIGS, {**CONFIG, "retryPolicy": {"enabled": True, "delaysSeconds": delays}}),
        (DOMAIN, {"name": "ERP", "retry_policy": {"delaysSeconds": delays}}),
    )
    for path, body in bodies:
        answer = await client.post(path, json=body)
        assert answer.status_code == 400, answer.text
        assert "delaysSeconds" in answer.text
    assert (await client.get(DOMAIN)).json()["total"] == 0
