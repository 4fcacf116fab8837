from typing import Any
from uuid import uuid4

import httpx
import pytest

from tieline.app import Application
from tieline.http.services import Services

FULL = {
    "name": "SAP IS-U",
    "description": "Billing",
    "access_token_ids": ["api_1"],
    "app_ids": ["app"],
    "environment_config": [
        {"key": "erp.url", "label": "URL", "type": "String", "required": True, "order": 0}
    ],
    "settings": {"autoRefresh": {"enabled": True, "freshnessThresholdMinutes": 30}},
    "integration_type": "erp",
    "x_notes": {"rate": 0.1, "big": 12345678901234567890},
}


async def test_everything_that_was_sent_comes_back_unknown_keys_included(
    erp: httpx.AsyncClient, org: str
) -> None:
    answer = await erp.post("/v1/integrations", json=FULL)

    created = answer.json()
    assert answer.status_code == 201
    assert FULL.items() <= created.items()
    assert created["orgId"] == org
    assert created["created_at"] == created["updated_at"]
    assert (await erp.get(f"/v1/integrations/{created['id']}")).json() == created
    assert (await erp.get("/v1/integrations")).json() == {"integrations": [created]}


async def test_numbers_keep_every_digit(erp: httpx.AsyncClient) -> None:
    numbers = '"x_price":12345678901234.567890,"x_id":123456789012345678901234567890'
    headers = {"content-type": "application/json"}

    answer = await erp.post(
        "/v1/integrations", content='{"name": "SAP",' + numbers + "}", headers=headers
    )

    assert numbers in answer.text


async def test_what_the_server_stamps_cannot_be_sent(erp: httpx.AsyncClient, org: str) -> None:
    stamped = {"id": str(uuid4()), "orgId": "other", "created_at": "2001-01-01T00:00:00Z"}

    created = (await erp.post("/v1/integrations", json={"name": "SAP", **stamped})).json()

    assert created["orgId"] == org
    assert created["id"] != stamped["id"]
    assert not created["created_at"].startswith("2001")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": None}, "name"),
        ({"name": 1}, "name"),
        ({"name": "a", "description": "x" * 1001}, "description"),
        ({"name": "a", "access_token_ids": [1]}, "access_token_ids.0"),
        ({"name": "a", "environment_config": [{"key": "a"}]}, "environment_config.0.label"),
        (
            {"name": "a", "environment_config": [{"key": "A B", "label": "l", "type": "String"}]},
            "environment_config.0.key",
        ),
        ({"name": "a", "settings": {"autoRefresh": {"freshnessThresholdMinutes": 0}}}, "freshness"),
        ({"name": "a", "settings": {"autoRefresh": {"enabled": "yes"}}}, "enabled"),
        ({"name": "nul \x00"}, "name"),
        ({"name": "a", "x": {"y": ["\x00"]}}, "x.y[0]"),
        ([], ""),
    ],
)
async def test_an_invalid_integration_is_refused_with_the_field_named(
    erp: httpx.AsyncClient, body: Any, named: str
) -> None:
    answer = await erp.post("/v1/integrations", json=body)

    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert answer.json()["request_id"]
    assert (await erp.get("/v1/integrations")).json() == {"integrations": []}


async def test_a_change_leaves_alone_what_it_does_not_mention(erp: httpx.AsyncClient) -> None:
    created = (await erp.post("/v1/integrations", json=FULL)).json()

    answer = await erp.put(
        f"/v1/integrations/{created['id']}", json={"name": "S/4", "description": None}
    )

    changed = answer.json()
    assert answer.status_code == 200
    assert changed["name"] == "S/4"
    assert "description" not in changed
    assert changed["settings"] == FULL["settings"]
    assert changed["created_at"] == created["created_at"]
    assert changed["updated_at"] > created["updated_at"]


async def test_a_change_that_changes_nothing_leaves_the_time_of_the_last_one(
    erp: httpx.AsyncClient,
) -> None:
    created = (await erp.post("/v1/integrations", json=FULL)).json()

    for body in ({}, {"name": FULL["name"]}):
        answer = await erp.put(f"/v1/integrations/{created['id']}", json=body)
        assert answer.json() == created


