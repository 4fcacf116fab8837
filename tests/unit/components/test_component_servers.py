"""Certificates, the token server and the forward proxy are what tests take them for."""

from __future__ import annotations

import ssl

import httpx
import pytest
from tests.components.certificates import Authority
from tests.components.forward_proxy import ForwardProxy
from tests.components.http_protocol import Reply
from tests.components.oauth_server import TokenServer
from tests.components.sink import Sink

CLIENT = {"client_id": "tieline", "client_secret": "client-secret-4711"}
KIM = {"username": "kim", "password": "password-of-kim-4711"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("good", None),
        ("expired", "expired"),
        ("wrong_host", "not valid for '127.0.0.1'"),
        ("self_signed", "self-signed"),
        ("old_protocol", "(?i)protocol|version"),
    ],
)
def test_only_the_good_certificate_is_trusted(
    authority: Authority, kind: str, reason: str | None
) -> None:
    trust = ssl.create_default_context(cafile=authority.ca_file)
    with Sink(tls=getattr(authority, kind)()).running() as sink:
        if reason is None:
            assert httpx.get(sink.url, verify=trust).status_code == 200
        else:
            with pytest.raises(httpx.ConnectError, match=reason):
                httpx.get(sink.url, verify=trust)


def test_tokens_are_issued_by_both_grants_and_accepted_until_they_expire(
    token_server: TokenServer,
) -> None:
    guarded = token_server.guard("/api", Reply.of("in"))
    grant = {"grant_type": "client_credentials", "resource": "erp"}
    first = httpx.post(token_server.url, data={**CLIENT, **grant}).json()
    token_server.expires_in = 0
    basic = httpx.BasicAuth(*CLIENT.values())
    second = httpx.post(token_server.url, json={"grant_type": "password", **KIM}, auth=basic).json()

    def status(token: str) -> int:
        return httpx.get(guarded, headers={"authorization": f"Bearer {token}"}).status_code

    assert (first["expires_in"], second["expires_in"]) == (3600, 0)
    assert [each.grant for each in token_server.issued] == ["client_credentials", "password"]
    assert token_server.issued[0].parameters["resource"] == "erp"
    assert (status(first["access_token"]), status(second["access_token"])) == (200, 401)
    token_server.revoke_all()
    assert status(first["access_token"]) == 401


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({**CLIENT, "client_secret": "x", "grant_type": "password"}, "invalid_client"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({**CLIENT, "grant_type": "implicit"}, "unsupported_grant_type"),
        ({**CLIENT, **KIM, "grant_type": "password", "password": "x"}, "invalid_grant"),
    ],
)
def test_wrong_credentials_get_no_token(
    token_server: TokenServer, given: dict[str, str], error: str
) -> None:
    answer = httpx.post(token_server.url, data=given)

    assert answer.status_code in (400, 401)
    assert answer.json() == {"error": error}
    assert token_server.issued == []


def test_the_token_server_fails_as_told_and_can_answer_as_a_form(
    token_server: TokenServer,
) -> None:
    token_server.failing.append(Reply(500, b"down"))
    token_server.as_form = True
    given = {**CLIENT, "grant_type": "client_credentials"}

    answers = [httpx.post(token_server.url, data=given) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 200]
    assert httpx.QueryParams(answers[1].text)["access_token"] == token_server.issued[0].token
    assert len(token_server.requests) == 2


async def test_the_proxy_leads_to_where_its_names_lead(authority: Authority) -> None:
    trust = ssl.create_default_context(cafile=authority.ca_file)
    with Sink(tls=authority.good("files.example")).running() as sink:
        routes = {("files.example", 443): ("127.0.0.1", sink.port)}
        async with (
            ForwardProxy(user="tieline", password="let-me-through", routes=routes).serving() as way,
            httpx.AsyncClient(proxy=way.url_with_password, verify=trust) as client,
        ):
            answer = await client.get("https://files.example/x")

    (passage,) = way.passages
    assert answer.status_code == 200
    assert (passage.authority, passage.status) == ("files.example:443", 200)
    assert passage.sent > 0
    assert passage.received > 0


async def test_the_proxy_refuses_whom_it_does_not_know(sink: Sink) -> None:
    async with ForwardProxy(user="tieline", password="let-me-through").serving() as proxy:
        target = sink.url.replace("http:", "https:")
        async with httpx.AsyncClient(proxy=proxy.url) as client:
            with pytest.raises(httpx.ProxyError, match="407"):
                await client.get(target)
        proxy.refusing = 403
        async with httpx.AsyncClient(proxy=proxy.url_with_password) as client:
            with pytest.raises(httpx.ProxyError, match="403"):
                await client.get(target)

    assert [passage.status for passage in proxy.passages] == [407, 403]
    assert sink.connections == 0
