import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tieline.database import Database
from tieline.http.services import Services
from tieline.integrations.errors import UseCaseNotFound
from tieline.integrations.models import UseCaseChange
from tieline.integrations.repository import announce_change
from tieline.integrations.routes import ConfigurationCache, RouteCache
from tieline.integrations.service import IntegrationService
from tieline.mapping.errors import ExpressionTimeout

OUTBOUND = {
    "event_catalog_event": "contract.created",
    "mappings": [
        {
            "name": "to ERP",
            "jsonata_expression": "{'id': entity._id}",
            "enabled": True,
            "delivery": {"type": "webhook", "webhook_id": "wh1"},
        }
    ],
}
FILE_PROXY = {
    "requires_vpc": False,
    "auth": {
        "type": "oauth2_client_credentials",
        "token_url": "https://erp.example/token",
        "client_id": "\\{{env.id}}",
        "client_secret": "\\{{env.secret}}",
    },
    "params": [{"name": "document", "required": True}],
    "steps": [
        {"url": "https://erp.example/{{params.document}}", "method": "GET", "response_type": "json"}
    ],
    "response": {"body": "steps[0].body.data", "encoding": "base64", "filename": "params.document"},
}


@pytest.fixture
def place(integration: Any) -> str:
    return f"/v1/integrations/{integration['id']}/use-cases"


@pytest.fixture
async def routes(database: Database) -> AsyncIterator[RouteCache]:
    """A cache of its own with room for one integration, as another process would have."""
    cache = RouteCache(database, capacity=1)
    await cache.listener.start()
    await cache.listener.wait_until_alive()
    yield cache
    await cache.listener.stop()


@pytest.fixture
async def created(erp: httpx.AsyncClient, place: str, use_case: Any) -> Any:
    answer = await erp.post(place, json=use_case())
    assert answer.status_code == 201
    return answer.json()


async def test_a_use_case_comes_back_as_it_was_sent(
    erp: httpx.AsyncClient, place: str, integration: Any, use_case: Any, contacts: Any
) -> None:
    contacts["entities"][0]["x_note"] = {"z": 1, "a": [0.10]}
    body = use_case(change_description="first")

    answer = await erp.post(place, json=body)

    found = answer.json()
    assert answer.status_code == 201
    warnings = found.pop("warnings")
    assert [warning["path"] for warning in warnings] == ["configuration.entities[0].x_note"]
    assert body.items() <= found.items()
    assert found["integrationId"] == integration["id"]
    assert list(found["configuration"]["entities"][0]) == list(contacts["entities"][0])
    assert (await erp.get(f"{place}/{found['id']}")).json() == found
    assert (await erp.get(place)).json() == {"use_cases": [found]}


async def test_a_use_case_needs_neither_slug_nor_configuration(
    erp: httpx.AsyncClient, place: str
) -> None:
    bodies = [{"name": "A", "type": "inbound", "enabled": False}] * 2

    answers = [await erp.post(place, json=body) for body in bodies]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert not {"slug", "configuration", "change_description"} & set(answers[0].json())


async def test_a_file_proxy_is_stored_as_it_is_sent(
    erp: httpx.AsyncClient, place: str, use_case: Any
) -> None:
    answer = await erp.post(place, json=use_case(type="file_proxy", configuration=FILE_PROXY))

    assert answer.status_code == 201
    assert answer.json()["configuration"] == FILE_PROXY
    assert "warnings" not in answer.json()


async def test_the_mappings_of_an_outbound_use_case_get_ids_and_moments(
    erp: httpx.AsyncClient, place: str, use_case: Any
) -> None:
    body = use_case(type="outbound", configuration=OUTBOUND)

    created = (await erp.post(place, json=body)).json()

    [mapping] = created["configuration"]["mappings"]
    assert UUID(mapping.pop("id"))
    assert mapping.pop("created_at") == mapping.pop("updated_at")
    assert mapping == OUTBOUND["mappings"][0]
    again = await erp.put(f"{place}/{created['id']}", json=body)
    assert again.json()["version"] == created["version"], "nothing has changed"
    renamed = {**OUTBOUND, "mappings": [{**OUTBOUND["mappings"][0], "jsonata_expression": "$"}]}
    changed = await erp.put(f"{place}/{created['id']}", json={"configuration": renamed})
    [new], [old] = (each["configuration"]["mappings"] for each in (changed.json(), again.json()))
    assert (new["id"], new["created_at"]) == (old["id"], old["created_at"])
    assert new["updated_at"] > old["updated_at"]


