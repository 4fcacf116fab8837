"""The access log: what is written down of a call, and who can read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.monitoring.access_models import AccessEntry

START = datetime.now(UTC)


@pytest.fixture
async def token(services: Services, org: str) -> tuple[str, str]:
    """The id and the text of another key of the organisation."""
    key, text = await services.identity.create_key(org, name="ERP", scopes=["entity:read"])
    return key.id, text


@pytest.fixture
async def caller(
    application: Application, token: tuple[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(application, token[1]) as client:
        yield client


@pytest.fixture
async def place(erp: httpx.AsyncClient, integration: Any, token: tuple[str, str]) -> str:
    """The log of an integration with that key."""
    linked = await erp.put(
        f"/v1/integrations/{integration['id']}", json={"access_token_ids": [token[0]]}
    )
    assert linked.status_code == 200, linked.text
    return f"/v1/integrations/{integration['id']}/monitoring/access-logs"


async def calls(erp: httpx.AsyncClient, services: Services, place: str, **query: Any) -> list[Any]:
    await services.access_log.flush()
    answer = await erp.post(place, json=query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["data"]
    return found


async def test_a_call_is_written_down_without_its_secrets(
    erp: httpx.AsyncClient,
    caller: httpx.AsyncClient,
    services: Services,
    place: str,
    token: tuple[str, str],
    org: str,
) -> None:
    answer = await caller.get(
        "/entity/v1/entity/schemas?password=hidden",
        headers={"origin": "https://portal.test", "x-request-id": "r1", "cookie": "hidden"},
    )

    [found] = await calls(erp, services, place)

    at = datetime.fromisoformat(found.pop("timestamp"))
    assert START <= at <= datetime.now(UTC)
    assert found.pop("response_latency_ms") >= 0
    assert found == {
        "environment": "prod",
        "service": "entity",
        "request_id": "r1",
        "method": "GET",
        "path": "/entity/v1/entity/schemas",
        "status": 200,
        "response_length": len(answer.content),
        "token_id": token[0],
        "org_id": org,
        "origin": "https://portal.test",
        "source_ip": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/entity/v1/entity/thing/00000000-0000-0000-0000-000000000000", None, 404),
        ("GET", "/entity/no/such/path", None, 404),
        ("DELETE", "/entity/v1/entity:search", None, 405),
        ("POST", "/entity/v1/entity:search", b"{", 400),
        ("POST", "/erp-integration/v1/integrations", b"{}", 403),
        ("GET", "/entity/v1/entity/a%00b%F0%9F%98%80/schemas%ff", None, 404),
        ("GET", "/entity/" + "long" * 1000, None, 404),
    ],
)
async def test_a_refused_call_is_written_down_too(
    erp: httpx.AsyncClient,
    caller: httpx.AsyncClient,
    services: Services,
    place: str,
    method: str,
    path: str,
    content: bytes | None,
    status: int,
) -> None:
    answer = await caller.request(method, path, content=content)

    [found] = await calls(erp, services, place)

    assert found["status"] == answer.status_code
    if "%" not in path:
        assert found["status"] == status
        assert found["path"] == path[:2000]


async def test_calls_without_a_valid_key_are_shown_to_nobody(
    erp: httpx.AsyncClient,
    application: Application,
    services: Services,
    place: str,
) -> None:
    async with http_client(application, None) as nobody:
        assert (await nobody.get("/entity/v1/entity/schemas")).status_code == 401
        assert (await nobody.get("/entity/no/such/path")).status_code == 404
    async with http_client(application, "tl_service_wrong") as wrong:
        assert (await wrong.get("/entity/v1/entity/schemas")).status_code == 401
        assert (await wrong.get("/entity/no/such/path")).status_code == 404

    assert await calls(erp, services, place) == []


async def test_health_checks_are_not_written_down(
    erp: httpx.AsyncClient, caller: httpx.AsyncClient, services: Services, place: str
) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/", "/nothing"):
        await caller.get(path)

    assert await calls(erp, services, place) == []


def entry(org: str, token_id: str, number: int, **different: Any) -> AccessEntry:
    usual = AccessEntry(
        org_id=org,
        token_id=token_id,
        at=START - timedelta(seconds=number),
        request_id=f"r{number:03d}",
        service="entity",
        method="GET",
        path="/entity/v1/entity/contract",
        status=200,
        latency_ms=3,
        response_length=12,
        origin=None,
        source_ip=None,
    )
    return usual._replace(**different)


@pytest.mark.parametrize(
    ("stored", "query"),
    [
        ({"service": "metering"}, {"service": "metering"}),
        ({"method": "PATCH"}, {"method": "PATCH"}),
        ({"path": "/entity/v1/a_b%c"}, {"path": "_b%c"}),
        ({"status": 503}, {"status": 503}),
        ({"status": 201}, {"status": 201}),
        ({"at": START - timedelta(hours=2)}, {"to_date": (START - timedelta(hours=2)).isoformat()}),
        (
            {"at": START + timedelta(hours=2)},
            {"from_date": (START + timedelta(hours=2)).isoformat()},
        ),
    ],
)
async def test_every_filter_filters(
    erp: httpx.AsyncClient,
    services: Services,
    place: str,
    org: str,
    token: tuple[str, str],
    stored: dict[str, Any],
    query: dict[str, Any],
) -> None:
    services.access_log.record(entry(org, token[0], 1))
    services.access_log.record(entry(org, token[0], 2, **stored))

    assert [each["request_id"] for each in await calls(erp, services, place, **query)] == ["r002"]


@pytest.mark.parametrize("made_by", ["server", "client"])
async def test_every_call_is_on_exactly_one_page(
    erp: httpx.AsyncClient,
    services: Services,
    place: str,
    org: str,
    token: tuple[str, str],
    made_by: str,
) -> None:
    for number in range(11):
        services.access_log.record(
            entry(org, token[0], number, at=START - timedelta(microseconds=number // 3))
        )
    await services.access_log.flush()
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 4}
    while True:
        page = (await erp.post(place, json=query)).json()
        seen += [call["request_id"] for call in page["data"]]
        if not page["has_more"]:
            break
        last = {key: page["data"][-1][key] for key in ("timestamp", "request_id")}
        query["cursor"] = page["next_cursor"] if made_by == "server" else last

    assert page["next_cursor"] is None
    assert sorted(seen) == [f"r{number:03d}" for number in range(11)]
    assert seen[:3] == ["r002", "r001", "r000"]


async def test_only_linked_keys_can_be_asked_about(
    erp: httpx.AsyncClient, services: Services, place: str, org: str, token: tuple[str, str]
) -> None:
    other, _ = await services.identity.create_key(org, name="other")
    services.access_log.record(entry(org, token[0], 1))
    services.access_log.record(entry(org, other.id, 2))
    services.access_log.record(entry("somebody-else", token[0], 3))

    assert [each["request_id"] for each in await calls(erp, services, place)] == ["r001"]
    named = await calls(erp, services, place, token_id=token[0])
    assert [each["request_id"] for each in named] == ["r001"]
    refused = await erp.post(place, json={"token_id": other.id})
    assert refused.status_code == 400
    assert "token_id" in refused.json()["message"]


async def test_a_key_may_be_linked_by_either_of_its_ids(
    erp: httpx.AsyncClient, services: Services, place: str, org: str, token: tuple[str, str]
) -> None:
    shown = token[0].replace("api_", "key_")
    integration = place.removesuffix("/monitoring/access-logs")
    await erp.put(integration, json={"access_token_ids": [shown]})
    services.access_log.record(entry(org, token[0], 1))

    assert [each["request_id"] for each in await calls(erp, services, place)] == ["r001"]
    for either in (shown, token[0]):
        named = await calls(erp, services, place, token_id=either)
        assert [each["request_id"] for each in named] == ["r001"]


async def test_calls_of_several_keys_are_in_one_order(
    erp: httpx.AsyncClient,
    services: Services,
    place: str,
    org: str,
    token: tuple[str, str],
) -> None:
    other, _ = await services.identity.create_key(org, name="other")
    integration = place.removesuffix("/monitoring/access-logs")
    await erp.put(integration, json={"access_token_ids": [token[0], other.id, token[0]]})
    for number in range(6):
        services.access_log.record(entry(org, (token[0], other.id)[number % 2], number))

    found = [each["request_id"] for each in await calls(erp, services, place, limit=5)]

    assert found == ["r000", "r001", "r002", "r003", "r004"]


async def test_without_linked_keys_there_is_nothing_to_see(
    erp: httpx.AsyncClient, services: Services, integration: Any
) -> None:
    place = f"/v1/integrations/{integration['id']}/monitoring/access-logs"
    assert await calls(erp, services, place) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"statuss": "error"}, "statuss"),
        ({"limit": 101}, "limit"),
        ({"method": "BREW"}, "method"),
        ({"status": 99}, "status"),
        ({"status": "200"}, "status"),
        ({"path": 1}, "path"),
        ({"path": "\x00"}, "path"),
        ({"from_date": "x"}, "from_date"),
        ({"from_date": "2026-02-01T00:00:00Z", "to_date": "2026-01-01T00:00:00Z"}, "from_date"),
        ({"cursor": {"request_id": "r"}}, "cursor.timestamp"),
        ({"token_id": ""}, "token_id"),
        ("x", ""),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    erp: httpx.AsyncClient, place: str, query: Any, named: str
) -> None:
    answer = await erp.post(place, json=query)

    assert answer.status_code == 400
    assert named in answer.json()["message"]
