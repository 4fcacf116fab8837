"""Redirects: off by default, and when on, each one checked like the first address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.unit.egress.conftest import LOOPBACK, Names, RawServer, answering

from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import AddressRefused, RedirectRefused, RequestRefused
from tieline.egress.models import Answer, Bounds, OutgoingRequest
from tieline.egress.redirects import redirected
from tieline.egress.targets import Target

SECRETS = (
    ("Authorization", "Bearer abc"),
    ("X-Api-Key", "abc"),
    ("Cookie", "a=abc"),
    ("Accept", "application/json"),
)


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with RawServer(answering()).running() as running:
        yield running


@pytest.fixture
async def other() -> AsyncIterator[RawServer]:
    async with RawServer(answering(b"other")).running() as running:
        yield running


def following(url: str, most: int = 3, **different) -> OutgoingRequest:
    request = {"method": "GET", "url": url, "headers": SECRETS, **different}
    return OutgoingRequest(**request, bounds=Bounds(max_redirects=most))


def leading_to(location: str, status: str = "302 Found"):
    return answering(b"", status, f"Location: {location}\r\n")


async def test_without_being_asked_for_a_redirect_is_an_answer(
    egress: EgressClient, server: RawServer, other: RawServer
) -> None:
    server.handler = leading_to(other.url)

    answer = await egress.send(OutgoingRequest("GET", server.url))

    assert (answer.status, answer.header("location")) == (302, other.url)
    assert other.requests == []


async def test_credentials_do_not_go_to_another_origin(
    egress: EgressClient, server: RawServer, other: RawServer
) -> None:
    server.handler = leading_to(f"{other.url}/there")

    answer = await egress.send(following(server.url))

    assert (answer.body, answer.url) == (b"other", f"{other.url}/there")
    assert "abc" in server.requests[0]
    assert "abc" not in other.requests[0]
    assert "Accept: application/json" in other.requests[0]


async def test_within_an_origin_everything_goes_along(
    egress: EgressClient, server: RawServer
) -> None:
    async def once(request: str, writer: asyncio.StreamWriter) -> None:
        first = request.startswith("GET /a ")
        await (leading_to("/b?x=1") if first else answering(b"b"))(request, writer)

    server.handler = once
    answer = await egress.send(following(f"{server.url}/a"))

    assert answer.url == f"{server.url}/b?x=1"
    assert "Bearer abc" in server.requests[1]


async def test_a_redirect_inside_is_refused(server: RawServer, other: RawServer) -> None:
    server.handler = leading_to(other.url)
    client = EgressClient(AllowList.parse([f"127.0.0.1:{server.port}"]))

    with pytest.raises(AddressRefused):
        await client.send(following(server.url))
    assert other.connections == 0


async def test_a_redirect_to_a_name_that_leads_inside_is_refused(server: RawServer) -> None:
    server.handler = leading_to(f"http://inside.example:{server.port}/")
    client = EgressClient(LOOPBACK, resolver=Names(inside_example=["169.254.169.254"]))

    with pytest.raises(AddressRefused):
        await client.send(following(server.url))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/", "http://u:p@127.0.0.1/"])
async def test_a_redirect_to_what_cannot_be_called_is_refused(
    egress: EgressClient, server: RawServer, location: str
) -> None:
    server.handler = leading_to(location)

    with pytest.raises(RequestRefused):
        await egress.send(following(server.url))


async def test_a_circle_ends(egress: EgressClient, server: RawServer) -> None:
    server.handler = leading_to("/again")

    with pytest.raises(RedirectRefused, match="after 3 redirects"):
        await egress.send(following(server.url))
    assert len(server.requests) == 4


async def test_a_body_does_not_go_to_another_origin(
    egress: EgressClient, server: RawServer, other: RawServer
) -> None:
    server.handler = leading_to(other.url, "307 Temporary Redirect")

    with pytest.raises(RedirectRefused):
        await egress.send(following(server.url, method="POST", body=b"secret"))
    assert other.requests == []


def answer_of(status: int, location: str | None) -> Answer:
    headers = [("location", location)] if location is not None else []
    return Answer(status, headers, b"", "", "", 0)


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("PUT", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("POST", 307, "POST"),
        ("DELETE", 308, "DELETE"),
    ],
)
def test_the_method_changes_as_browsers_do_it(method: str, status: int, then: str) -> None:
    request = following(
        "https://a.example/", method=method, body=b"x", headers=(("Content-Type", "text/plain"),)
    )

    found = redirected(request, Target.parse(request.url), answer_of(status, "/b"), 0)

    assert found is not None
    assert found[0].method == then
    assert bool(found[0].body) is (then == method != "HEAD") or method == "HEAD"
    assert bool(found[0].headers) is (found[0].method != "GET")


@pytest.mark.parametrize(("status", "location"), [(200, "/b"), (304, "/b"), (302, None), (302, "")])
def test_what_is_no_redirect_is_an_answer(status: int, location: str | None) -> None:
    request = following("https://a.example/")

    assert redirected(request, Target.parse(request.url), answer_of(status, location), 0) is None


def test_encryption_is_never_given_up() -> None:
    request = following("https://a.example/")

    with pytest.raises(RedirectRefused, match="https to http"):
        redirected(request, Target.parse(request.url), answer_of(302, "http://a.example/"), 0)


def test_another_port_is_another_origin() -> None:
    request = following("https://a.example/")

    found = redirected(
        request, Target.parse(request.url), answer_of(302, "https://a.example:444/"), 0
    )

    assert found is not None
    assert [name for name, _ in found[0].headers] == ["Accept"]
