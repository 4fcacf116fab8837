"""The environments API: each operation, happy and unhappy."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.identity.models import Scope
from tieline.secrets.references import resolve

VARIABLES = "/environments/v1/environments"
GROUPS = f"{VARIABLES}/groups"
HUSH = "hush-hush-value-of-an-api-test"


async def create(client: httpx.AsyncClient, key: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post(VARIABLES, json={"key": key, "type": "String", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, code: str, word: str = "") -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert word in body["error"]
    assert body["request_id"]


async def test_a_readable_variable_comes_back(client: httpx.AsyncClient) -> None:
    made = await create(client, "erp.host", value="a.example", description="SAP", group="erp")

    assert {**made, "created_at": "", "updated_at": ""} == {
        "key": "erp.host",
        "type": "String",
        "description": "SAP",
        "group": "erp",
        "value": "a.example",
        "protected": False,
        "created_at": "",
        "updated_at": "",
    }
    assert (await client.get(f"{VARIABLES}/erp.host")).json() == made
    assert (await client.get(VARIABLES)).json() == {"items": [made]}
    assert [group["name"] for group in (await client.get(GROUPS)).json()["items"]] == ["erp"]


async def test_a_secret_variable_never_comes_back(
    client: httpx.AsyncClient, services: Services, org: str
) -> None:
    answers = [
        await client.post(VARIABLES, json={"key": "t", "type": "SecretString", "value": HUSH}),
        await client.get(f"{VARIABLES}/t"),
        await client.get(VARIABLES),
        await client.put(f"{VARIABLES}/t", json={"description": "token", "value": HUSH}),
        await client.post(VARIABLES, json={"key": "t", "type": "SecretString", "value": HUSH}),
        await client.put(f"{VARIABLES}/t", json={"type": "String"}),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 409, 409]
    assert not any(HUSH in answer.text or '"value"' in answer.text for answer in answers)
    async with services.database.organisation(org) as tx:
        assert (await resolve(services.environments, tx, "{{env.t}}")).value == HUSH


async def test_put_creates_and_then_changes(client: httpx.AsyncClient) -> None:
    first = await client.put(f"{VARIABLES}/a", json={"value": "1"})
    second = await client.put(f"{VARIABLES}/a", json={"description": "what"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["type"] == "String"
    assert (second.json()["value"], second.json()["description"]) == ("1", "what")
    assert second.json()["created_at"] == first.json()["created_at"]
    removed = await client.put(f"{VARIABLES}/a", json={"description": None})
    assert "description" not in removed.json()


async def test_a_variable_may_be_a_name_only(client: httpx.AsyncClient) -> None:
    assert "value" not in await create(client, "later")


async def test_a_key_that_exists_is_not_created_again(client: httpx.AsyncClient) -> None:
    await create(client, "a", value="1")

    answer = await client.post(VARIABLES, json={"key": "a", "type": "String", "value": "2"})

    refused(answer, 409, "VARIABLE_EXISTS")
    assert (await client.get(f"{VARIABLES}/a")).json()["value"] == "1"


async def test_a_deleted_variable_is_gone(client: httpx.AsyncClient) -> None:
    await create(client, "a")

    gone = await client.delete(f"{VARIABLES}/a")

    assert (gone.status_code, gone.content) == (204, b"")
    refused(await client.get(f"{VARIABLES}/a"), 404, "VARIABLE_NOT_FOUND")
    refused(await client.delete(f"{VARIABLES}/a"), 404, "VARIABLE_NOT_FOUND")


async def test_a_protected_variable_is_changed_only_by_lifting_it(
    client: httpx.AsyncClient,
) -> None:
    await create(client, "a", value="1", protected=True)

    change = await client.put(f"{VARIABLES}/a", json={"value": "2"})
    refused(change, 403, "VARIABLE_PROTECTED", "protected: false")
    refused(await client.delete(f"{VARIABLES}/a"), 403, "VARIABLE_PROTECTED")
    lifted = await client.put(f"{VARIABLES}/a", json={"value": "2", "protected": False})
    assert (lifted.json()["value"], lifted.json()["protected"]) == ("2", False)


async def test_groups_are_described_listed_and_deleted(client: httpx.AsyncClient) -> None:
    await create(client, "a", group="sap erp")
    made = await client.put(f"{GROUPS}/crm", json={"description": "The CRM"})
    again = await client.put(f"{GROUPS}/crm", json={})
    changed = await client.put(f"{GROUPS}/sap erp", json={"description": "SAP"})

    assert [made.status_code, again.status_code, changed.status_code] == [201, 200, 200]
    assert again.json() == made.json()
    listed = (await client.get(GROUPS)).json()["items"]
    assert [(g["name"], g["description"]) for g in listed] == [
        ("crm", "The CRM"),
        ("sap erp", "SAP"),
    ]
    assert (await client.delete(f"{GROUPS}/sap erp")).status_code == 204
    assert "group" not in (await client.get(f"{VARIABLES}/a")).json()
    refused(await client.delete(f"{GROUPS}/sap erp"), 404, "GROUP_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "Number", "value": 1}, "'String' or 'SecretString'"),
        ({"type": "JSON", "value": {}}, "'String' or 'SecretString'"),
        ({"type": "List"}, "'String' or 'SecretString'"),
        ({"type": None}, "type"),
        ({"value": 7, "type": "SecretString"}, "value"),
        ({"value": {"a": HUSH}}, "value"),
        ({"value": None}, "value"),
        ({"value": HUSH + "x" * 40_000, "type": "SecretString"}, "value"),
        ({"value": HUSH + "ä" * 20_000, "type": "SecretString"}, "value"),
        ({"value": HUSH + "\x00", "type": "SecretString"}, "value"),
        ({"value": HUSH + "\x00"}, "value"),
        ({"description": "a\x00b"}, "description"),
        ({"description": "a" * 1_001}, "description"),
        ({"group": "a/b"}, "group"),
        ({"group": ""}, "group"),
        ({"group": "a\x00"}, "group"),
        ({"protected": "maybe"}, "protected"),
        ({"protected": None}, "protected"),
        ({"colour": "red", "value": HUSH}, "colour"),
    ],
)
async def test_bad_input_is_refused_by_its_field_and_nothing_is_stored(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    for answer in (
        await client.put(f"{VARIABLES}/a", json=body),
        await client.post(VARIABLES, json={"key": "a", "type": "String", **body}),
    ):
        refused(answer, 400, "INVALID_REQUEST", field)
        assert HUSH not in answer.text
    assert (await client.get(VARIABLES)).json() == {"items": []}
    assert (await client.get(GROUPS)).json() == {"items": []}


async def test_half_a_character_is_refused_without_repeating_the_rest(
    client: httpx.AsyncClient,
) -> None:
    body = json.dumps({"value": f"{HUSH}\ud800", "type": "SecretString"})

    answer = await client.put(f"{VARIABLES}/a", content=body.encode())

    assert answer.status_code == 400
    assert HUSH not in answer.text


@pytest.mark.parametrize("odd", ["A", "-a", "a b", "ä", "a" * 129, "%00", "a%2Fb%00"])
async def test_a_key_that_cannot_be_is_refused_or_not_found(
    client: httpx.AsyncClient, odd: str
) -> None:
    for answer in (
        await client.get(f"{VARIABLES}/{odd}"),
        await client.put(f"{VARIABLES}/{odd}", json={}),
        await client.delete(f"{VARIABLES}/{odd}"),
    ):
        assert answer.status_code in (400, 404)
        assert answer.json()["error"]


async def test_the_word_for_groups_is_no_key(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.post(VARIABLES, json={"key": "groups", "type": "String"}),
        await client.put(f"{VARIABLES}/groups", json={}),
    ):
        refused(answer, 400, "INVALID_REQUEST", "groups")


async def test_reading_and_writing_need_their_scopes(
    application: Application, services: Services, org: str
) -> None:
    _, key = await services.identity.create_key(org, name="r", scopes=[Scope.ENVIRONMENT_READ])
    async with http_client(application, key) as reader:
        assert (await reader.get(VARIABLES)).status_code == 200
        for answer in (
            await reader.post(VARIABLES, json={"key": "a", "type": "String"}),
            await reader.put(f"{VARIABLES}/a", json={}),
            await reader.delete(f"{VARIABLES}/a"),
            await reader.put(f"{GROUPS}/a", json={}),
            await reader.delete(f"{GROUPS}/a"),
        ):
            refused(answer, 403, "MISSING_SCOPE", "environment:write")


async def test_a_repeated_request_gets_the_stored_answer(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "once"}
    body = {"key": "t", "type": "SecretString", "value": HUSH}

    first = await client.post(VARIABLES, json=body, headers=headers)
    second = await client.post(VARIABLES, json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
