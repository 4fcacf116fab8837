"""The access log of the whole organisation."""

from __future__ import annotations

import pytest
from tests.conftest import http_client

from tieline.kit.ids import new_ulid

PLACE = "/api/v1/integration/access-log"
ME = "/api/v1/integration/access/me"
ABSENT = "/entity/v1/entity/contact/0190b5a2-0000-7000-8000-000000000001"


@pytest.fixture
async def calls(application, services, client, org):
    """Three calls with the client's key and one with another."""
    for path in (ME, "/entity/v1/entity/schemas", ABSENT):
        await client.get(path)
    key, text = await services.identity.create_key(org, name="ERP", scopes=["erp:events"])
    async with http_client(application, text) as other:
        await other.post("/erp-integration/v1/integrations", json={})
    await services.access_log.flush()
    return key.id.replace("api_", "key_")


async def listed(client, **query):
    answer = await client.get(PLACE, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_calls_of_all_keys_are_listed_newest_first(client, calls):
    items = (await listed(client))["items"]

    assert [(call["method"], call["path"], call["status"]) for call in items] == [
        ("POST", "/erp-integration/v1/integrations", 403),
        ("GET", ABSENT, 404),
        ("GET", "/entity/v1/entity/schemas", 200),
        ("GET", ME, 200),
    ]
    assert items[0]["caller_id"] == calls
    assert len({call["caller_id"] for call in items}) == 2
    assert [call["at"] for call in items] == sorted((call["at"] for call in items), reverse=True)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"status": 403}, 1),
        ({"service": "entity"}, 2),
        ({"method": "POST"}, 1),
        ({"path": "schemas"}, 1),
        ({"from": "2999-01-01T00:00:00Z"}, 0),
        ({"to": "2000-01-01T00:00:00Z"}, 0),
        ({"caller": f"key_{new_ulid()}"}, 0),
    ],
)
async def test_a_filter_lets_pass_what_it_says(client, calls, query, count):
    assert len((await listed(client, **query))["items"]) == count


@pytest.mark.parametrize("prefix", ["key_", "api_"])
async def test_the_calls_of_one_key_are_found_by_either_id(client, calls, prefix):
    [call] = (await listed(client, caller=calls.replace("key_", prefix)))["items"]

    assert call["caller_id"] == calls


async def test_pages_go_on_where_they_ended(client, calls):
    seen, cursor = [], {}
    while True:
        page = await listed(client, limit=1, path="/", to="2999-01-01T00:00:00Z", **cursor)
        seen += [call["request_id"] for call in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}

    assert len(seen) == len(set(seen)) == 4


async def test_another_organisation_sees_nothing_of_it(application, services, calls, org):
    _, text = await services.identity.create_key(f"{org}-2", name="other")
    async with http_client(application, text) as stranger:
        assert (await listed(stranger))["items"] == []
        assert (await listed(stranger, caller=calls))["items"] == []


@pytest.mark.parametrize(
    "query", ["cursor=x", "limit=501", "limit=0", "status=9", "bogus=1", "from=x", "method=BREW"]
)
async def test_a_wrong_question_is_refused_by_name(client, query):
    answer = await client.get(f"{PLACE}?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["message"]