async def test_true_and_one_are_different_values(erp: httpx.AsyncClient) -> None:
    created = (await erp.post("/v1/integrations", json={"name": "SAP", "x": 1})).json()

    await erp.put(f"/v1/integrations/{created['id']}", json={"x": True})

    assert (await erp.get(f"/v1/integrations/{created['id']}")).json()["x"] is True


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_deleted_integration_is_gone_with_its_use_cases(
    erp: httpx.AsyncClient, use_case: Any, version: str
) -> None:
    created = (
        await erp.post("/v2/integrations", json={"name": "SAP", "use_cases": [use_case()]})
    ).json()
    place = f"/v1/integrations/{created['id']}"

    answer = await erp.delete(f"/{version}/integrations/{created['id']}")

    assert answer.status_code == 200
    assert answer.json()["message"]
    for gone in ("", "/use-cases", f"/use-cases/{created['use_cases'][0]['id']}"):
        assert (await erp.get(place + gone)).status_code == 404
    assert (await erp.delete(f"/{version}/integrations/{created['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/integrations/{id}", None),
        ("PUT", "/v1/integrations/{id}", {}),
        ("DELETE", "/v1/integrations/{id}", None),
        ("GET", "/v2/integrations/{id}", None),
        ("PUT", "/v2/integrations/{id}", {"name": "a"}),
        ("DELETE", "/v2/integrations/{id}", None),
        ("GET", "/v1/integrations/{id}/use-cases", None),
        (
            "POST",
            "/v1/integrations/{id}/use-cases",
            {"name": "a", "type": "inbound", "enabled": True},
        ),
        ("POST", "/v1/integrations/{id}/monitoring/inbound-events", {}),
    ],
)
async def test_another_organisations_integration_does_not_exist(
    erp: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    integration: Any,
    method: str,
    path: str,
    body: Any,
) -> None:
    place = path.format(id=integration["id"])

    answer = await stranger.request(method, place, json=body)

    assert answer.status_code == 404
    assert answer.json()["code"] == "INTEGRATION_NOT_FOUND"
    assert (await erp.get(f"/v1/integrations/{integration['id']}")).json() == integration


async def test_a_malformed_id_is_named(erp: httpx.AsyncClient) -> None:
    answer = await erp.get("/v1/integrations/4711")

    assert answer.status_code == 400
    assert "integrationId" in answer.json()["message"]


@pytest.mark.parametrize("scope", ["erp:events", "erp:monitoring"])
async def test_a_key_without_the_scope_may_not_read_or_write(
    application: Application, services: Services, org: str, scope: str
) -> None:
    _, text = await services.identity.create_key(org, name="narrow", scopes=[scope])
    transport = httpx.ASGITransport(app=application.asgi)
    headers = {"authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://t", headers=headers
    ) as narrow:
        place = "/erp-integration/v1/integrations"
        assert (await narrow.get(place)).status_code == 403
        assert (await narrow.post(place, json={"name": "SAP"})).status_code == 403


# --- v2 ---


async def test_v2_creates_an_integration_with_its_use_cases_at_once(
    erp: httpx.AsyncClient, use_case: Any
) -> None:
    wanted_id = str(uuid4())
    body = {**FULL, "use_cases": [use_case(id=wanted_id), use_case(name="Two", slug="two")]}

    answer = await erp.post("/v2/integrations", json=body)

    created = answer.json()
    assert answer.status_code == 201
    assert FULL.items() <= created.items()
    assert [found["slug"] for found in created["use_cases"]] == ["customers", "two"]
    assert created["use_cases"][0]["id"] == wanted_id
    assert {found["integrationId"] for found in created["use_cases"]} == {created["id"]}
    assert (await erp.get(f"/v2/integrations/{created['id']}")).json() == created
    assert (await erp.get("/v2/integrations")).json() == {"integrations": [created]}


