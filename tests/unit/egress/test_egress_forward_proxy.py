"""Requests that go through the forward proxy, and what it must not be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.components.certificates import Authority
from tests.components.forward_proxy import ForwardProxy as Proxy
from tests.components.http_protocol import Reply
from tests.components.sink import Sink
from tests.unit.egress.conftest import LOOPBACK, Names, RawServer

from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import (
    AddressRefused,
    ProxyFailed,
    ProxyMissing,
    RequestRefused,
    TimedOut,
    TlsFailed,
    Unreachable,
)
from tieline.egress.forward_proxy import ForwardProxy
from tieline.egress.models import Bounds, OutgoingRequest
from tieline.settings import InvalidSettings, load_settings

NAME = "erp.example"


def configured(proxy: Proxy, **settings: Any) -> ForwardProxy | None:
    return ForwardProxy.configured(load_settings({}, egress_proxy=proxy.url, **settings))


def through(url: str, **bounds: float) -> OutgoingRequest:
    bounded = Bounds(**bounds)  # type: ignore[arg-type]
    return OutgoingRequest("POST", url, body=b"x", through_proxy=True, bounds=bounded)


def test_without_a_setting_there_is_no_proxy() -> None:
    assert ForwardProxy.configured(load_settings({})) is None


async def test_without_a_proxy_nothing_goes_the_direct_way_instead(sink: Sink) -> None:
    client = EgressClient(LOOPBACK)

    with pytest.raises(ProxyMissing, match="TIELINE_EGRESS_PROXY"):
        await client.send(through(sink.url))
    assert sink.connections == 0
    await client.close()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_a_request_goes_through_a_tunnel_to_a_name_that_only_the_proxy_knows(
    forward_proxy: Proxy, authority: Authority, secure: bool
) -> None:
    client = EgressClient(
        ca_file=authority.ca_file, resolver=Names(), proxy=configured(forward_proxy)
    )
    async with Sink(tls=authority.good(NAME) if secure else None).serving() as sink:
        forward_proxy.routes[NAME, 4711] = ("127.0.0.1", sink.port)
        url = f"{'https' if secure else 'http'}://{NAME}:4711/hook?token=secret"

        for _ in range(2):
            answer = await client.send(through(url))

        assert (answer.status, answer.address) == (200, "127.0.0.1")
        assert [request.header("host") for request in sink.requests] == [f"{NAME}:4711"] * 2
        assert sink.connections == 1
        passage = forward_proxy.passages[0]
        assert (passage.method, passage.authority) == ("CONNECT", f"{NAME}:4711")
        assert set(passage.headers) == {"host"}
        await client.close()


async def test_requests_that_do_not_ask_for_it_do_not_take_it(
    forward_proxy: Proxy, sink: Sink
) -> None:
    client = EgressClient(LOOPBACK, proxy=configured(forward_proxy))

    await client.send(replace(through(sink.url), through_proxy=False))
    assert not forward_proxy.passages
    await client.send(through(sink.url))
    assert len(forward_proxy.passages) == 1
    await client.close()


async def test_the_proxy_gets_its_credentials_and_nobody_else(sink: Sink, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("kim:pass:word\n")
    async with Proxy(user="kim", password="pass:word").serving() as proxy:
        for given in (
            {"egress_proxy_credentials": "kim:pass:word"},
            {"egress_proxy_credentials_file": file},
        ):
            made = configured(proxy, **given)
            client = EgressClient(LOOPBACK, proxy=made)
            assert (await client.send(through(sink.url))).status == 200
            assert "pass" not in repr(made)
            await client.close()
    assert all(request.header("proxy-authorization") is None for request in sink.requests)


async def test_wrong_credentials_are_told_apart(sink: Sink) -> None:
    async with Proxy(user="kim", password="right").serving() as proxy:
        client = EgressClient(
            LOOPBACK, proxy=configured(proxy, egress_proxy_credentials="kim:wrong-4711")
        )
        with pytest.raises(ProxyFailed, match=r"407.*CREDENTIALS") as failed:
            await client.send(through(sink.url))
        assert "wrong-4711" not in failed.value.message
        await client.close()


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "does not let"), (405, "no other reason"), (502, "cannot reach"), (504, "in time")],
)
async def test_what_the_proxy_refuses_is_said(
    forward_proxy: Proxy, sink: Sink, status: int, words: str
) -> None:
    client = EgressClient(LOOPBACK, proxy=configured(forward_proxy))
    forward_proxy.refusing = status

    with pytest.raises(ProxyFailed, match=f"{status}.*{words}"):
        await client.send(through(sink.url))
    assert not sink.requests
    await client.close()


async def test_a_proxy_that_does_not_answer_is_not_waited_for(
    forward_proxy: Proxy, sink: Sink
) -> None:
    client = EgressClient(LOOPBACK, proxy=configured(forward_proxy))
    forward_proxy.hanging = True

    with pytest.raises(TimedOut, match="tunnel"):
        await client.send(through(sink.url, connect_seconds=0.1))
    await client.close()


async def test_a_proxy_that_is_not_there_is_named(sink: Sink) -> None:
    async with Proxy().serving() as proxy:
        made = configured(proxy)
    client = EgressClient(LOOPBACK, proxy=made)

    with pytest.raises(Unreachable, match=str(proxy.port)):
        await client.send(through(sink.url))
    await client.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    ],
)
async def test_a_proxy_cannot_answer_in_place_of_the_server(answer: bytes) -> None:
    async def early(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with RawServer(early).running() as proxy:
        made = ForwardProxy.configured(load_settings({}, egress_proxy=proxy.url))
        client = EgressClient(proxy=made)
        with pytest.raises(ProxyFailed, match="more than"):
            await client.send(through("http://a.example/"))
        await client.close()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]", "0.0.0.0"),
        *("[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "127.1", "2130706433", "0x7f000001", "0x7f.1"),
        *("0177.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain"),
        *("metadata.google.internal", "Metadata.Google.Internal.", "instance-data", "metadata"),
    ],
)
async def test_it_is_not_asked_for_what_is_inside(forward_proxy: Proxy, host: str) -> None:
    client = EgressClient(proxy=configured(forward_proxy))

    with pytest.raises((AddressRefused, RequestRefused)):
        await client.send(through(f"http://{host}/latest/meta-data"))
    assert not forward_proxy.passages
    await client.close()


async def test_a_redirect_is_checked_before_the_proxy_is_asked(
    forward_proxy: Proxy, sink: Sink
) -> None:
    forward_proxy.routes["a.example", 80] = ("127.0.0.1", sink.port)
    sink.answer("/", Reply(302, b"", {"location": "http://169.254.169.254/"}))
    client = EgressClient(proxy=configured(forward_proxy))

    with pytest.raises(AddressRefused):
        await client.send(through("http://a.example/", max_redirects=3))
    assert [passage.authority for passage in forward_proxy.passages] == ["a.example:80"]
    await client.close()


async def test_what_the_operator_allows_it_is_asked_for(forward_proxy: Proxy, sink: Sink) -> None:
    forward_proxy.routes["10.1.2.3", 8443] = ("127.0.0.1", sink.port)
    client = EgressClient(AllowList.parse(["10.1.2.3:8443"]), proxy=configured(forward_proxy))

    assert (await client.send(through("http://10.1.2.3:8443/"))).status == 200
    with pytest.raises(AddressRefused):
        await client.send(through("http://10.1.2.3:8444/"))
    await client.close()


async def test_tls_is_with_the_server_not_with_the_proxy(
    forward_proxy: Proxy, authority: Authority
) -> None:
    client = EgressClient(ca_file=authority.ca_file, proxy=configured(forward_proxy))
    async with Sink(tls=authority.wrong_host()).serving() as sink:
        forward_proxy.routes[NAME, 443] = ("127.0.0.1", sink.port)
        with pytest.raises(TlsFailed, match=NAME):
            await client.send(through(f"https://{NAME}/"))
        assert not sink.requests
        await client.close()


async def _tls_in_tls(authority: Authority) -> tuple[int, int]:
    sink, proxy = Sink(tls=authority.good(NAME)), Proxy(tls=authority.good())
    async with sink.serving(), proxy.serving():
        proxy.routes[NAME, 443] = ("127.0.0.1", sink.port)
        client = EgressClient(ca_file=authority.ca_file, proxy=configured(proxy))
        for _ in range(3):
            answer = await client.send(through(f"https://{NAME}/"))
        await client.close()
        return answer.status, sink.connections


async def _tls(authority: Authority) -> tuple[int, int]:
    async with Sink(tls=authority.good()).serving() as sink:
        client = EgressClient(LOOPBACK, ca_file=authority.ca_file)
        for _ in range(3):
            answer = await client.send(replace(through(sink.url), through_proxy=False))
        await client.close()
        return answer.status, sink.connections


Scenario = Callable[[Authority], Coroutine[Any, Any, tuple[int, int]]]


@pytest.mark.parametrize("scenario", [_tls, _tls_in_tls])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_tls_works_within_tls_and_on_either_event_loop(
    authority: Authority, run: Callable[[Any], tuple[int, int]], scenario: Scenario
) -> None:
    with ThreadPoolExecutor(1) as thread:  # this one has a loop already
        assert thread.submit(lambda: run(scenario(authority))).result(30) == (200, 1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"egress_proxy": "socks5://proxy:1080"}, "TIELINE_EGRESS_PROXY"),
        ({"egress_proxy": "http://kim:secret-4711@proxy:3128"}, "TIELINE_EGRESS_PROXY"),
        ({"egress_proxy": "http://proxy:99999"}, "TIELINE_EGRESS_PROXY"),
        ({"egress_proxy": "http://proxy", "egress_proxy_credentials": "secret-4711"}, "user:pass"),
        ({"egress_proxy": "http://proxy", "egress_proxy_credentials": "a:secret-4711\n"}, "user:"),
        ({"egress_proxy": "http://proxy", "egress_proxy_credentials_file": "/no"}, "cannot read"),
    ],
)
def test_settings_that_make_no_proxy_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidSettings, match=named) as refused:
        ForwardProxy.configured(load_settings({}, **settings))
    assert "secret-4711" not in refused.value.message
