"""Listing entities by filters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Create = Callable[..., Awaitable[dict[str, Any]]]

URL = "/entity/v1/entity:list"
SCHEMA = {"term": {"_schema": "meter"}}


@pytest.fixture
async def meters(create: Create) -> None:
    await create("meter", key="a", number="0815", kind="electricity", reading=10, tags=["x", "y"])
    await create(
        "meter", key="b", number=4711, kind="Electricity", reading=20.50, read="2026-03-01"
    )
    await create("meter", key="c", number="X 1", kind=None, reading=30, read="2026-03-01T12:00:00Z")
    await create("contact", key="other", number="0815")


async def listed(client: httpx.AsyncClient, *filters: Any, **options: Any) -> list[str]:
    response = await client.post(URL, json={"filter": [SCHEMA, *filters], **options})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["hits"] == len(answer["results"])
    return sorted(result["key"] for result in answer["results"])


@pytest.mark.usefixtures("meters")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["a", "b", "c"]),
        ([{"term": {"number": "0815"}}], ["a"]),
        ([{"term": {"number": 815}}], []),
        ([{"term": {"number": 4711}}], ["b"]),
        ([{"term": {"number": "4711"}}], ["b"]),
        ([{"term": {"reading": 20.5}}], ["b"]),
        ([{"term": {"reading": {"value": 20.5}}}], ["b"]),
        ([{"term": {"kind.keyword": "electricity"}}], ["a"]),
        ([{"term": {"kind": "electric"}}], []),
        ([{"term": {"kind": None}}], ["c"]),
        ([{"term": {"tags": "y"}}], ["a"]),
        ([{"terms": {"kind": ["electricity", "Electricity"]}}], ["a", "b"]),
        ([{"terms": {"kind": ["electricity", None]}}], ["a", "c"]),
        ([{"terms": {"kind": []}}], []),
        ([{"terms": {"tags": ["z", "x"]}}], ["a"]),
        ([{"range": {"reading": {"gte": 20.5}}}], ["b", "c"]),
        ([{"range": {"reading": {"gt": 10, "lt": 30}}}], ["b"]),
        ([{"range": {"reading": {"gt": 10, "gte": 30}}}], ["b", "c"]),
        ([{"range": {"reading": {}}}], ["a", "b", "c"]),
        ([{"range": {"read": {"gte": "2026-03-01", "lte": "2026-03-01"}}}], ["b", "c"]),
        ([{"range": {"read": {"gt": "2026-03-01"}}}], []),
        ([{"range": {"read": {"gte": "2026-03-01T13:00", "time_zone": "+01:00"}}}], ["c"]),
        ([{"range": {"read": {"gte": "2026-03-01T13:00", "time_zone": "Europe/Berlin"}}}], ["c"]),
        ([{"range": {"read": {"gte": 1772366400000, "format": "epoch_millis"}}}], ["c"]),
        ([{"range": {"_created_at": {"gte": "now-1h"}}}], ["a", "b", "c"]),
        ([{"exists": {"field": "kind"}}], ["a", "b"]),
        ([{"exists": {"field": "_title"}}], []),
        ([{"$or": [{"term": {"key": "a"}}, {"term": {"key": "c"}}]}], ["a", "c"]),
        ([{"$not": [{"term": {"key": "a"}}, {"term": {"key": "c"}}]}], ["b"]),
        ([{"$and": [{"term": {"tags": "x"}}, {"term": {"tags": "y"}}]}], ["a"]),
        ([{"$or": []}], []),
        ([{"$not": [{"exists": {"field": "kind"}}]}], ["c"]),
    ],
)
async def test_filters(client: httpx.AsyncClient, filters: list[Any], expected: list[str]) -> None:
    assert await listed(client, *filters) == expected


async def test_lists_by_ids(client: httpx.AsyncClient, create: Create) -> None:
    first = await create("meter", key="first")
    await create("meter", key="second")
    body = {"filter": [{"ids": {"values": [first["_id"], "no uuid"]}}]}
    answer = (await client.post(URL, json=body)).json()
    assert [result["key"] for result in answer["results"]] == ["first"]


@pytest.mark.usefixtures("meters")
async def test_combines_filters_with_a_query(client: httpx.AsyncClient) -> None:
    query = {"query_string": {"query": "electricity 0815"}}
    assert await listed(client, query=query) == ["a", "b"]
    query = {"query_string": {"query": "electricity 0815", "default_operator": "AND"}}
    assert await listed(client, query=query) == ["a"]
    query = {"query_string": {"query": "0815 electricity", "fields": ["number^3"]}}
    assert await listed(client, query=query) == ["a"]


@pytest.mark.usefixtures("meters")
async def test_a_listing_names_its_schemas_or_says_that_it_wants_all(
    client: httpx.AsyncClient,
) -> None:
    everything = {"filter": [{"term": {"number": "0815"}}]}
    refused = await client.post(URL, json=everything)
    assert refused.status_code == 400
    assert refused.json()["code"] == "SCHEMA_FILTER_MISSING"
    allowed = await client.post(URL, json={**everything, "allow_targeting_all_schemas": True})
    assert allowed.json()["hits"] == 2
    either = {"$or": [SCHEMA, {"term": {"_schema": "contact"}}]}
    assert (await client.post(URL, json={"filter": [either]})).status_code == 200
    half = {"$or": [SCHEMA, {"term": {"number": "0815"}}]}
    assert (await client.post(URL, json={"filter": [half]})).status_code == 400
    opposite = {"$not": [SCHEMA]}
    assert (await client.post(URL, json={"filter": [opposite]})).status_code == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ["filter"]),
        ({"filter": {}}, ["filter"]),
        ({"filter": [{}]}, ["filter[0]", "exactly one"]),
        ({"filter": [{"match": {"a": 1}}]}, ["filter[0]", "match"]),
        ({"filter": [{"term": {"a": [1]}}]}, ["filter[0].term.a"]),
        ({"filter": [{"term": {"a": 1, "b": 2}}]}, ["filter[0].term"]),
        ({"filter": [{"terms": {"a": 1}}]}, ["filter[0].terms.a"]),
        ({"filter": [{"ids": {"values": "x"}}]}, ["filter[0].ids.values"]),
        ({"filter": [{"exists": {}}]}, ["filter[0].exists.field"]),
        ({"filter": [{"range": {"a": 5}}]}, ["filter[0].range.a"]),
        ({"filter": [{"range": {"a": {"from": 5}}}]}, ["filter[0].range.a", "from"]),
        ({"filter": [{"range": {"a": {"gt": {}}}}]}, ["filter[0].range.a.gt"]),
        ({"filter": [{"range": {"a": {"gt": 1, "format": "dd.MM"}}}]}, ["format"]),
        ({"filter": [{"range": {"a": {"gt": 1, "time_zone": "Mars"}}}]}, ["time_zone"]),
        ({"filter": [{"range": {"a": {"gt": 1, "format": ["date"]}}}]}, ["format"]),
        ({"filter": [{"range": {"a": {"gt": 1, "time_zone": "+99999999999"}}}]}, ["time_zone"]),
        ({"filter": [SCHEMA, {"term": {"a." * 9_000 + "b": 1}}]}, ["stack depth"]),
        ({"filter": [{"$or": [{"$not": [5]}]}]}, ["filter[0].$or[0].$not[0]"]),
        ({"filter": [SCHEMA], "query": {"query_string": {"query": "("}}}, ["query_string.query"]),
        ({"filter": [SCHEMA], "query": {"match_all": {}}}, ["match_all"]),
        ({"filter": [SCHEMA], "surprise": 1}, ["surprise"]),
        ({"filter": [{"$and": [SCHEMA] * 2_000}]}, ["1024"]),
    ],
)
async def test_refuses_filters_that_cannot_be_read(
    client: httpx.AsyncClient, body: dict[str, Any], words: list[str]
) -> None:
    response = await client.post(URL, json=body)
    assert response.status_code == 400, response.text
    assert all(word in response.json()["error"] for word in words), response.text


@pytest.mark.usefixtures("meters")
async def test_more_values_than_the_index_takes_at_once(client: httpx.AsyncClient) -> None:
    values = [f"{number:08} {'x' * 100}" for number in range(20_000)]
    assert await listed(client, {"terms": {"number": [*values, "0815"]}}) == ["a"]
