from __future__ import annotations

from typing import Any

import pytest

from tieline.egress.models import Bounds
from tieline.egress.tokens import Grant, ParameterPlace
from tieline.fileproxy.configuration import Configuration, read_configuration
from tieline.fileproxy.requests import Values, step_request, token_request

CONTEXT = {"params": {"id": "a b"}, "steps": []}
AUTH = {
    "type": "oauth2_client_credentials",
    "token_url": "{{env.base}}/token?t={{params.id}}",
    "client_id": "c",
    "client_secret": "\\{{env.secret}}",
}


def configured(auth: Any = None, **step: Any) -> Configuration:
    raw: dict[str, Any] = {
        "steps": [{"url": "https://e/{{params.id}}", "method": "GET", "response_type": "json"}],
        "response": {"body": "steps[0].body", "encoding": "binary"},
    }
    raw["steps"][0] |= step
    return read_configuration(raw if auth is None else {**raw, "auth": auth})


def request(token: str | None = None, **step: Any) -> Any:
    values = Values(CONTEXT, {"base": "https://dms.example", "secret": "s&1"})
    [only] = configured(**step).steps
    return step_request(only, values, Bounds(), token=token, through_proxy=False)


def headers(**step: Any) -> dict[str, str]:
    return dict(request(**step).headers)


def test_a_step_that_gets_json_says_so() -> None:
    sent = request()

    assert (sent.method, sent.url, sent.body) == ("GET", "https://e/a%20b", b"")
    assert dict(sent.headers) == {"Accept": "application/json"}
    assert headers(response_type="binary") == {}
    assert headers(headers={"ACCEPT": "text/x"}) == {"ACCEPT": "text/x"}


def test_a_token_is_sent_unless_the_step_has_something_of_its_own() -> None:
    assert dict(request("Bearer t").headers)["Authorization"] == "Bearer t"
    own = request("Bearer t", headers={"authorization": "Basic x"})
    assert dict(own.headers) == {"authorization": "Basic x", "Accept": "application/json"}


@pytest.mark.parametrize(
    ("body", "given", "content_type", "sent"),
    [
        ('{"a": "{{params.id}}\\{{env.secret}}"}', None, "application/json", b'{"a": "a bs&1"}'),
        ("[{{params.id}}]", None, "application/json", b'["a b"]'),
        ("<a>{{env.secret}}</a>", None, "application/xml", b"<a>s&amp;1</a>"),
        ("{{params.id}}", None, "text/plain", b"a b"),
        ("x={{params.id}}", None, "text/plain", b"x=a b"),
        (
            "x={{params.id}}&y={{env.secret}}",
            "application/x-www-form-urlencoded; charset=utf-8",
            "application/x-www-form-urlencoded; charset=utf-8",
            b"x=a%20b&y=s%261",
        ),
        ("{{env.secret}}", "application/soap+xml", "application/soap+xml", b"s&amp;1"),
        ('"{{env.secret}}"', "application/hal+json", "application/hal+json", b'"s&1"'),
        ("{{env.secret}}", "text/csv", "text/csv", b"s&1"),
    ],
)
def test_a_body_is_what_it_says_or_looks_like(
    body: str, given: str | None, content_type: str, sent: bytes
) -> None:
    different = {} if given is None else {"headers": {"content-type": given}}

    found = request(method="POST", body=body, **different)

    assert found.body == sent
    kinds = [value for name, value in found.headers if name.lower() == "content-type"]
    assert kinds == [content_type]


def test_a_get_has_no_body() -> None:
    assert request(body="x").body == b""


def test_a_token_is_asked_for_with_what_is_configured() -> None:
    auth = {
        **AUTH,
        "type": "oauth2_password",
        "username": "{{params.id}}",
        "password": "{{env.secret}}",
        "scope": "a b",
        "resource": "  ",
        "body_params": {"x": "{{params.id}}"},
        "headers": {"y": "1"},
        "query_params": {"z": "{{env.secret}}"},
    }
    values = Values(CONTEXT, {"base": "https://dms.example", "secret": "s&1"})
    configuration = configured(auth)
    assert configuration.auth is not None

    wanted = token_request(configuration.auth, values, through_proxy=True)

    assert wanted.url == "https://dms.example/token?t=a%20b"
    assert (wanted.grant, wanted.client_secret) == (Grant.PASSWORD, "s&1")
    assert (wanted.username, wanted.password) == ("a b", "s&1")
    assert (wanted.scope, wanted.audience, wanted.resource) == ("a b", None, None)
    assert [(p.place, p.name, p.value) for p in wanted.parameters] == [
        (ParameterPlace.BODY, "x", "a b"),
        (ParameterPlace.QUERY, "z", "s&1"),
        (ParameterPlace.HEADER, "y", "1"),
    ]
    assert wanted.through_proxy
    assert configuration.variables() == ["base", "secret"]


def test_client_credentials_take_no_user_along() -> None:
    auth = {**AUTH, "username": "kim", "password": "p"}
    configuration = configured(auth)
    assert configuration.auth is not None

    wanted = token_request(
        configuration.auth, Values(CONTEXT, {"base": "x", "secret": "y"}), through_proxy=False
    )

    assert (wanted.username, wanted.password) == (None, None)


def test_what_is_printed_of_values_shows_no_secret() -> None:
    assert "hunter2" not in repr(Values(CONTEXT, {"secret": "hunter2"}))
