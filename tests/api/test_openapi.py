"""Generated requests against a real server: whatever is sent, it is never the server's fault."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
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
            yield pytest.param(surface, operation, id=label)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("surface", "operation"), operations())
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


def test_a_path_of_rubbish_is_not_found(live_server):
    import httpx

    rubbish = ("/x", "/erp-integration/v9", f"/entity/{quote('%00')}", "/entity/v1/entity/a/b/c/d")
    for path in rubbish:
        response = httpx.get(live_server.url + path, headers={"authorization": "Bearer x"})
        assert response.status_code in (400, 401, 404)
        assert response.json()["request_id"]
