"""What holds for use cases of every type, in whichever of the four ways they are saved."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

Answer = dict[str, Any]
Save = Callable[[httpx.AsyncClient, Answer], Awaitable[tuple[int, Answer]]]

INBOUND = {
    "entities": [
        {
            "entity_schema": "contact",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "$.customer.id"},
                {"attribute": "name", "jsonataExpression": "customer.name"},
            ],
        }
    ]
}
OUTBOUND = {
    "event_catalog_event": "EntityCreated",
    "mappings": [
        {
            "id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "name": "to ERP",
            "jsonata_expression": "{'id': entity._id}",
            "enabled": True,
            "delivery": {"type": "webhook", "webhook_id": "wh1"},
            "created_at": "2026-01-31T08:00:00.000Z",
            "updated_at": "2026-01-31T08:00:00.000Z",
        }
    ],
}
FILE_PROXY = {
    "steps": [{"url": "https://erp.example/a", "method": "GET", "response_type": "json"}],
    "response": {"body": "steps[0].body.data", "encoding": "base64"},
}
CONFIGURATIONS: dict[str, Answer] = {
    "inbound": INBOUND,
    "outbound": OUTBOUND,
    "file_proxy": FILE_PROXY,
}
# A part of each configuration, and a JSONata expression in it.
PARTS = {
    "inbound": ("entities", 0),
    "outbound": ("mappings", 0),
    "file_proxy": ("steps", 0),
}
EXPRESSIONS = {
    "inbound": ("entities", 0, "fields", 1, "jsonataExpression"),
    "outbound": ("mappings", 0, "jsonata_expression"),
    "file_proxy": ("response", "body"),
}


def body(kind: str, configuration: Answer | None = None, **different: Any) -> Answer:
    usual = {
        "name": "Use case",
        "slug": "use-case",
        "type": kind,
        "enabled": False,
        "configuration": CONFIGURATIONS[kind] if configuration is None else configuration,
    }
    return usual | different


def found_in(saved: Answer) -> list[str]:
    """The paths of the warnings, but for that about the webhook, which does not exist."""
    paths = [warning["path"] for warning in saved.get("warnings", ())]
    return [path for path in paths if not path.endswith("delivery.webhook_id")]


def without_configuration(kind: str, **different: Any) -> Answer:
    usual = body(kind, **different)
    del usual["configuration"]
    return usual


def changed(kind: str, place: tuple[str | int, ...], value: Any) -> Answer:
    """The usual configuration with another value at a place."""
    configuration = copy.deepcopy(CONFIGURATIONS[kind])
    target: Any = configuration
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return configuration


def path_of(place: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


async def create_v1(erp: httpx.AsyncClient, wanted: Answer) -> tuple[int, Answer]:
    integration = (await erp.post("/v1/integrations", json={"name": "SAP"})).json()
    answer = await erp.post(f"/v1/integrations/{integration['id']}/use-cases", json=wanted)
    return answer.status_code, answer.json()


async def update_v1(erp: httpx.AsyncClient, wanted: Answer) -> tuple[int, Answer]:
    _, created = await create_v1(erp, without_configuration(wanted["type"]))
    answer = await erp.put(url_of(created), json=wanted)
    return answer.status_code, answer.json()


async def create_v2(erp: httpx.AsyncClient, wanted: Answer) -> tuple[int, Answer]:
    answer = await erp.post("/v2/integrations", json={"name": "SAP", "use_cases": [wanted]})
    return only_use_case(answer)


async def update_v2(erp: httpx.AsyncClient, wanted: Answer) -> tuple[int, Answer]:
    use_case_id = str(uuid4())
    first = without_configuration(wanted["type"], id=use_case_id)
    created = await erp.post("/v2/integrations", json={"name": "SAP", "use_cases": [first]})
    assert created.status_code == 201, created.text
    url = f"/v2/integrations/{created.json()['id']}"
    return only_use_case(
        await erp.put(url, json={"name": "SAP", "use_cases": [{**wanted, "id": use_case_id}]})
    )


def only_use_case(answer: httpx.Response) -> tuple[int, Answer]:
    """The use case of an integration; an error as if the request had been about it alone."""
    found: Answer = answer.json()
    if answer.is_success:
        return answer.status_code, found["use_cases"][0]
    prefix = "use_cases[0]."
    if "path" in found:
        assert found["path"].startswith(prefix)
        found["path"] = found["path"].removeprefix(prefix)
    return answer.status_code, found


def url_of(use_case: Answer) -> str:
    return f"/v1/integrations/{use_case['integrationId']}/use-cases/{use_case['id']}"


every_way = pytest.mark.parametrize(
    "save", [create_v1, update_v1, create_v2, update_v2], ids=lambda save: save.__name__
)
every_change = pytest.mark.parametrize(
    "save", [update_v1, update_v2], ids=lambda save: save.__name__
)
every_type = pytest.mark.parametrize("kind", CONFIGURATIONS)


@every_way
@every_type
async def test_an_unknown_key_is_kept_and_named_in_a_warning(
    erp: httpx.AsyncClient, save: Save, kind: str
) -> None:
    place = (*PARTS[kind], "typing_error")
    configuration = changed(kind, place, {"x": 1})

    status, saved = await save(erp, body(kind, configuration))

    assert status in (200, 201)
    assert saved["configuration"] == configuration
    assert found_in(saved) == [f"configuration.{path_of(place)}"]
    assert (await erp.get(url_of(saved))).json()["configuration"] == configuration


@every_way
@every_type
async def test_what_has_no_fault_has_no_warnings(
    erp: httpx.AsyncClient, save: Save, kind: str
) -> None:
    status, saved = await save(erp, body(kind))

    assert status in (200, 201)
    assert found_in(saved) == []


@every_way
@every_type
@pytest.mark.parametrize("source", ["$map(", "a ~> ", "x" * 70_000])
async def test_an_expression_that_cannot_be_compiled_is_refused_with_its_path(
    erp: httpx.AsyncClient, save: Save, kind: str, source: str
) -> None:
    place = EXPRESSIONS[kind]

    status, refused = await save(erp, body(kind, changed(kind, place, source)))

    assert (status, refused["code"]) == (400, "INVALID_CONFIGURATION")
    assert refused["path"] == f"configuration.{path_of(place)}"
    assert path_of(place) in refused["message"]


@every_way
@pytest.mark.parametrize("source", ["$.a[", "$..", "$[?(@.a ==)]"])
async def test_a_json_path_that_is_none_is_refused_with_its_path(
    erp: httpx.AsyncClient, save: Save, source: str
) -> None:
    place = ("entities", 0, "fields", 0, "field")

    status, refused = await save(erp, body("inbound", changed("inbound", place, source)))

    assert (status, refused["code"]) == (400, "INVALID_CONFIGURATION")
    assert refused["path"] == f"configuration.{path_of(place)}"


@every_way
@every_type
async def test_a_part_of_the_wrong_form_is_refused_with_its_path(
    erp: httpx.AsyncClient, save: Save, kind: str
) -> None:
    place = PARTS[kind]

    status, refused = await save(erp, body(kind, changed(kind, place, "text")))

    assert (status, refused["code"]) == (400, "INVALID_CONFIGURATION")
    assert refused["path"] == f"configuration.{path_of(place)}"


@every_way
@every_type
async def test_a_change_is_described_in_up_to_2000_characters(
    erp: httpx.AsyncClient, save: Save, kind: str
) -> None:
    description = "ü" * 2000

    status, saved = await save(erp, body(kind, change_description=description))
    assert (status in (200, 201), saved["change_description"]) == (True, description)

    status, refused = await save(erp, body(kind, change_description=description + "x"))
    assert status == 400
    assert "change_description" in refused["message"]


@every_change
@every_type
async def test_a_slug_is_never_changed(erp: httpx.AsyncClient, save: Save, kind: str) -> None:
    status, refused = await save(erp, body(kind, slug="another"))

    assert (status, refused["code"]) == (400, "SLUG_IMMUTABLE")


@every_change
@every_type
async def test_a_type_is_never_changed(erp: httpx.AsyncClient, save: Save, kind: str) -> None:
    other = next(name for name in CONFIGURATIONS if name != kind)
    _, saved = await save(erp, body(kind))
    wanted = body(other, id=saved["id"])
    url = f"/v2/integrations/{saved['integrationId']}"

    answers = [
        await erp.put(url_of(saved), json=wanted),
        await erp.put(url, json={"name": "SAP", "use_cases": [wanted]}),
    ]

    assert {answer.json()["code"] for answer in answers} == {"USE_CASE_TYPE_IMMUTABLE"}


@every_change
@every_type
async def test_what_a_use_case_was_is_in_its_history(
    erp: httpx.AsyncClient, save: Save, kind: str
) -> None:
    _, saved = await save(erp, body(kind, change_description="first"))
    configuration = changed(kind, (*PARTS[kind], "note"), "x")
    again = body(kind, configuration, id=saved["id"], change_description="second")
    await erp.put(
        f"/v2/integrations/{saved['integrationId']}", json={"name": "SAP", "use_cases": [again]}
    )

    history = (await erp.get(f"{url_of(saved)}/history")).json()["history"]

    assert len(history) == 2
    assert history[0]["configuration"] == CONFIGURATIONS[kind]
    assert history[0]["change_description"] == "first"
    assert "configuration" not in history[1]
    assert (await erp.get(url_of(saved))).json()["change_description"] == "second"