async def test_an_event_and_a_webhook_that_are_not_there_are_warned_of(
    erp: httpx.AsyncClient, place: str, use_case: Any
) -> None:
    unknown = {"type": "webhook", "webhook_id": "01890a5d-ac96-774b-bcce-b302099a8057"}
    mappings = [*OUTBOUND["mappings"], {**OUTBOUND["mappings"][0], "delivery": unknown}]

    answer = await erp.post(
        place, json=use_case(type="outbound", configuration={**OUTBOUND, "mappings": mappings})
    )

    assert answer.status_code == 201
    assert [warning["path"] for warning in answer.json()["warnings"]] == [
        "configuration.event_catalog_event",
        "configuration.mappings[0].delivery.webhook_id",
        "configuration.mappings[1].delivery.webhook_id",
    ]


async def test_an_unknown_type_is_refused_with_the_known_ones_named(
    erp: httpx.AsyncClient, place: str, use_case: Any
) -> None:
    answer = await erp.post(place, json=use_case(type="managed_call"))

    assert answer.status_code == 400
    for known in ("inbound", "outbound", "file_proxy"):
        assert known in answer.json()["message"]


@pytest.mark.parametrize(
    ("different", "path"),
    [
        ({"configuration": {"entities": {}}}, "configuration.entities"),
        (
            {"configuration": {"entities": [{"entity_schema": "a", "fields": []}]}},
            "configuration.entities[0].unique_ids",
        ),
        (
            {
                "configuration": {
                    "entities": [
                        {
                            "entity_schema": "a",
                            "unique_ids": ["id"],
                            "fields": [{"attribute": "id", "jsonataExpression": "(1 +"}],
                        }
                    ]
                }
            },
            "entities[0].fields[0].jsonataExpression",
        ),
        ({"type": "outbound", "configuration": {}}, "configuration.event_catalog_event"),
        (
            {
                "type": "outbound",
                "configuration": {
                    **OUTBOUND,
                    "mappings": [
                        *OUTBOUND["mappings"],
                        {**OUTBOUND["mappings"][0], "jsonata_expression": "$map("},
                    ],
                },
            },
            "configuration.mappings[1].jsonata_expression",
        ),
        (
            {
                "type": "file_proxy",
                "configuration": {**FILE_PROXY, "response": {"body": "a[", "encoding": "binary"}},
            },
            "configuration.response.body",
        ),
        ({"type": "file_proxy", "configuration": {**FILE_PROXY, "steps": []}}, "steps"),
    ],
)
async def test_a_configuration_that_cannot_work_is_refused_with_its_path(
    erp: httpx.AsyncClient, place: str, use_case: Any, different: Any, path: str
) -> None:
    answer = await erp.post(place, json=use_case(**different))

    assert answer.status_code == 400
    assert answer.json()["code"] == "INVALID_CONFIGURATION"
    assert path in answer.json()["path"]
    assert "block 0 (-)" not in answer.json()["message"]
    assert (await erp.get(place)).json() == {"use_cases": []}


@pytest.mark.parametrize(
    ("different", "named"),
    [
        ({"name": ""}, "name"),
        ({"slug": "Not a slug"}, "slug"),
        ({"slug": "trailing\n"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"enabled": "true"}, "enabled"),
        ({"change_description": "x" * 2001}, "change_description"),
        ({"configuration": []}, "configuration"),
        ({"configuration": {"entities": [{"\x00": 1}]}}, "configuration.entities[0]"),
    ],
)
async def test_an_invalid_use_case_is_refused_with_the_field_named(
    erp: httpx.AsyncClient, place: str, use_case: Any, different: Any, named: str
) -> None:
    answer = await erp.post(place, json=use_case(**different))

    assert answer.status_code == 400
    assert named in answer.json()["message"]


async def test_a_change_leaves_alone_what_it_does_not_mention(
    erp: httpx.AsyncClient, place: str, created: Any
) -> None:
    answer = await erp.put(f"{place}/{created['id']}", json={"enabled": False})

    assert answer.status_code == 200
    unchanged = ("id", "name", "slug", "type", "configuration", "created_at")
    assert {key: answer.json()[key] for key in unchanged} == {
        key: created[key] for key in unchanged
    }
    assert answer.json()["enabled"] is False


async def test_a_slug_is_unique_in_its_integration_only(
    erp: httpx.AsyncClient, place: str, use_case: Any, created: Any
) -> None:
    other = (await erp.post("/v1/integrations", json={"name": "Other"})).json()

    taken = await erp.post(place, json=use_case(name="Again"))
    elsewhere = await erp.post(f"/v1/integrations/{other['id']}/use-cases", json=use_case())

    assert (taken.status_code, taken.json()["code"]) == (400, "SLUG_TAKEN")
    assert elsewhere.status_code == 201


