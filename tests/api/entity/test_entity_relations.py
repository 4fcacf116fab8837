"""Relations between entities, read from both sides and changed one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

Create = Callable[..., Awaitable[dict[str, Any]]]


@dataclass
class Family:
    """An order with two contacts and an account that refers to the order."""

    order: str
    jane: str
    john: str
    account: str

    def url(self, version: int = 1) -> str:
        return f"/entity/v{version}/entity/order/{self.order}/relations"


@pytest.fixture
async def family(create: Create) -> Family:
    jane = (await create("contact", name="Jane"))["_id"]
    john = (await create("contact", name="John"))["_id"]
    items = [{"entity_id": jane, "_tags": ["main"]}, {"entity_id": john}]
    order = (await create("order", contacts={"$relation": items}))["_id"]
    account = await create("account", orders={"$relation": [{"entity_id": order}]})
    return Family(order, jane, john, account["_id"])


def pairs(relations: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(r["entity_id"], r["attribute"], r["reverse"]) for r in relations]


async def test_lists_direct_relations_in_their_order(
    client: httpx.AsyncClient, family: Family
) -> None:
    relations = (await client.get(family.url())).json()
    assert pairs(relations) == [(family.jane, "contacts", False), (family.john, "contacts", False)]
    assert relations[0]["_tags"] == ["main"]
    assert relations[0]["_schema"] == "contact"


async def test_lists_reverse_relations_on_request(
    client: httpx.AsyncClient, family: Family
) -> None:
    both = (await client.get(family.url(), params={"include_reverse": True})).json()
    assert pairs(both)[-1] == (family.account, "orders", True)
    reverse = (await client.get(family.url(3), params={"mode": "reverse"})).json()
    assert reverse["hits"] == 1
    assert pairs(reverse["relations"]) == [(family.account, "orders", True)]


async def test_hydrates_relations(client: httpx.AsyncClient, family: Family) -> None:
    answer = (await client.get(family.url(3), params={"hydrate": True, "size": 1})).json()
    assert answer["hits"] == 2
    [jane] = answer["relations"]
    assert jane["name"] == "Jane"
    assert jane["_id"] == family.jane
    assert jane["$relation"]["_tags"] == ["main"]
    shown = {"hydrate": True, "fields": "name,_id"}
    answer = (await client.get(family.url(3), params=shown)).json()
    assert set(answer["relations"][0]) == {"name", "_id", "$relation"}


async def test_filters_relations_by_schema_query_and_page(
    client: httpx.AsyncClient, family: Family
) -> None:
    none = await client.get(family.url(), params={"exclude_schemas": "contact,account"})
    assert none.json() == []
    some = await client.get(family.url(3), params={"include_schemas": "account", "mode": "both"})
    assert pairs(some.json()["relations"]) == [(family.account, "orders", True)]
    found = (await client.get(family.url(2), params={"query": "name:john"})).json()
    assert pairs(found["relations"]) == [(family.john, "contacts", False)]
    beyond = (await client.get(family.url(2), params={"from": 5})).json()
    assert beyond == {"hits": 2, "relations": []}


async def test_counts_related_entities_once(client: httpx.AsyncClient, family: Family) -> None:
    count = (await client.get(f"{family.url(2)}/count")).json()
    assert count == {"hits": 3}
    some = await client.get(f"{family.url(2)}/count", params={"exclude_schemas": "contact"})
    assert some.json() == {"hits": 1}


async def test_deleted_entities_are_left_out(client: httpx.AsyncClient, family: Family) -> None:
    await client.delete(f"/entity/v1/entity/contact/{family.jane}")
    assert pairs((await client.get(family.url())).json()) == [(family.john, "contacts", False)]
    only = (await client.get(family.url(3), params={"include_deleted": "only"})).json()
    assert pairs(only["relations"]) == [(family.jane, "contacts", False)]
    pair = (await client.get(f"/entity/v1/entity/order/{family.order}?hydrate=true")).json()
    assert [contact["name"] for contact in pair["entity"]["contacts"]] == ["John"]
    assert [entity["_id"] for entity in pair["relations"]] == [family.john]


async def test_adds_relations_at_the_end(
    client: httpx.AsyncClient, family: Family, create: Create
) -> None:
    kim = (await create("contact", name="Kim"))["_id"]
    body = [
        {"attribute": "contacts", "entity_id": kim, "_tags": ["new"]},
        {"attribute": "contacts", "entity_id": family.jane},
        {"attribute": "payer", "entity_id": kim},
    ]
    answer = await client.post(family.url(), json=body)
    assert answer.status_code == 200
    assert answer.json() == {"attribute": "contacts", "entity_id": kim, "_tags": ["new"]}
    relations = (await client.get(family.url())).json()
    assert pairs(relations) == [
        (family.jane, "contacts", False),
        (family.john, "contacts", False),
        (kim, "contacts", False),
        (kim, "payer", False),
    ]
    assert relations[0]["_tags"] == ["main"]


async def test_removes_relations(client: httpx.AsyncClient, family: Family) -> None:
    body = [
        {"attribute": "contacts", "entity_id": family.jane},
        {"attribute": "nothing", "entity_id": family.jane},
    ]
    answer = await client.request("DELETE", family.url(), json=body)
    assert answer.status_code == 204
    assert pairs((await client.get(family.url())).json()) == [(family.john, "contacts", False)]


async def test_changes_the_tags_of_one_relation(client: httpx.AsyncClient, family: Family) -> None:
    url = f"{family.url()}/contacts/{family.jane}"
    answer = await client.put(url, json={"_tags": ["billing"]})
    assert answer.json() == {
        "attribute": "contacts",
        "entity_id": family.jane,
        "_tags": ["billing"],
    }
    assert (await client.get(family.url())).json()[0]["_tags"] == ["billing"]
    unknown = await client.put(f"{family.url()}/other/{family.jane}", json={"_tags": []})
    assert unknown.status_code == 404


async def test_ends_one_relation(client: httpx.AsyncClient, family: Family) -> None:
    url = f"{family.url()}/contacts/{family.jane}"
    assert (await client.delete(url)).status_code == 204
    assert pairs((await client.get(family.url())).json()) == [(family.john, "contacts", False)]
    assert (await client.delete(url)).status_code == 404


async def test_a_patch_replaces_a_relation(client: httpx.AsyncClient, family: Family) -> None:
    patch = {"contacts": {"$relation": [{"entity_id": family.john}]}}
    await client.patch(f"/entity/v1/entity/order/{family.order}", json=patch)
    assert pairs((await client.get(family.url())).json()) == [(family.john, "contacts", False)]
