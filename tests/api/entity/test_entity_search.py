"""The query language, as a user of the search sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from tieline.database import Database
from tieline.entities.reads import EntityReads
from tieline.entities.search.errors import SearchTooExpensive
from tieline.entities.search.lucene import parse_query
from tieline.entities.search.models import Search

Create = Callable[..., Awaitable[dict[str, Any]]]
Find = Callable[..., Awaitable[list[str]]]

PEOPLE: list[dict[str, Any]] = [
    {
        "key": "jane",
        "first_name": "Jane",
        "last_name": "Doe-Müller",
        "email": [{"email": "jane@example.com"}, {"email": "j.doe@work.test"}],
        "_tags": ["VIP", "Key Account"],
        "balance": 120.5,
        "customer_number": "C-1001",
        "contract_start": "2024-03-01",
        "active": True,
        "note": 'likes "quotes" and back\\slashes',
    },
    {
        "key": "john",
        "first_name": "John",
        "last_name": "Doe",
        "email": [{"email": "john@example.com"}],
        "_tags": ["vip"],
        "balance": -5,
        "customer_number": "C-1002",
        "contract_start": "2024-03-01T23:30:00+02:00",
        "active": False,
        "address": {"city": "Köln", "street": {"name": "Domstraße"}},
    },
    {
        "key": "ana",
        "first_name": "Ana Maria",
        "last_name": "DOE",
        "balance": 1000,
        "customer_number": "4711",
        "contract_start": "2025-12-31T12:00:00Z",
        "empty": [],
        "nothing": None,
        "blank": {},
    },
]

EVERYBODY = ["ana", "jane", "john"]


@pytest.fixture
async def people(create: Create) -> None:
    for person in PEOPLE:
        await create("contact", **person)
    await create("account", key="acme", name="Acme Doe Ltd", customer_number=4711)


@pytest.mark.usefixtures("people")
class TestQueries:
    @pytest.mark.parametrize(
        ("q", "expected"),
        [
            # everything
            ("*", [*EVERYBODY, "acme"]),
            ("*:*", [*EVERYBODY, "acme"]),
            ("", [*EVERYBODY, "acme"]),
            # words anywhere, in any case
            ("jane", ["jane"]),
            ("DOE", [*EVERYBODY, "acme"]),
            ("müller", ["jane"]),
            ("MÜLLER", ["jane"]),
            ("jane john", ["jane", "john"]),
            ("jane@example.com", ["jane"]),
            ("nobody", []),
            ("jan", []),
            ("köln", ["john"]),
            ("1000", ["ana"]),
            # fields
            ("_schema:contact", EVERYBODY),
            ("_schema:Contact", []),
            ("first_name:jane", ["jane"]),
            ("last_name:jane", []),
            ("first_name:maria", ["ana"]),
            ("email.email:jane@example.com", ["jane"]),
            ("email.email:work", ["jane"]),
            ("address.city:köln", ["john"]),
            ("address.street.name:domstraße", ["john"]),
            ("_tags:vip", ["jane", "john"]),
            ('_tags:"key account"', ["jane"]),
            ("active:true", ["jane"]),
            ("active:false", ["john"]),
            ("balance:1000", ["ana"]),
            ("balance:120.50", ["jane"]),
            ("balance:120", []),
            ("balance:-5", ["john"]),
            ("customer_number:4711", ["acme", "ana"]),
            # exact values
            ('_tags.keyword:"Key Account"', ["jane"]),
            ('_tags.keyword:"key account"', []),
            ("_tags.keyword:VIP", ["jane"]),
            ("first_name.keyword:Ana", []),
            ('first_name.keyword:"Ana Maria"', ["ana"]),
            # phrases
            ('"ana maria"', ["ana"]),
            ('"maria ana"', []),
            ('first_name:"Ana Maria"', ["ana"]),
            ('"maria ana"~3', ["ana"]),
            # operators
            ("first_name:jane AND last_name:doe", ["jane"]),
            ("first_name:jane OR first_name:john", ["jane", "john"]),
            ("doe AND NOT jane", ["acme", "ana", "john"]),
            ("_schema:contact AND NOT (jane OR john)", ["ana"]),
            ("+doe -jane", ["acme", "ana", "john"]),
            ("+_schema:contact +jane", ["jane"]),
            ("+_schema:contact jane", EVERYBODY),
            ("-_schema:contact", ["acme"]),
            ("_schema:contact && !jane", ["ana", "john"]),
            ("jane || john", ["jane", "john"]),
            ("first_name:(jane OR john)", ["jane", "john"]),
            ("first_name:(jane john)", ["jane", "john"]),
            ("_schema:(contact OR account) AND doe", [*EVERYBODY, "acme"]),
            ("jane OR john AND _schema:account", ["jane"]),
            # wildcards
            ("jan*", ["jane"]),
            ("first_name:J*", ["jane", "john"]),
            ("first_name:j?n*", ["jane"]),
            ("first_name:*oh*", ["john"]),
            ("*mülle*", ["jane"]),
            ("customer_number:C-10*", ["jane", "john"]),
            ("customer_number.keyword:C-100?", ["jane", "john"]),
            ("customer_number.keyword:c-100?", []),
            ("email.email:*@example.com", ["jane", "john"]),
            ("first_name:*", EVERYBODY),
            ("_title:jan*", ["jane"]),
            # ranges
            ("balance:[0 TO 1000]", ["ana", "jane"]),
            ("balance:[0 TO 1000}", ["jane"]),
            ("balance:{-5 TO *]", ["ana", "jane"]),
            ("balance:>120", ["ana", "jane"]),
            ("balance:>=1000", ["ana"]),
            ("balance:<0", ["john"]),
            ("balance:[-10 TO -1]", ["john"]),
            ("contract_start:[2024-03-01 TO 2024-03-01]", ["jane", "john"]),
            ("contract_start:[2024-03-01T21:00:00Z TO 2024-03-01T22:00:00Z]", ["john"]),
            ("contract_start:>2024", ["ana", "jane", "john"]),
            ("contract_start:[2025-01-01||-1d TO 2025-12-31]", ["ana"]),
            ("_created_at:[now-1h TO now+1h]", [*EVERYBODY, "acme"]),
            ("_created_at:<2020-01-01", []),
            ("last_name:[a TO z]", []),
            ("last_name:[A TO DOF]", ["ana"]),
            # existence
            ("_exists_:active", ["jane", "john"]),
            ("_exists_:address.city", ["john"]),
            ("_exists_:address", ["john"]),
            ("_exists_:empty", []),
            ("_exists_:nothing", []),
            ("_exists_:blank", []),
            ("_schema:contact AND NOT _exists_:email.email", ["ana"]),
            # without effect, or escaped
            ("jane^3", ["jane"]),
            ("jane~1", ["jane"]),
            ('"likes \\"quotes\\""', ["jane"]),
            ("customer_number:C\\-1001", ["jane"]),
            ("email.email:jane\\@example.com", ["jane"]),
            ("'jane'", ["jane"]),
        ],
    )
    async def test_finds(self, find: Find, q: str, expected: list[str]) -> None:
        assert await find(q) == sorted(expected)

    async def test_finds_by_id(self, find: Find, create: Create) -> None:
        entity = await create("contact", key="new")
        assert await find(f"_id:{entity['_id']}") == ["new"]
        assert await find(f'_id:("{entity["_id"]}" OR x) AND _schema:account') == []
        assert await find("_id:unknown") == []

    async def test_the_end_of_a_day_in_another_zone_is_the_same_instant(self, find: Find) -> None:
        # 23:30 at +02:00 is 21:30 in UTC.
        assert await find("contract_start:[2024-03-01T21:29 TO 2024-03-01T21:30]") == ["john"]

    async def test_pages_through_all_matches_in_order(self, client: httpx.AsyncClient) -> None:
        seen: list[str] = []
        after: list[Any] | None = None
        while True:
            body: dict[str, Any] = {"q": "doe", "sort": "balance:desc", "size": 1}
            if after is not None:
                body["search_after"] = after
            answer = (await client.post("/entity/v1/entity:search", json=body)).json()
            assert answer["hits"] == 4
            if not answer["results"]:
                break
            seen += [result["key"] for result in answer["results"]]
            after = answer["sort_end"]
        assert seen == ["ana", "jane", "john", "acme"]

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("customer_number:asc", ["ana", "jane", "john", "acme"]),
            ("customer_number.keyword:desc", ["acme", "john", "jane", "ana"]),
            (["last_name:asc", "first_name:asc"], ["ana", "john", "jane", "acme"]),
            ("_created_at:asc", ["jane", "john", "ana", "acme"]),
            ("_created_at:desc", ["acme", "ana", "john", "jane"]),
            ("address.city", ["john"]),
            ("active:desc,balance:desc", ["jane", "john", "ana", "acme"]),
        ],
    )
    async def test_sorts(
        self, client: httpx.AsyncClient, sort: str | list[str], expected: list[str]
    ) -> None:
        body = {"q": "*", "sort": sort}
        answer = (await client.post("/entity/v1/entity:search", json=body)).json()
        keys = [result["key"] for result in answer["results"]]
        assert keys[: len(expected)] == expected

    @pytest.mark.parametrize(
        "sort", ["_created_at:desc", "_id:asc", "_title:asc", "active:asc", "customer_number", "x"]
    )
    async def test_search_after_continues_in_every_order(
        self, client: httpx.AsyncClient, sort: str
    ) -> None:
        url = "/entity/v1/entity:search"
        whole = (await client.post(url, json={"q": "*", "sort": sort})).json()["results"]
        first = (await client.post(url, json={"q": "*", "sort": sort, "size": 2})).json()
        body = {"q": "*", "sort": sort, "search_after": first["sort_end"]}
        rest = (await client.post(url, json=body)).json()
        assert [r["_id"] for r in [*first["results"], *rest["results"]]] == [
            r["_id"] for r in whole
        ]

    async def test_more_words_rank_higher(self, client: httpx.AsyncClient) -> None:
        body = {"q": "ana maria doe", "include_scores": True}
        results = (await client.post("/entity/v1/entity:search", json=body)).json()["results"]
        assert results[0]["key"] == "ana"
        assert results[0]["_score"] > results[-1]["_score"]

    async def test_counts_without_results(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/entity/v1/entity:search", json={"q": "doe", "size": 0})
        assert answer.json() == {"hits": 4, "results": []}

    async def test_counts_terms(self, client: httpx.AsyncClient) -> None:
        aggs = {
            "tags": {"terms": {"field": "_tags"}},
            "by_schema": {"terms": {"field": "_schema", "size": 1}},
            "active": {"terms": {"field": "active"}},
        }
        body = {"q": "*", "size": 0, "aggs": aggs}
        found = (await client.post("/entity/v1/entity:search", json=body)).json()["aggregations"]
        assert {b["key"]: b["doc_count"] for b in found["tags"]["buckets"]} == {
            "Key Account": 1,
            "VIP": 1,
            "vip": 1,
        }
        assert found["by_schema"]["buckets"] == [{"key": "contact", "doc_count": 3}]
        assert found["by_schema"]["sum_other_doc_count"] == 1
        assert found["active"]["buckets"][0]["key_as_string"] in {"true", "false"}

    async def test_shows_only_the_fields_asked_for(self, client: httpx.AsyncClient) -> None:
        body = {"q": "first_name:jane", "fields": ["key", "email.*", "!_id"]}
        [result] = (await client.post("/entity/v1/entity:search", json=body)).json()["results"]
        assert result == {
            "key": "jane",
            "email": [{"email": "jane@example.com"}, {"email": "j.doe@work.test"}],
        }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"q": "(jane"}, ["q:", "position 5"]),
        ({"q": "jane AND"}, ["q:", "incomplete"]),
        ({"q": '"jane'}, ["q:", "position 0"]),
        ({"q": "a:b:c"}, ["q:", "colon"]),
        ({"q": "name:/x.*/"}, ["regular expression"]),
        ({"q": "[a TO b]"}, ["range without a field"]),
        ({"q": "na*me:x"}, ["na*me", "wildcards"]),
        ({"q": "(" * 100 + "a" + ")" * 100}, ["nested"]),
        ({"q": "NOT " * 2000 + "a"}, ["nested"]),
        ({"q": "a " * 1500}, ["more than 1024 parts"]),
        ({"q": "a" * 10_001}, ["longer than"]),
        ({"q": "a~."}, ["q:", "~"]),
        ({"q": '"a b"~1.5'}, ["q:", "~"]),
        ({}, ["q"]),
        ({"q": 5}, ["q"]),
        ({"q": "*", "unknown": 1}, ["unknown"]),
        ({"q": "*", "size": -1}, ["size"]),
        ({"q": "*", "from": -1}, ["from"]),
        ({"q": "*", "from": 9_995, "size": 10}, ["search_after"]),
        ({"q": "*", "sort": "name:up"}, ["sort", "name:up"]),
        ({"q": "*", "search_after": ["x"]}, ["search_after"]),
        ({"q": "*", "search_after": [1, 2, 3, 4]}, ["search_after"]),
        ({"q": "*", "sort": "_id", "search_after": ["x"]}, ["search_after[0]"]),
        ({"q": "*", "from": 1, "search_after": ["x"]}, ["from"]),
        ({"q": "*", "include_deleted": "maybe"}, ["include_deleted"]),
        ({"q": "*", "aggs": {"x": {"avg": {"field": "y"}}}}, ["aggs.x"]),
        ({"q": "*", "aggs": {"x": {"terms": {}}}}, ["aggs.x.terms.field"]),
        ({"q": 'x.keyword:"a\u0000b"'}, []),
    ],
)
async def test_refuses_what_it_cannot_answer(
    client: httpx.AsyncClient, body: dict[str, Any], words: list[str]
) -> None:
    response = await client.post("/entity/v1/entity:search", json=body)
    assert response.status_code == 400, response.text
    answer = response.json()
    assert answer["status"] == 400
    assert all(word in answer["error"] for word in words), answer["error"]


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "\\",
        "a' OR 1=1 --",
        "x\x1fy",
        "$1",
        "{}",
        "\\u0041",
        "a\nb",
        "%",
        "_",
        ".*",
        "a|b",
    ],
)
async def test_any_text_can_be_stored_and_found_again(
    client: httpx.AsyncClient, create: Create, find: Find, text: str
) -> None:
    await create("thing", key="this", odd=text)
    await create("thing", key="other", odd="something else")
    body = {"filter": [{"term": {"_schema": "thing"}}, {"term": {"odd": text}}]}
    answer = (await client.post("/entity/v1/entity:list", json=body)).json()
    assert [result["key"] for result in answer["results"]] == ["this"]
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert await find(f'odd.keyword:"{escaped}"') == ["this"]


async def test_no_query_crashes_the_server(client: httpx.AsyncClient, create: Create) -> None:
    await create("thing", name="a 1", number=5, date="2026-01-01", list=[{"name": "x"}, [1]])
    pieces = [
        *"a1:\"()[]{}*?~^\\/+-!'<>=.;% ä",
        *(" TO ", " AND ", " OR ", "NOT ", "&&", "||", "_exists_:", "_id", "_created_at:"),
        *("_title", "_schema", "_deleted_at:", "now-1d/d", "2026-01-01", "number:", "date:"),
        *("list.name:", ".keyword", "$relation", "99999999999999999999", "0x1", '"'),
    ]
    random = Random(4711)
    answers = set()
    for _ in range(400):
        count = random.randint(1, 9)
        q = "".join(random.choice([*pieces, " ", ":", "name:"]) for _ in range(count))
        body = {"q": q, "sort": random.choice(["_score", "name:desc", "_title"])}
        response = await client.post("/entity/v1/entity:search", json=body)
        assert response.status_code in {200, 400}, f"{q!r}: {response.text}"
        answers.add(response.status_code)
    assert answers == {200, 400}


async def test_attributes_with_odd_names_are_found(create: Create, find: Find) -> None:
    await create("thing", **{"key": "dots", "a.b": "x1", 'q"uote\\': "x2", "sp ace": "x3"})
    assert await find("a.b:x1") == ["dots"]
    assert await find('q\\"uote\\\\:x2') == ["dots"]
    assert await find("sp\\ ace:x3") == ["dots"]
    assert await find("_exists_:a.b") == ["dots"]


async def test_an_entity_with_more_words_than_are_indexed_is_still_found(
    create: Create, find: Find
) -> None:
    text = " ".join(f"word{number}" for number in range(2_000))
    values = {f"attribute{number}": f"value {number}" for number in range(600)}
    await create("thing", key="long", text=text, long="x" * 1_000 + "end", **values)
    await create("thing", key="short", text="word1")
    assert await find("word1999") == ["long"]
    assert await find("text:word1999") == ["long"]
    assert await find('"word1998 word1999"') == ["long"]
    assert await find('attribute599.keyword:"value 599"') == ["long"]
    assert await find("_exists_:attribute599") == ["long"]
    assert await find("long:" + "x" * 1_000 + "end") == ["long"]
    assert await find("long:" + "x" * 1_000) == []
    assert await find("word2999") == []


async def test_deleted_entities_are_found_only_on_request(
    client: httpx.AsyncClient, create: Create, find: Find
) -> None:
    await create("thing", key="alive")
    gone = await create("thing", key="gone")
    await client.delete(f"/entity/v1/entity/thing/{gone['_id']}")
    assert await find("_schema:thing") == ["alive"]
    assert await find("_schema:thing", include_deleted="true") == ["alive", "gone"]
    assert await find("_schema:thing", include_deleted="only") == ["gone"]


async def test_hydrates_relations_in_place(client: httpx.AsyncClient, create: Create) -> None:
    child = await create("contact", key="child", name="Kim")
    lost = "00000000-0000-4000-8000-000000000000"
    references = [{"entity_id": child["_id"], "_tags": ["main"]}, {"entity_id": lost}]
    await create("order", key="parent", contacts={"$relation": references})
    body = {"q": f"contacts.$relation.entity_id:{child['_id']}", "hydrate": True}
    [result] = (await client.post("/entity/v1/entity:search", json=body)).json()["results"]
    [contact] = result["contacts"]
    assert contact["name"] == "Kim"
    assert contact["$relation"] == {"entity_id": child["_id"], "_tags": ["main"]}


async def test_a_search_that_takes_too_long_is_stopped(database: Database, org: str) -> None:
    reads = EntityReads(database, search_seconds=0.001)
    async with database.organisation(org) as tx:
        await tx.execute(
            "INSERT INTO entities SELECT $1, gen_random_uuid(), 'note', NULL, "
            "jsonb_build_object('text', repeat('ab ', 10000)), 1, now(), now(), NULL, '' "
            "FROM generate_series(1, 200)"
        )
    with pytest.raises(SearchTooExpensive):
        await reads.search(org, Search(parse_query("text:*a*b*c*d*", datetime.now(UTC))))
    patient = EntityReads(database)
    found = await patient.search(org, Search(parse_query("_schema:note", datetime.now(UTC))))
    assert found.hits == 200


async def test_a_page_of_huge_entities_is_refused_and_smaller_pages_are_not(
    client: httpx.AsyncClient, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.entities.search import repository

    for n in range(12):
        await create("report", n=n, text="x" * 1000)
    query = {"q": "_schema:report", "sort": "n:asc", "size": 12}
    whole = await client.post("/entity/v1/entity:search", json=query)
    assert [found["n"] for found in whole.json()["results"]] == list(range(12))
    small = repository._BOUNDED.replace(str(repository.MAX_ANSWER_BYTES), "5000")
    monkeypatch.setattr(repository, "_BOUNDED", small)
    refused = await client.post("/entity/v1/entity:search", json=query)
    assert refused.status_code == 400
    assert refused.json()["code"] == "ANSWER_TOO_LARGE"
    fewer = await client.post("/entity/v1/entity:search", json={**query, "size": 4})
    assert len(fewer.json()["results"]) == 4