async def test_a_slug_can_be_set_once_and_never_changed(
    erp: httpx.AsyncClient, place: str, use_case: Any
) -> None:
    case = (await erp.post(place, json=use_case(slug=None))).json()

    once = await erp.put(f"{place}/{case['id']}", json={"slug": "people"})
    same = await erp.put(f"{place}/{case['id']}", json={"slug": "people"})
    other = await erp.put(f"{place}/{case['id']}", json={"slug": "persons"})

    assert [once.status_code, same.status_code] == [200, 200]
    assert (other.status_code, other.json()["code"]) == (400, "SLUG_IMMUTABLE")


async def test_a_type_cannot_be_changed(erp: httpx.AsyncClient, place: str, created: Any) -> None:
    answer = await erp.put(f"{place}/{created['id']}", json={"type": "outbound"})

    assert (answer.status_code, answer.json()["code"]) == (400, "USE_CASE_TYPE_IMMUTABLE")


async def test_a_change_is_checked_by_the_type_that_the_use_case_has(
    erp: httpx.AsyncClient, place: str, created: Any
) -> None:
    answer = await erp.put(f"{place}/{created['id']}", json={"configuration": {"entities": 1}})

    assert answer.json()["code"] == "INVALID_CONFIGURATION"
    assert (await erp.get(f"{place}/{created['id']}")).json() == created


async def test_the_history_holds_what_a_use_case_was_before_each_change(
    erp: httpx.AsyncClient, place: str, created: Any, contacts: Any
) -> None:
    here = f"{place}/{created['id']}"
    second = (await erp.put(here, json={"name": "Two", "change_description": "renamed"})).json()
    await erp.put(here, json={"enabled": False})

    history = (await erp.get(f"{here}/history")).json()

    assert "next_cursor" not in history
    newest, oldest = history["history"]
    assert [newest["name"], oldest["name"]] == ["Two", "Customers"]
    assert newest["change_description"] == "renamed"
    assert newest["updated_at"] == second["updated_at"]
    assert oldest["history_created_at"] == second["updated_at"]
    assert oldest["configuration"] == contacts
    assert {newest["useCaseId"], oldest["useCaseId"]} == {created["id"]}
    assert len({newest["id"], oldest["id"], created["id"]}) == 3
    assert "change_description" not in (await erp.get(here)).json()


async def test_a_change_that_changes_nothing_makes_no_version(
    erp: httpx.AsyncClient, place: str, created: Any
) -> None:
    here = f"{place}/{created['id']}"

    for body in ({}, {"name": "Customers"}, {"configuration": created["configuration"]}):
        assert (await erp.put(here, json=body)).json() == created
    assert (await erp.get(f"{here}/history")).json() == {"history": []}


async def test_the_order_of_keys_is_a_change(
    erp: httpx.AsyncClient, place: str, created: Any
) -> None:
    here = f"{place}/{created['id']}"
    block = created["configuration"]["entities"][0]
    turned = {"entities": [dict(reversed(block.items()))]}

    answer = await erp.put(here, json={"configuration": turned})

    assert next(iter(answer.json()["configuration"]["entities"][0])) == "fields"
    assert len((await erp.get(f"{here}/history")).json()["history"]) == 1