async def test_v2_creates_nothing_when_one_use_case_is_wrong(
    erp: httpx.AsyncClient, use_case: Any
) -> None:
    broken = use_case(slug="b", configuration={"entities": [{"entity_schema": "contact"}]})

    answer = await erp.post(
        "/v2/integrations", json={"name": "SAP", "use_cases": [use_case(), broken]}
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "INVALID_CONFIGURATION"
    assert answer.json()["path"].startswith("use_cases[1].configuration.entities[0]")
    assert (await erp.get("/v1/integrations")).json() == {"integrations": []}


async def test_v2_makes_the_use_cases_what_the_request_says(
    erp: httpx.AsyncClient, use_case: Any
) -> None:
    created = (
        await erp.post(
            "/v2/integrations",
            json={"name": "SAP", "use_cases": [use_case(), use_case(name="B", slug="b")]},
        )
    ).json()
    kept, dropped = created["use_cases"]
    chosen = str(uuid4())
    wanted = [
        use_case(id=kept["id"], name="Renamed", slug=None),
        use_case(id=chosen, name="Chosen", slug="chosen"),
        use_case(name="Heir", slug=dropped["slug"]),
    ]

    answer = await erp.put(
        f"/v2/integrations/{created['id']}", json={"name": "SAP", "use_cases": wanted}
    )

    found = {case["name"]: case for case in answer.json()["use_cases"]}
    assert answer.status_code == 200
    assert set(found) == {"Renamed", "Chosen", "Heir"}
    assert found["Renamed"]["id"] == kept["id"]
    assert found["Renamed"]["slug"] == "customers"
    assert found["Renamed"]["created_at"] == kept["created_at"]
    assert found["Chosen"]["id"] == chosen
    assert found["Heir"]["id"] != dropped["id"]
    stored = (await erp.get(f"/v2/integrations/{created['id']}")).json()
    assert stored["use_cases"] == answer.json()["use_cases"]


async def test_v2_without_use_cases_leaves_them_alone_and_an_empty_list_deletes_all(
    erp: httpx.AsyncClient, use_case: Any
) -> None:
    created = (
        await erp.post("/v2/integrations", json={"name": "SAP", "use_cases": [use_case()]})
    ).json()
    place = f"/v2/integrations/{created['id']}"

    assert (await erp.put(place, json={"name": "S/4"})).json()["use_cases"] == created["use_cases"]
    assert (await erp.put(place, json={"name": "S/4", "use_cases": []})).json()["use_cases"] == []


async def test_v2_said_twice_changes_nothing_the_second_time(
    erp: httpx.AsyncClient, use_case: Any
) -> None:
    created = (
        await erp.post("/v2/integrations", json={"name": "SAP", "use_cases": [use_case()]})
    ).json()

    again = await erp.put(f"/v2/integrations/{created['id']}", json=created)

    assert again.json() == created
    case = created["use_cases"][0]
    history = await erp.get(f"/v1/integrations/{created['id']}/use-cases/{case['id']}/history")
    assert history.json() == {"history": []}


async def test_v2_refuses_the_same_id_or_slug_twice(erp: httpx.AsyncClient, use_case: Any) -> None:
    same = str(uuid4())

    for twice, code in (
        ([use_case(id=same), use_case(id=same, slug="b")], "DUPLICATE_USE_CASE"),
        ([use_case(), use_case(name="B")], "SLUG_TAKEN"),
    ):
        answer = await erp.post("/v2/integrations", json={"name": "SAP", "use_cases": twice})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (await erp.get("/v1/integrations")).json() == {"integrations": []}


async def test_v2_takes_no_use_case_from_another_integration(
    erp: httpx.AsyncClient, use_case: Any
) -> None:
    one = (
        await erp.post("/v2/integrations", json={"name": "One", "use_cases": [use_case()]})
    ).json()
    two = (await erp.post("/v1/integrations", json={"name": "Two"})).json()
    body = {"name": "Two", "use_cases": [use_case(id=one["use_cases"][0]["id"])]}

    answer = await erp.put(f"/v2/integrations/{two['id']}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "USE_CASE_ID_TAKEN")
    assert (await erp.get(f"/v2/integrations/{one['id']}")).json() == one


async def test_v2_may_use_an_id_that_another_organisation_uses(
    erp: httpx.AsyncClient, stranger: httpx.AsyncClient, use_case: Any
) -> None:
    body = {"name": "SAP", "use_cases": [use_case(id=str(uuid4()))]}

    theirs = (await stranger.post("/v2/integrations", json=body)).json()
    ours = await erp.post("/v2/integrations", json=body)

    assert ours.status_code == 201
    assert (await stranger.get(f"/v2/integrations/{theirs['id']}")).json() == theirs


async def test_the_same_idempotency_key_creates_one_integration(erp: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": str(uuid4())}

    first = await erp.post("/v1/integrations", json={"name": "SAP"}, headers=headers)
    second = await erp.post("/v1/integrations", json={"name": "SAP"}, headers=headers)

    assert second.json() == first.json()
    assert len((await erp.get("/v1/integrations")).json()["integrations"]) == 1


async def test_a_null_within_a_value_is_as_good_as_nothing(client):
    sent = {
        "name": "ERP",
        "environment_config": [
            {"key": "a", "label": "A", "type": "String", "description": None, "order": None}
        ],
        "settings": {"autoRefresh": {"enabled": True, "freshnessThresholdMinutes": None}},
    }
    response = await client.post("/erp-integration/v1/integrations", json=sent)
    assert response.status_code == 201
    assert response.json()["environment_config"] == [{"key": "a", "label": "A", "type": "String"}]
    assert response.json()["settings"] == {"autoRefresh": {"enabled": True}}
