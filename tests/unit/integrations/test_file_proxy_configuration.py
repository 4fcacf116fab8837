from typing import Any

import pytest

from tieline.integrations.file_proxy_configuration import parse_file_proxy
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
    [
        *("", "plain", "{{a}}", "{{{a}}}", "\\{{env.a}}", "{{env.a}}", '{"a":{"b":1}}', "a}}"),
        *("{{!-- {{ --}}x", "{{#if a}}b{{else}}c{{/if}}", "{{#each steps}}{{@index}}{{/each}}"),
    ],
)
def test_these_templates_can_be_read(template: str) -> None:
    step = {**STEP, "method": "POST", "body": template}

    assert parse_file_proxy(proxy(steps=[step]))[1] == []


@pytest.mark.parametrize(
    ("template", "character"),
    [("{{", 1), ("ab{{c", 3), ("{{a {{b}}", 1), ("{{#if a}}b", 1), ("x{{lower a}}", 2)],
)
def test_a_template_that_cannot_be_read_is_named_with_the_place(
    template: str, character: int
) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_file_proxy(proxy(steps=[{**STEP, "body": template}]))

    assert caught.value.path == "steps[0].body"
    assert f"character {character} " in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        *("{{params.url}}", "https://{{params.host}}/x", "https://a.{{params.zone}}/x"),
        *("https://e.example{{params.rest}}", "{{{params.url}}}"),
    ],
)
def test_a_link_that_decides_where_credentials_go_is_a_warning(url: str) -> None:
    _, warnings = parse_file_proxy(proxy(steps=[{**STEP, "url": url}]))

    assert [warning.path for warning in warnings] == ["steps[0].url"]
    assert "host" in warnings[0].message


@pytest.mark.parametrize(
    "url",
    [
        *("https://e.example/{{params.id}}", "\\{{env.base}}/{{params.id}}"),
        *("{{steps.0.body.url}}?a={{params.id}}", "https://e.example?{{params.id}}"),
        "\\{{env.base}}{{params.id}}",  # only who has set the variable knows how it ends
    ],
)
def test_a_host_that_the_configuration_names_is_fine(url: str) -> None:
    assert parse_file_proxy(proxy(steps=[{**STEP, "url": url}]))[1] == []


def test_parameters_that_links_have_of_their_own_are_warned_of() -> None:
    params = [{"name": "signature", "required": False}, {"name": "orgId", "required": True}]

    _, warnings = parse_file_proxy(proxy(params=params))

    assert [warning.path for warning in warnings] == ["params[0].name"]


def test_an_attached_proxy_of_newer_clients_is_taken_for_requires_vpc() -> None:
    _, warnings = parse_file_proxy(proxy(secure_proxy={"use_case_slug": "inside"}))

    assert [warning.path for warning in warnings] == ["secure_proxy"]