async def test_the_history_is_read_page_by_page(
    erp: httpx.AsyncClient, place: str, created: Any
) -> None:
    here = f"{place}/{created['id']}"
    for number in range(41):
        await erp.put(here, json={"name": f"name {number}"})

    sizes, names, cursor = [], [], None
    while True:
        page = (
            await erp.get(f"{here}/history", params={"cursor": cursor} if cursor else {})
        ).json()
        sizes.append(len(page["history"]))
        names += [entry["name"] for entry in page["history"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break

    assert sizes == [20, 20, 1]
    assert names == [f"name {number}" for number in reversed(range(40))] + ["Customers"]


@pytest.mark.parametrize("cursor", ["x", "", "W10", "WyJhIl0", "WzBd", "Wzk5OTk5OTk5OTk5OV0", "é"])
async def test_a_made_up_cursor_is_refused(
    erp: httpx.AsyncClient, place: str, created: Any, cursor: str
) -> None:
    answer = await erp.get(f"{place}/{created['id']}/history", params={"cursor": cursor})

    assert answer.status_code == 400
    assert "cursor" in answer.json()["message"]


async def test_a_deleted_use_case_is_gone_but_its_versions_still_map_events(
    erp: httpx.AsyncClient, services: Services, org: str, place: str, created: Any
) -> None:
    here = f"{place}/{created['id']}"
    version = (UUID(created["id"]), 1)

    answer = await erp.delete(here)

    assert answer.status_code == 200
    assert answer.json()["message"]
    for gone in (here, f"{here}/history"):
        assert (await erp.get(gone)).json()["code"] == "USE_CASE_NOT_FOUND"
    assert (await erp.delete(here)).status_code == 404
    assert (await erp.put(here, json={})).status_code == 404
    assert version in await services.integrations.configurations(org, [version])


async def test_an_id_used_again_has_the_history_of_its_new_use_case_only(
    erp: httpx.AsyncClient, place: str, integration: Any, use_case: Any, created: Any
) -> None:
    here = f"{place}/{created['id']}"
    await erp.put(here, json={"name": "Old"})
    await erp.delete(here)
    body = {"name": "SAP", "use_cases": [use_case(id=created["id"], name="New")]}

    answer = await erp.put(f"/v2/integrations/{integration['id']}", json=body)

    assert answer.status_code == 200
    assert (await erp.get(f"{here}/history")).json() == {"history": []}
    await erp.put(here, json={"name": "Newer"})
    names = [entry["name"] for entry in (await erp.get(f"{here}/history")).json()["history"]]
    assert names == ["New"]


async def test_a_use_case_is_found_under_its_own_integration_only(
    erp: httpx.AsyncClient, stranger: httpx.AsyncClient, created: Any, place: str
) -> None:
    other = (await erp.post("/v1/integrations", json={"name": "Other"})).json()
    elsewhere = f"/v1/integrations/{other['id']}/use-cases/{created['id']}"

    for client, here in ((erp, elsewhere), (stranger, f"{place}/{created['id']}")):
        assert (await client.get(here)).status_code == 404
        assert (await client.get(f"{here}/history")).status_code == 404
        assert (await client.put(here, json={"name": "Mine"})).status_code == 404
        assert (await client.delete(here)).status_code == 404
    assert (await erp.get(f"{place}/{created['id']}")).json() == created


async def test_changes_at_the_same_time_all_become_versions(
    erp: httpx.AsyncClient, place: str, created: Any
) -> None:
    here = f"{place}/{created['id']}"

    answers = await asyncio.gather(
        *(erp.put(here, json={"name": f"name {number}"}) for number in range(8))
    )

    assert {answer.status_code for answer in answers} == {200}
    history = (await erp.get(f"{here}/history")).json()["history"]
    last = (await erp.get(here)).json()["name"]
    assert sorted([*(entry["name"] for entry in history), last]) == sorted(
        ["Customers", *(f"name {number}" for number in range(8))]
    )


async def test_of_two_use_cases_created_at_once_one_gets_the_slug(
    erp: httpx.AsyncClient, place: str, use_case: Any
) -> None:
    answers = await asyncio.gather(*(erp.post(place, json=use_case()) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]


async def test_the_attributes_that_an_inbound_use_case_searches_by_are_indexed(
    erp: httpx.AsyncClient, database: Database, org: str, place: str, use_case: Any, contacts: Any
) -> None:
    block = contacts["entities"][0]
    block["unique_ids"].append("email")
    block["fields"] += [
        {"attribute": "email", "field": "mail", "_type": "email"},
        {
            "attribute": "account",
            "relations": {
                "operation": "_set",
                "items": [
                    {
                        "entity_schema": "billing_account",
                        "unique_ids": [{"attribute": "number", "field": "account"}],
                    }
                ],
            },
        },
    ]

    assert (await erp.post(place, json=use_case())).status_code == 201

    async with database.reading(org) as tx:
        rows = await tx.fetch(
            "SELECT schema, attribute FROM indexed_attributes WHERE org_id = $1 ORDER BY 1, 2"
        )
    assert [tuple(row) for row in rows] == [
        ("billing_account", "number"),
        ("contact", "customer_number"),
        ("contact", "email.email"),
    ]


# --- what ingest asks for ---


async def test_events_are_routed_by_what_is_in_force_now(
    erp: httpx.AsyncClient, services: Services, org: str, integration: Any, place: str, created: Any
) -> None:
    integration_id = UUID(integration["id"])
    before = await services.integrations.resolve_routes(org, integration_id)
    await erp.put(f"{place}/{created['id']}", json={"enabled": False})
    after = await services.integrations.resolve_routes(org, integration_id)
    await erp.delete(f"/v1/integrations/{integration['id']}")

    assert before is not None
    assert (before.by_slug["customers"].version, before.by_slug["customers"].enabled) == (1, True)
    assert before.by_event_name["Customers"] == before.by_event_name["customers"]
    assert after is not None
    assert (after.by_slug["customers"].version, after.by_slug["customers"].enabled) == (2, False)
    assert await services.integrations.resolve_routes(org, integration_id) is None


async def test_routes_are_remembered_until_another_process_changes_them(
    routes: RouteCache, database: Database, org: str, integration: Any, created: Any
) -> None:
    integration_id = UUID(integration["id"])
    # The news of the creation may arrive only now.
    async with asyncio.timeout(5):
        while (found := await routes.find(org, integration_id)) is None or (
            await routes.find(org, integration_id) is not found
        ):
            await asyncio.sleep(0)

    async with database.organisation(org) as tx:
        await tx.execute("UPDATE use_cases SET version = 7 WHERE org_id = $1")
        await announce_change(tx, integration_id)

    async with asyncio.timeout(5):
        while (now := await routes.find(org, integration_id)) is found:
            await asyncio.sleep(0)
    assert now is not None
    assert now.by_slug["customers"].version == 7


async def test_routes_are_remembered_only_while_changes_are_heard_of(
    routes: RouteCache, org: str, integration: Any
) -> None:
    integration_id = UUID(integration["id"])
    await routes.find(org, integration_id)
    await routes.listener.stop()

    found = await routes.find(org, integration_id)

    assert found is not None
    assert await routes.find(org, integration_id) is not found


async def test_no_more_integrations_are_remembered_than_there_is_room_for(
    routes: RouteCache, erp: httpx.AsyncClient, org: str, integration: Any
) -> None:
    other = (await erp.post("/v1/integrations", json={"name": "Other"})).json()
    found = await routes.find(org, UUID(integration["id"]))
    await routes.find(org, UUID(other["id"]))

    assert await routes.find(org, UUID(integration["id"])) is not found


async def test_another_organisation_gets_neither_routes_nor_configurations(
    services: Services, integration: Any, created: Any, org: str
) -> None:
    version = (UUID(created["id"]), 1)
    await services.integrations.resolve_routes(org, UUID(integration["id"]))
    await services.integrations.configurations(org, [version])

    assert await services.integrations.resolve_routes("other", UUID(integration["id"])) is None
    assert await services.integrations.configurations("other", [version]) == {}


async def test_configurations_are_the_texts_of_their_versions(
    erp: httpx.AsyncClient, services: Services, org: str, place: str, created: Any
) -> None:
    await erp.put(f"{place}/{created['id']}", json={"configuration": {"entities": []}})
    versions = [(UUID(created["id"]), number) for number in (1, 2, 3)] + [(uuid4(), 1)]

    for _ in range(2):
        found = await services.integrations.configurations(org, versions)
        assert list(found) == versions[:2]
        assert found[versions[1]] == b'{"entities":[]}'


async def test_configurations_are_right_with_no_room_to_remember_them(
    database: Database, org: str, created: Any
) -> None:
    cache = ConfigurationCache(database, capacity_bytes=1)
    version = (UUID(created["id"]), 1)

    assert await cache.find(org, [version]) == await cache.find(org, [version]) != {}


# --- what happens while a configuration is being checked ---


async def test_a_use_case_that_is_deleted_while_its_change_is_checked_stays_deleted(
    services: Services, database: Database, org: str, integration: Any, created: Any
) -> None:
    integration_id, use_case_id = UUID(integration["id"]), UUID(created["id"])

    class DeletingMapper:
        async def check(self, _configuration: bytes) -> list[tuple[str, str]]:
            await services.integrations.delete_use_case(org, integration_id, use_case_id)
            return []

    slow = IntegrationService(database, DeletingMapper())  # type: ignore[arg-type]

    with pytest.raises(UseCaseNotFound):
        await slow.update_use_case(
            org, integration_id, use_case_id, UseCaseChange(configuration={"entities": []})
        )
    assert await services.integrations.list_use_cases(org, integration_id) == []


async def test_expressions_that_cannot_be_checked_in_time_are_refused(
    erp: httpx.AsyncClient,
    services: Services,
    place: str,
    use_case: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(_configuration: bytes) -> list[tuple[str, str]]:
        raise ExpressionTimeout

    monkeypatch.setattr(services.mapper, "check", check)

    answer = await erp.post(place, json=use_case())

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CONFIGURATION")
    assert "too long" in answer.json()["message"]
