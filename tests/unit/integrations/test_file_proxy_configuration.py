from typing import Any

import pytest

from tieline.integrations.file_proxy_configuration import brace_fault, parse_file_proxy
from tieline.mapping.errors import InvalidConfiguration

STEP = {"url": "https://e.example/{{params.id}}", "method": "GET", "response_type": "json"}
AUTH = {
    "type": "oauth2_client_credentials",
    "token_url": "https://e.example/token",
    "client_id": "{{params.client}}",
    "client_secret": "\\{{env.secret}}",
}
RESPONSE = {"body": "steps[0].body", "encoding": "binary"}


def proxy(**different: Any) -> dict[str, Any]:
    return {"steps": [STEP], "response": RESPONSE} | different


def test_the_expressions_of_the_response_are_found() -> None:
    response = {**RESPONSE, "filename": "params.name", "content_type": "'text/plain'"}

    expressions, warnings = parse_file_proxy(
        proxy(
            requires_vpc=True,
            auth={**AUTH, "headers": {"x": "{{params.x}}"}, "scope": "a b"},
            params=[{"name": "id", "required": True, "description": "which"}],
            response=response,
        )
    )

    assert expressions == {
        "response.body": "steps[0].body",
        "response.filename": "params.name",
        "response.content_type": "'text/plain'",
    }
    assert warnings == []


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "steps"),
        (proxy(steps=[]), "steps"),
        (proxy(steps=[{**STEP, "url": ""}]), "steps[0].url"),
        (proxy(steps=[{**STEP, "url": "a{{b"}]), "steps[0].url"),
        (proxy(steps=[STEP, {**STEP, "method": "PUT"}]), "steps[1].method"),
        (proxy(steps=[{"url": "u", "response_type": "json"}]), "steps[0].method"),
        (proxy(steps=[{"url": "u", "method": "GET"}]), "steps[0].response_type"),
        (proxy(steps=[{**STEP, "response_type": "xml"}]), "steps[0].response_type"),
        (proxy(steps=[{**STEP, "headers": {"a": 1}}]), "steps[0].headers.a"),
        (proxy(steps=[{**STEP, "headers": {"a": "{{x"}}]), "steps[0].headers.a"),
        (proxy(steps=[{**STEP, "body": "{{x"}]), "steps[0].body"),
        ({"steps": [STEP]}, "response"),
        (proxy(response={"encoding": "binary"}), "response.body"),
        (proxy(response={"body": "a"}), "response.encoding"),
        (proxy(response={"body": "a", "encoding": "hex"}), "response.encoding"),
        (proxy(params=[{"required": True}]), "params[0].name"),
        (proxy(params=[{"name": "a"}]), "params[0].required"),
        (proxy(params=[{"name": "a", "required": True}] * 2), "params[1].name"),
        (
            proxy(params=[{"name": "a", "required": True, "description": 1}]),
            "params[0].description",
        ),
        (proxy(requires_vpc="yes"), "requires_vpc"),
        (proxy(auth={"type": "basic"}), "auth.type"),
        (proxy(auth={}), "auth.type"),
        (proxy(auth={**AUTH, "client_secret": None}), "auth.client_secret"),
        (proxy(auth={**AUTH, "type": "oauth2_password", "username": "u"}), "auth.password"),
        (proxy(auth={**AUTH, "type": "oauth2_password", "password": "p"}), "auth.username"),
        (proxy(auth={**AUTH, "audience": "{{"}), "auth.audience"),
        (proxy(auth={**AUTH, "body_params": {"a": []}}), "auth.body_params.a"),
    ],
)
def test_what_could_never_work_is_refused_with_its_path(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_file_proxy(raw)

    assert caught.value.path == path
    assert path in caught.value.message


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (proxy(x=1), "x"),
        (proxy(steps=[{**STEP, "y": 1}]), "steps[0].y"),
        (proxy(steps=[{**STEP, "body": "b"}]), "steps[0].body"),
        (proxy(auth={**AUTH, "client_secret": "hunter2"}), "auth.client_secret"),
        (proxy(response={**RESPONSE, "z": 1}), "response.z"),
    ],
)
def test_what_has_no_effect_or_a_bad_one_is_a_warning(raw: dict[str, Any], path: str) -> None:
    _, warnings = parse_file_proxy(raw)

    assert [warning.path for warning in warnings] == [path]


def test_a_post_with_a_body_and_a_password_grant_are_fine() -> None:
    auth = {**AUTH, "type": "oauth2_password", "username": "u", "password": "{{params.p}}"}
    step = {**STEP, "method": "POST", "body": '{"a":{"b":"{{params.id}}"}}'}

    assert parse_file_proxy(proxy(auth=auth, steps=[step]))[1] == []


@pytest.mark.parametrize(
    "template",
    ["", "plain", "{{a}}", "{{{a}}}", "\\{{env.a}}", '{"a":{"b":1}}', "{{!-- {{ --}}x", "a}}"],
)
def test_these_templates_close_what_they_open(template: str) -> None:
    assert brace_fault(template) is None


@pytest.mark.parametrize(("template", "character"), [("{{", 1), ("ab{{c", 3), ("{{a {{b}}", 1)])
def test_a_template_that_stays_open_is_named_with_the_place(template: str, character: int) -> None:
    assert f"character {character} " in (brace_fault(template) or "")
