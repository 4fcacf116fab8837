"""Access tokens of a real endpoint: asked for once, kept, renewed, and told apart."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.components.http_protocol import Fault, Reply
from tests.components.oauth_server import TokenServer
from tests.unit.egress.conftest import LOOPBACK

from tieline.egress.client import EgressClient
from tieline.egress.errors import TokenFailure
from tieline.egress.models import Answer
from tieline.egress.token_answers import failure_of, token_in
from tieline.egress.token_requests import http_request
from tieline.egress.tokens import (
    ClientAuthentication,
    Grant,
    Parameter,
    ParameterPlace,
    Token,
    TokenRequest,
    TokenSource,
)

SECRET = "client-secret-4711"  # that of the token server
PASSWORD = "password-of-kim-4711"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tokens(clock: Clock) -> AsyncIterator[TokenSource]:
    egress = EgressClient(LOOPBACK)
    source = TokenSource(egress, clock)
    yield source
    await source.close()
    await egress.close()


@pytest.fixture
def request_of(token_server: TokenServer) -> TokenRequest:
    return TokenRequest(token_server.url, "tieline", SECRET)


# --- asking


async def test_a_client_gets_a_token(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    token = await tokens.token(replace(request_of, scope="read write"), org_id="a")

    issued = token_server.issued[0]
    assert token.authorization == f"Bearer {issued.token}"
    assert (issued.grant, issued.client_id) == ("client_credentials", "tieline")
    assert issued.parameters["scope"] == "read write"
    assert "audience" not in issued.parameters


async def test_a_password_gets_a_token(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    asked = replace(
        request_of, grant=Grant.PASSWORD, username="kim", password=PASSWORD, audience="dms"
    )
    await tokens.token(asked, org_id="a")

    assert token_server.issued[0].grant == "password"
    assert token_server.issued[0].parameters["audience"] == "dms"


async def test_the_client_may_stand_in_the_header(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    token_server.clients["a:b c"] = "s/ü%:"
    asked = replace(
        request_of,
        client_id="a:b c",
        client_secret="s/ü%:",
        authentication=ClientAuthentication.BASIC,
    )
    await tokens.token(asked, org_id="a")

    assert token_server.issued[0].client_id == "a:b c"
    assert b"secret" not in token_server.requests[0].body


@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
async def test_answers_may_be_json_or_a_form(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest, as_form: bool
) -> None:
    token_server.as_form = as_form

    token = await tokens.token(request_of, org_id="a")

    assert (token.value, token.expires_in) == (token_server.issued[0].token, 3600)


async def test_parameters_of_ones_own_go_where_they_are_meant_to(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    own = (
        Parameter(ParameterPlace.BODY, "tenant", "t&1"),
        Parameter(ParameterPlace.BODY, "scope", "mine"),
        Parameter(ParameterPlace.QUERY, "api version", "2=ü"),
        Parameter(ParameterPlace.HEADER, "X-Region", "eu"),
    )
    asked = replace(request_of, url=f"{request_of.url}?a=b#c", scope="standard", parameters=own)
    await tokens.token(asked, org_id="a")

    received = token_server.requests[0]
    assert received.form()["tenant"] == "t&1"
    assert received.form()["scope"] == "mine"
    assert received.query == {"a": "b", "api version": "2=ü"}
    assert received.header("x-region") == "eu"


async def test_an_endpoint_may_want_json(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    header = Parameter(ParameterPlace.HEADER, "Content-Type", "application/json")
    await tokens.token(replace(request_of, parameters=(header,)), org_id="a")

    assert token_server.requests[0].json()["client_secret"] == SECRET


async def test_an_endpoint_may_want_get(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    await tokens.token(replace(request_of, method="get"), org_id="a")

    received = token_server.requests[0]
    assert (received.method, received.body) == ("GET", b"")
    assert received.query["grant_type"] == "client_credentials"


# --- keeping


async def test_a_token_is_used_until_shortly_before_its_end(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest, clock: Clock
) -> None:
    token_server.expires_in = 3600
    first = await tokens.token(request_of, org_id="a")
    clock.now += 3600 - 61
    assert await tokens.token(request_of, org_id="a") == first
    clock.now += 2
    assert await tokens.token(request_of, org_id="a") != first


@pytest.mark.parametrize(("stated", "good"), [(10, 7.9), (None, 239), (10**9, 86_399)])
async def test_how_long_that_is_depends_on_what_is_stated(
    tokens: TokenSource,
    token_server: TokenServer,
    request_of: TokenRequest,
    clock: Clock,
    stated: int | None,
    good: float,
) -> None:
    token_server.expires_in = stated
    first = await tokens.token(request_of, org_id="a")
    clock.now += good
    assert await tokens.token(request_of, org_id="a") == first
    clock.now += 2
    assert await tokens.token(request_of, org_id="a") != first


@pytest.mark.parametrize("stated", [0, -5])
async def test_a_token_that_has_no_time_is_not_kept(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest, stated: int
) -> None:
    token_server.failing = [Reply.of({"access_token": "once", "expires_in": stated})]

    assert (await tokens.token(request_of, org_id="a")).value == "once"
    assert (await tokens.token(request_of, org_id="a")).value != "once"


async def test_those_who_want_it_at_once_wait_for_one_request(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    got = await asyncio.gather(*(tokens.token(request_of, org_id="a") for _ in range(50)))

    assert len(set(got)) == 1
    assert len(token_server.requests) == 1


async def test_organisations_share_none_even_with_the_same_credentials(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    assert await tokens.token(request_of, org_id="a") != await tokens.token(request_of, org_id="b")


@pytest.mark.parametrize(
    "different",
    [
        {"scope": "x"},
        {"parameters": (Parameter(ParameterPlace.BODY, "a", "b"),)},
        {"authentication": ClientAuthentication.BASIC},
        {"resource": "x"},
    ],
)
async def test_whatever_is_asked_differently_is_another_token(
    tokens: TokenSource, request_of: TokenRequest, different: dict[str, Any]
) -> None:
    first = await tokens.token(request_of, org_id="a")

    assert await tokens.token(replace(request_of, **different), org_id="a") != first


async def test_a_refused_token_is_forgotten_and_not_the_one_after_it(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    first = await tokens.token(request_of, org_id="a")
    tokens.forget(request_of, first, org_id="a")
    second = await tokens.token(request_of, org_id="a")
    tokens.forget(request_of, first, org_id="a")
    tokens.forget(request_of, second, org_id="b")
    assert await tokens.token(request_of, org_id="a") == second
    tokens.forget(request_of, org_id="a")
    assert await tokens.token(request_of, org_id="a") not in (first, second)
    assert len(token_server.requests) == 3


async def test_who_gives_up_does_not_end_it_for_the_others(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    token_server.failing = [Reply(200, b'{"access_token":"slow"}', delay=0.1)]
    first = asyncio.create_task(tokens.token(request_of, org_id="a"))
    second = asyncio.create_task(tokens.token(request_of, org_id="a"))
    await token_server.sink.wait_for(1)
    first.cancel()

    assert (await second).value == "slow"


async def test_nothing_that_is_kept_shows_a_secret(
    tokens: TokenSource, request_of: TokenRequest
) -> None:
    asked = replace(request_of, parameters=(Parameter(ParameterPlace.BODY, "pin", "secret-pin"),))
    token = await tokens.token(asked, org_id="a")

    for shown in (repr(asked), repr(token), repr(vars(tokens))):
        assert SECRET not in shown
        assert "secret-pin" not in shown
        assert token.value not in shown


# --- failing


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply.of({"error": "invalid_client"}, 401), "answers 401, invalid_client"),
        (
            Reply.of({"error": "invalid_scope", "error_description": "No such scope"}, 400),
            "answers 400, invalid_scope: No such scope",
        ),
        (Reply(500, b"<html>oh</html>"), "answers 500"),
        (Reply(302, b"", {"location": "/elsewhere"}), "answers 302"),
        (Reply(200, b"{}"), "without a usable access_token"),
        (Reply(200, b"[1]"), "without a usable access_token"),
        (Reply(200, b"\xff\xfe"), "without a usable access_token"),
        (Reply(200, b"[" * 50_000), "without a usable access_token"),
        (Reply.of({"access_token": 5}), "without a usable access_token"),
        (Reply.of({"access_token": ""}), "without a usable access_token"),
        (Reply.of({"access_token": "a\r\nX: y"}), "without a usable access_token"),
        (Reply(200, b"x" * 200_000), "more than 100,000 bytes"),
        (Reply(fault=Fault.DROP), "without an answer"),
        (Reply(fault=Fault.GARBAGE), "no HTTP"),
    ],
)
async def test_why_there_is_no_token_is_said(
    tokens: TokenSource,
    token_server: TokenServer,
    request_of: TokenRequest,
    reply: Reply,
    reason: str,
) -> None:
    token_server.failing = [reply]

    with pytest.raises(TokenFailure, match=reason) as failed:
        await tokens.token(request_of, org_id="a")
    assert failed.value.code == "OAUTH2_TOKEN_FAILURE"
    assert str(token_server.sink.port) in failed.value.message
    assert (await tokens.token(request_of, org_id="a")).value


async def test_a_reason_repeats_no_secret_and_does_not_go_on(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    words = f"{SECRET} s%C3%BC%C3%9F%2Fe {'Bearer abc123 ' * 3} \x00 {'x' * 5_000}"
    own = (Parameter(ParameterPlace.QUERY, "pin", "süß/e"),)
    token_server.failing = [Reply.of({"error": "e", "error_description": words}, 400)]

    with pytest.raises(TokenFailure) as failed:
        await tokens.token(replace(request_of, parameters=own), org_id="a")

    message = failed.value.message
    assert SECRET not in message
    assert "%C3%BC" not in message
    assert "abc123" not in message
    assert "\x00" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/token", "ftp://x/", "", "http://user:secret-4711@127.0.0.1/"]
)
async def test_an_address_that_is_refused_is_a_reason_too(tokens: TokenSource, url: str) -> None:
    with pytest.raises(TokenFailure) as failed:
        await tokens.token(TokenRequest(url, "a", SECRET), org_id="a")
    assert "secret-4711" not in failed.value.message


@pytest.mark.parametrize(
    "place", [ParameterPlace.BODY, ParameterPlace.QUERY, ParameterPlace.HEADER]
)
async def test_text_that_cannot_be_sent_is_a_reason_too(
    tokens: TokenSource, request_of: TokenRequest, place: ParameterPlace
) -> None:
    own = (
        Parameter(place, "a", "half \ud800 character"),
        Parameter(ParameterPlace.HEADER, "Content-Type", "application/json"),
    )
    if place is ParameterPlace.QUERY:  # where it is replaced
        assert (await tokens.token(replace(request_of, parameters=own), org_id="a")).value
    else:
        with pytest.raises(TokenFailure):
            await tokens.token(replace(request_of, parameters=own), org_id="a")


async def test_all_who_wait_are_told(
    tokens: TokenSource, token_server: TokenServer, request_of: TokenRequest
) -> None:
    token_server.failing = [Reply(503)]
    ends = await asyncio.gather(
        *(tokens.token(request_of, org_id="a") for _ in range(5)), return_exceptions=True
    )

    assert {type(end) for end in ends} == {TokenFailure}
    assert len(token_server.requests) == 1


# --- pure


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, [], body, "http://a.example/", "192.0.2.1", 0.1)


@pytest.mark.parametrize(
    ("body", "kind", "seconds"),
    [
        (b'{"access_token":"x"}', "Bearer", None),
        (b'{"access_token":"x","token_type":"bearer","expires_in":"60"}', "Bearer", 60),
        (b'{"access_token":"x","token_type":"DPoP","expires_in":1.5}', "DPoP", 1.5),
        (b'{"access_token":"x","token_type":"a b\\n","expires_in":true}', "Bearer", None),
        (b'{"access_token":"x","token_type":7,"expires_in":"soon"}', "Bearer", None),
        (b'{"access_token":"x","expires_in":"inf"}', "Bearer", None),
        (b'{"access_token":"x","expires_in":0.10}', "Bearer", 0.1),
        (b"access_token=x&token_type=mac&expires_in=5", "mac", 5),
    ],
)
def test_what_an_answer_says(body: bytes, kind: str, seconds: float | None) -> None:
    assert token_in(TokenRequest("http://a.example/", "a", "b"), answer(body)) == Token(
        "x", kind, seconds
    )


def test_the_same_request_is_the_same_bytes() -> None:
    asked = TokenRequest("http://a.example/", "a", "b", authentication=ClientAuthentication.BASIC)

    assert http_request(asked) == http_request(asked)
    headers = dict(http_request(asked).headers)
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'a:b').decode()}"
    assert http_request(asked).bounds.max_redirects == 0


def test_a_short_secret_does_not_black_out_the_reason() -> None:
    asked = TokenRequest("http://a.example/", "a", "b")

    assert "invalid_client" in failure_of(asked, "invalid_client").message
