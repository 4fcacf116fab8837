"""Samples of use cases: kept, run, recorded from events, and watched over when one saves."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.integrations.models import UseCaseChange
from tieline.integrations.service import IntegrationService

Answer = dict[str, Any]

PAYLOAD = {"customerId": "C1", "first": "Anna", "last": "Schmidt"}


def contact(**attributes: Any) -> Answer:
    usual = {"customer_number": "C1", "full_name": "Anna Schmidt"}
    return {
        "entity_slug": "contact",
        "unique_identifiers": {"customer_number": "C1"},
        "attributes": usual | attributes,
    }


def sample(**different: Any) -> Answer:
    usual = {"payload": PAYLOAD, "expected": {"entity_updates": [contact()]}}
    return usual | different


@pytest.fixture
async def created(erp: httpx.AsyncClient, integration: Answer, use_case: Any) -> Answer:
    answer = await erp.post(f"/v1/integrations/{integration['id']}/use-cases", json=use_case())
    assert answer.status_code == 201, answer.text
    found: Answer = answer.json()
    return found


@pytest.fixture
def place(integration: Answer, created: Answer) -> str:
    """The path of the use case."""
    return f"/v1/integrations/{integration['id']}/use-cases/{created['id']}"


@pytest.fixture
async def kept(erp: httpx.AsyncClient, place: str) -> Answer:
    """A sample that passes."""
    answer = await erp.put(f"{place}/samples/golden customer", json=sample())
    assert answer.status_code == 200, answer.text
    found: Answer = answer.json()
    return found


@pytest.fixture
def renamed(contacts: Answer) -> Answer:
    """The configuration of the use case with an attribute of another name."""
    [entity] = contacts["entities"]
    fields = [entity["fields"][0], {**entity["fields"][1], "attribute": "name"}]
    return {"entities": [{**entity, "fields": fields}]}


async def test_a_sample_comes_back_as_it_was_sent(
    erp: httpx.AsyncClient, place: str, kept: Answer
) -> None:
    expected = {"entity_updates": [contact()], "meter_readings_updates": []}
    assert (
        kept.items()
        >= {
            "name": "golden customer",
            "format": "json",
            "payload": PAYLOAD,
            "expected": expected,
        }.items()
    )
    assert (await erp.get(f"{place}/samples/golden customer")).json() == kept
    assert (await erp.get(f"{place}/samples")).json() == {"samples": [kept]}


async def test_numbers_keep_every_digit(erp: httpx.AsyncClient, place: str) -> None:
    body = b'{"payload": {"n": 12345678901234567890.10}, "expected": {"entity_updates": []}}'
    put = await erp.put(f"{place}/samples/exact", content=body)
    assert '"n":12345678901234567890.10' in put.text
    assert '"n":12345678901234567890.10' in (await erp.get(f"{place}/samples/exact")).text


async def test_a_sample_is_replaced_by_its_name(
    erp: httpx.AsyncClient, place: str, kept: Answer
) -> None:
    body = {"format": "xml", "payload": "<a/>", "expected": {"error": "MALFORMED_PAYLOAD"}}
    replaced = (await erp.put(f"{place}/samples/golden customer", json=body)).json()

    assert replaced.items() >= body.items()
    assert replaced["created_at"] == kept["created_at"]
    assert len((await erp.get(f"{place}/samples")).json()["samples"]) == 1


async def test_a_deleted_sample_is_gone(erp: httpx.AsyncClient, place: str, kept: Answer) -> None:
    url = f"{place}/samples/golden customer"
    assert (await erp.delete(url)).status_code == 200
    for answer in (await erp.get(url), await erp.delete(url)):
        assert (answer.status_code, answer.json()["code"]) == (404, "SAMPLE_NOT_FOUND")


async def test_a_run_tells_what_passes_and_what_differs(
    erp: httpx.AsyncClient, place: str, kept: Answer
) -> None:
    wrong = sample(expected={"entity_updates": [contact(full_name="Berta")]})
    await erp.put(f"{place}/samples/wrong", json=wrong)
    broken = sample(payload="{")
    await erp.put(f"{place}/samples/broken", json=broken)

    run = (await erp.post(f"{place}/samples/run")).json()

    assert (run["passed"], run["failed"], run["not_run"]) == (1, 2, 0)
    by_name = {result["name"]: result for result in run["results"]}
    assert by_name["golden customer"] == {
        "name": "golden customer",
        "status": "passed",
        "differences": [],
    }
    [difference] = by_name["wrong"]["differences"]
    assert difference == {
        "path": "entity_updates[0].attributes.full_name",
        "expected": "Berta",
        "actual": "Anna Schmidt",
        "message": 'entity_updates[0].attributes.full_name: expected "Berta", got "Anna Schmidt"',
    }
    assert by_name["wrong"]["actual"]["entity_updates"] == [contact()]
    assert by_name["broken"]["actual"] == {"error": "MALFORMED_PAYLOAD"}
    assert by_name["broken"]["message"]


async def test_the_answer_of_the_simulation_is_an_expectation_as_it_is(
    erp: httpx.AsyncClient, place: str, contacts: Answer
) -> None:
    request = {"event_configuration": contacts, "format": "json", "payload": PAYLOAD}
    simulated = (await erp.post("/v2/erp/updates/mapping_simulation", json=request)).json()
    await erp.put(f"{place}/samples/simulated", json=sample(expected=simulated))

    assert (await erp.post(f"{place}/samples/run", json={})).json()["passed"] == 1


async def test_samples_run_against_a_draft_and_by_name(
    erp: httpx.AsyncClient, place: str, kept: Answer, renamed: Answer
) -> None:
    await erp.put(f"{place}/samples/other", json=sample())

    draft = {"configuration": renamed, "names": ["other"]}
    run = (await erp.post(f"{place}/samples/run", json=draft)).json()

    [result] = run["results"]
    assert (result["name"], result["status"]) == ("other", "failed")
    assert [d["message"] for d in result["differences"]] == [
        'entity_updates[0].attributes.full_name: expected "Anna Schmidt", got nothing',
        'entity_updates[0].attributes.name: expected nothing, got "Anna Schmidt"',
    ]
    assert (await erp.post(f"{place}/samples/run")).json()["passed"] == 2


async def test_a_draft_that_cannot_work_is_refused_with_its_path(
    erp: httpx.AsyncClient, place: str, kept: Answer
) -> None:
    draft = {"configuration": {"entities": [{"entity_schema": "x", "unique_ids": ["a"]}]}}
    answer = await erp.post(f"{place}/samples/run", json=draft)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CONFIGURATION")
    assert answer.json()["path"].startswith("configuration.entities[0]")


async def test_a_run_without_samples_has_no_results(erp: httpx.AsyncClient, place: str) -> None:
    run = (await erp.post(f"{place}/samples/run")).json()
    assert run == {"passed": 0, "failed": 0, "not_run": 0, "results": []}


async def test_a_run_of_a_name_that_no_sample_has_is_refused(
    erp: httpx.AsyncClient, place: str, kept: Answer
) -> None:
    answer = await erp.post(f"{place}/samples/run", json={"names": ["nobody"]})
    assert answer.status_code == 404
    assert "'nobody'" in answer.json()["message"]


# --- saving


async def test_saving_what_breaks_a_sample_warns_and_saves(
    erp: httpx.AsyncClient, place: str, kept: Answer, renamed: Answer
) -> None:
    answer = await erp.put(place, json={"configuration": renamed})

    assert answer.status_code == 200
    [warning] = answer.json()["warnings"]
    assert warning["path"] == 'samples["golden customer"]'
    assert 'full_name: expected "Anna Schmidt", got nothing' in warning["message"]
    assert (await erp.get(place)).json()["configuration"] == renamed


async def test_the_declarative_way_of_saving_warns_too(
    erp: httpx.AsyncClient,
    integration: Answer,
    created: Answer,
    kept: Answer,
    use_case: Any,
    renamed: Answer,
) -> None:
    url = f"/v2/integrations/{integration['id']}"
    other = use_case(slug="other", name="Other")
    changed = use_case(id=created["id"], configuration=renamed)
    answer = await erp.put(url, json={"name": "SAP", "use_cases": [other, changed]})

    assert answer.status_code == 200
    by_slug = {found["slug"]: found for found in answer.json()["use_cases"]}
    assert [w["path"] for w in by_slug["customers"]["warnings"]] == ['samples["golden customer"]']
    assert "warnings" not in by_slug["other"]


async def test_saving_what_breaks_nothing_does_not_warn(
    erp: httpx.AsyncClient, place: str, kept: Answer, contacts: Answer
) -> None:
    [entity] = contacts["entities"]
    source = entity["fields"][1]["jsonataExpression"]
    field = {**entity["fields"][1], "jsonataExpression": f"({source})"}
    same = {"entities": [{**entity, "fields": [entity["fields"][0], field]}]}

    for change in ({"configuration": same}, {"name": "Renamed"}):
        assert "warnings" not in (await erp.put(place, json=change)).json()


async def test_a_configuration_that_does_not_change_is_not_tried_again(
    erp: httpx.AsyncClient, place: str, created: Answer
) -> None:
    wrong = sample(expected={"entity_updates": []})
    await erp.put(f"{place}/samples/wrong", json=wrong)

    again = await erp.put(place, json={"configuration": created["configuration"], "name": "New"})

    assert "warnings" not in again.json()


async def test_saving_does_not_wait_for_ever_for_samples(
    erp: httpx.AsyncClient,
    services: Services,
    org: str,
    place: str,
    integration: Answer,
    created: Answer,
    kept: Answer,
    renamed: Answer,
) -> None:
    hurried = IntegrationService(services.database, services.mapper, sample_seconds=1e-9)
    change = UseCaseChange(configuration=renamed)

    saved = await hurried.update_use_case(org, UUID(integration["id"]), UUID(created["id"]), change)

    [warning] = saved.warnings
    assert warning.path == "samples"
    assert "TIELINE_SAMPLE_SECONDS" in warning.message


# --- recording


async def test_a_payload_is_recorded_with_what_comes_out_now(
    erp: httpx.AsyncClient, place: str
) -> None:
    answer = await erp.post(f"{place}/samples", json={"name": "now", "payload": PAYLOAD})

    assert answer.status_code == 201, answer.text
    assert answer.json()["expected"]["entity_updates"] == [contact()]
    assert (await erp.post(f"{place}/samples/run")).json()["passed"] == 1
    again = await erp.post(f"{place}/samples", json={"name": "now", "payload": PAYLOAD})
    assert (again.status_code, again.json()["code"]) == (409, "SAMPLE_EXISTS")


@pytest.fixture
async def event_id(erp: httpx.AsyncClient, integration: Answer, created: Answer) -> str:
    """A stored event of the use case."""
    event = {
        "event_type": "DELETE",
        "object_type": "customers",
        "timestamp": "2026-01-31T08:00:00Z",
        "payload": PAYLOAD,
    }
    body = {"integration_id": integration["id"], "events": [event]}
    answer = await erp.post("/v2/erp/updates/events", json=body)
    found: str = answer.json()["results"][0]["event_id"]
    return found


async def test_a_stored_event_becomes_a_sample(
    erp: httpx.AsyncClient, place: str, event_id: str
) -> None:
    body = {"name": "from production", "event_id": event_id}
    answer = await erp.post(f"{place}/samples", json=body)

    assert answer.status_code == 201, answer.text
    recorded = answer.json()
    assert (recorded["event_type"], recorded["format"]) == ("DELETE", "json")
    assert "Schmidt" in recorded["payload"]
    [update] = recorded["expected"]["entity_updates"]
    assert update["attributes"] == {"customer_number": "C1"}
    assert (await erp.post(f"{place}/samples/run")).json()["passed"] == 1


async def test_what_is_not_stored_cannot_be_recorded(erp: httpx.AsyncClient, place: str) -> None:
    for event_id in ("01KG9WTR7D4Q4S6S3QWDGJ1Y0M", "nonsense"):
        answer = await erp.post(f"{place}/samples", json={"name": "x", "event_id": event_id})
        assert (answer.status_code, answer.json()["code"]) == (404, "EVENT_NOT_FOUND")


async def test_what_cannot_be_mapped_is_not_recorded(erp: httpx.AsyncClient, place: str) -> None:
    body = {"name": "x", "payload": {"first": "Anna"}}
    answer = await erp.post(f"{place}/samples", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "MISSING_UNIQUE_IDENTIFIERS")
    assert (await erp.get(f"{place}/samples")).json() == {"samples": []}


async def test_a_key_that_may_not_see_events_records_none(
    application: Application, services: Services, org: str, place: str, event_id: str
) -> None:
    _, key = await services.identity.create_key(org, name="writer", scopes=["erp:write"])
    async with http_client(application, key) as writer:
        url = f"/erp-integration{place}/samples"
        refused = await writer.post(url, json={"name": "x", "event_id": event_id})
        taken = await writer.post(url, json={"name": "x", "payload": PAYLOAD})
    assert (refused.status_code, taken.status_code) == (403, 201)


async def test_a_recorded_sample_notices_when_something_is_pruned(
    erp: httpx.AsyncClient, place: str, contacts: Answer
) -> None:
    await erp.post(f"{place}/samples", json={"name": "now", "payload": PAYLOAD})
    query = [{"attribute": "customer_number", "field": "customerId"}]
    scope = {"scope_mode": "query", "query": query}
    pruning = {**contacts["entities"][0], "mode": "upsert-prune-scope-purge", "scope": scope}

    saved = (await erp.put(place, json={"configuration": {"entities": [pruning]}})).json()

    [warning] = [w for w in saved["warnings"] if w["path"].startswith("samples")]
    assert "prune_scopes[0]: expected nothing, got" in warning["message"]


# --- what is refused


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payload": 7}, "payload"),
        ({"payload": ["a"]}, "payload"),
        ({"format": "csv"}, "format"),
        ({"format": "xml"}, "payload"),
        ({"event_type": "TRIGGER"}, "event_type"),
        ({"expected": None}, "expected"),
        ({"expected": {"entity_updates": {}}}, "expected.entity_updates"),
        ({"expected": {"entity_updates": ["x"]}}, "expected.entity_updates"),
        ({"expected": {"error": "X", "entity_updates": [{}]}}, "expected.error"),
        ({"payload": "a\0b"}, "U+0000"),
    ],
)
async def test_an_invalid_sample_is_refused_with_the_field_named(
    erp: httpx.AsyncClient, place: str, change: Answer, field: str
) -> None:
    answer = await erp.put(f"{place}/samples/x", json=sample(**change))
    assert answer.status_code == 400
    assert field in answer.json()["message"]


@pytest.mark.parametrize("name", ["%20", "a%5Cb", "%20a", "a%20", "a%01b", "x" * 101])
async def test_a_name_that_cannot_be_read_is_refused(
    erp: httpx.AsyncClient, place: str, name: str
) -> None:
    answer = await erp.put(f"{place}/samples/{name}", json=sample())
    assert answer.status_code == 400
    assert "sampleName" in answer.json()["message"]


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "event_id": "a", "payload": {}}])
async def test_either_an_event_or_a_payload_is_recorded(
    erp: httpx.AsyncClient, place: str, body: Answer
) -> None:
    answer = await erp.post(f"{place}/samples", json=body)
    assert answer.status_code == 400
    assert "event_id" in answer.json()["message"]


async def test_a_large_payload_is_refused(erp: httpx.AsyncClient, place: str) -> None:
    large = {"text": "x" * 2_000_001}
    for answer in (
        await erp.put(f"{place}/samples/x", json=sample(payload=large)),
        await erp.post(f"{place}/samples", json={"name": "x", "payload": large}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "SAMPLE_TOO_LARGE")


async def test_all_samples_together_have_a_limit(erp: httpx.AsyncClient, place: str) -> None:
    body = sample(payload={"text": "x" * 1_900_000})
    names = ("one", "two", "three", "four", "five")
    answers = [await erp.put(f"{place}/samples/{name}", json=body) for name in names]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 413]
    assert (await erp.put(f"{place}/samples/one", json=body)).status_code == 200


async def test_there_is_room_for_a_hundred(erp: httpx.AsyncClient, place: str) -> None:
    puts = (erp.put(f"{place}/samples/{n}", json=sample()) for n in range(105))
    answers = await asyncio.gather(*puts)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [answer.json()["code"] for answer in refused] == ["TOO_MANY_SAMPLES"] * 5
    assert len((await erp.get(f"{place}/samples")).json()["samples"]) == 100


async def test_only_inbound_use_cases_have_samples(
    erp: httpx.AsyncClient, integration: Answer
) -> None:
    body = {"name": "Out", "type": "outbound", "enabled": False}
    url = f"/v1/integrations/{integration['id']}/use-cases"
    created = (await erp.post(url, json=body)).json()
    samples = f"{url}/{created['id']}/samples"
    for answer in (
        await erp.put(f"{samples}/x", json=sample()),
        await erp.post(samples, json={"name": "x", "payload": PAYLOAD}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "USE_CASE_NOT_INBOUND")
    assert (await erp.get(samples)).json() == {"samples": []}


async def test_a_use_case_without_a_configuration_yields_nothing(
    erp: httpx.AsyncClient, integration: Answer
) -> None:
    body = {"name": "Empty", "type": "inbound", "enabled": True}
    url = f"/v1/integrations/{integration['id']}/use-cases"
    created = (await erp.post(url, json=body)).json()
    samples = f"{url}/{created['id']}/samples"
    recorded = (await erp.post(samples, json={"name": "x", "payload": PAYLOAD})).json()
    assert recorded["expected"] == {
        "entity_updates": [],
        "meter_readings_updates": [],
        "prune_scopes": [],
        "meter_reading_prune_scopes": [],
    }


@pytest.fixture
async def elsewhere(
    erp: httpx.AsyncClient, stranger: httpx.AsyncClient, place: str, created: Answer
) -> list[tuple[httpx.AsyncClient, str]]:
    """Clients and paths under which the samples are not to be found."""
    other = (await erp.post("/v1/integrations", json={"name": "Other"})).json()
    return [
        (stranger, place),
        (erp, f"/v1/integrations/{other['id']}/use-cases/{created['id']}"),
        (erp, place.replace(created["id"], str(uuid4()))),
    ]


async def test_samples_are_found_in_their_own_place_only(
    kept: Answer, elsewhere: list[tuple[httpx.AsyncClient, str]]
) -> None:
    for client, url in elsewhere:
        answers = [
            await client.get(f"{url}/samples"),
            await client.get(f"{url}/samples/golden customer"),
            await client.put(f"{url}/samples/golden customer", json=sample()),
            await client.delete(f"{url}/samples/golden customer"),
            await client.post(f"{url}/samples", json={"name": "x", "payload": PAYLOAD}),
            await client.post(f"{url}/samples/run"),
        ]
        assert {answer.status_code for answer in answers} == {404}


async def test_samples_go_with_their_use_case(
    erp: httpx.AsyncClient, integration: Answer, created: Answer, kept: Answer, use_case: Any
) -> None:
    url = f"/v2/integrations/{integration['id']}"
    await erp.put(url, json={"name": "SAP", "use_cases": []})
    again = {"name": "SAP", "use_cases": [use_case(id=created["id"])]}
    assert (await erp.put(url, json=again)).status_code == 200
    samples = f"/v1/integrations/{integration['id']}/use-cases/{created['id']}/samples"
    assert (await erp.get(samples)).json() == {"samples": []}
