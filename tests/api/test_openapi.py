"""Generated requests against a real server: whatever is sent, it is never the server's fault."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.generation.modes import GenerationMode

from tieline.app import openapi_pages

EXAMPLES = 15

briefly = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations():
    for surface, page in openapi_pages().items():
        schema = schemathesis.openapi.from_dict(page)
        for found in schema.get_all_operations():
            operation = found.ok()
            label = f"{operation.method} /{surface}{operation.path}"
            takes_something = operation.body or any(operation.iter_parameters())
            for mode in GenerationMode:
                # What takes nothing cannot be sent anything wrong.
                if mode is GenerationMode.POSITIVE or takes_something:
                    yield pytest.param(surface, operation, mode, id=f"{label}-{mode.value}")


@pytest.mark.parametrize(("surface", "operation", "mode"), operations())
def test_no_request_makes_the_server_fail(live_server, surface, operation, mode):
    statuses = set()

    @briefly
    @given(operation.as_strategy(generation_mode=mode))
    def send(case):
        response = case.call(
            base_url=f"{live_server.url}/{surface}",
            headers={"authorization": f"Bearer {live_server.key}"},
            timeout=20,
        )
        statuses.add(response.status_code)
        assert response.status_code < 500, f"{response.status_code} {response.text}"

    send()
    assert statuses


@pytest.mark.parametrize("surface", openapi_pages())
def test_every_reference_of_a_page_leads_somewhere(surface):
    page = openapi_pages()[surface]
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(page)))
    assert references
    for reference in references:
        target = page
        for step in reference.removeprefix("#/").split("/"):
            assert step in target, reference
            target = target[step]


def with_defaults(node, way=()):
    """The schemas below a node that have a default, with the way to them."""
    if isinstance(node, dict):
        if "default" in node and ("type" in node or "anyOf" in node or "$ref" in node):
            yield way, node
        for name, member in node.items():
            yield from with_defaults(member, (*way, name))
    elif isinstance(node, list):
        for place, member in enumerate(node):
            yield from with_defaults(member, (*way, str(place)))


@pytest.mark.parametrize("surface", openapi_pages())
def test_every_default_is_of_its_own_schema(surface):
    page = json.loads(json.dumps(openapi_pages()[surface]))
    for way, schema in with_defaults(page):
        whole = {**schema, "components": page.get("components", {})}
        faults = list(Draft202012Validator(whole).iter_errors(schema["default"]))
        assert not faults, f"{'/'.join(way)}: {faults[0].message}"


def bodies_with_lists():
    """Each list in a body of an operation, full of entries that it cannot have."""
    wrong = [[[]]] * 2_000
    for surface, page in openapi_pages().items():
        for path, methods in page["paths"].items():
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                sent = content.get("application/json", {}).get("schema", {})
                for way in ways_to_lists(page, sent):
                    body = wrong
                    for name in reversed(way):
                        body = {name: body}
                    label = f"{method} /{surface}{path} {'.'.join(way)}"
                    yield pytest.param(method, f"/{surface}{path}", body, id=label)


def ways_to_lists(page, schema):
    """The names that lead to the lists of a schema, through objects."""
    if "$ref" in schema:
        schema = page["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") == "array" and schema.get("items"):
        yield ()
    for alternative in schema.get("anyOf", ()):
        yield from ways_to_lists(page, alternative)
    for name, member in schema.get("properties", {}).items():
        yield from ((name, *way) for way in ways_to_lists(page, member))


@pytest.mark.parametrize(("method", "path", "body"), bodies_with_lists())
def test_a_list_of_wrong_entries_gets_a_short_answer(live_server, method, path, body):
    import httpx

    response = httpx.request(
        method,
        live_server.url + re.sub(r"\{\w+\}", "0190b5a2-0000-7000-8000-000000000001", path),
        headers={"authorization": f"Bearer {live_server.key}"},
        json=body,
    )
    assert response.status_code in (400, 404, 413)
    # Each fault costs memory before the first ones are told: see tieline.http.bodies.
    assert "more faults" not in response.text


def test_a_path_of_rubbish_is_not_found(live_server):
    import httpx

    rubbish = ("/x", "/erp-integration/v9", f"/entity/{quote('%00')}", "/entity/v1/entity/a/b/c/d")
    for path in rubbish:
        response = httpx.get(live_server.url + path, headers={"authorization": "Bearer x"})
        assert response.status_code in (400, 401, 404)
        assert response.json()["request_id"]
