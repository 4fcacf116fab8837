"""The guarded client against servers that are slow, large, broken, or somewhere else."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.unit.egress.conftest import LOOPBACK, Names, RawServer, answering

from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import (
    AddressRefused,
    BrokenResponse,
    EgressError,
    NameUnknown,
    RequestRefused,
    ResponseTooLarge,
    TimedOut,
    Unreachable,
)
from tieline.egress.models import Bounds, OutgoingRequest


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with RawServer(answering()).running() as running:
        yield running


def get(url: str, **bounds: float) -> OutgoingRequest:
    return OutgoingRequest("GET", url, bounds=Bounds(**bounds))  # type: ignore[arg-type]


# --- what is sent and what comes back


async def test_an_answer_says_what_came_and_from_where(
    egress: EgressClient, server: RawServer
) -> None:
    server.handler = answering(b"no", "418 Teapot", "X-Kind: Pot\r\nX-Kind: Tea\r\n")

    answer = await egress.send(get(f"{server.url}/a?b=c#d"))

    assert (answer.status, answer.body, answer.address) == (418, b"no", "127.0.0.1")
    assert answer.header("X-KIND") == "Pot"
    assert answer.header("x-other") is None
    assert answer.url == f"{server.url}/a?b=c"
    assert 0 < answer.seconds < 10


async def test_the_bytes_go_out_as_they_are_and_again_the_same(
    egress: EgressClient, server: RawServer
) -> None:
    request = OutgoingRequest(
        "POST", f"{server.url}/hook?x=%20y", (("X-Signature", "v1,abc"),), '{"ä": 1}'.encode()
    )

    await egress.send(request)
    await egress.send(request)

    first, second = server.requests
    assert first == second
    assert first.startswith("POST /hook?x=%20y HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n" in first
    assert "X-Signature: v1,abc\r\n" in first
    assert first.endswith("\r\n\r\n" + '{"ä": 1}'.encode().decode("latin-1"))
    assert server.connections == 1


async def test_neither_cookies_nor_proxies_play_a_part(
    egress: EgressClient, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server.handler = answering(headers="Set-Cookie: a=b\r\n")

    await egress.send(get(server.url))
    await egress.send(get(server.url))

    assert "cookie" not in server.requests[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "/path", "ftp://host/", "file:///etc/passwd", "http://", "https:///x"),
        *("gopher://127.0.0.1/", "http://user:pass@host/", "http://user@host/"),
        *("http://host:99999/", "http://[::1/", "http://a b/", "http://h\x00/", "//host/"),
        "http://host/" + "x" * 9_000,
    ],
)
async def test_an_address_that_cannot_be_called_is_refused(egress: EgressClient, url: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        await egress.send(get(url))

    assert "pass" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("X-A", value) for value in ("a\r\nX-B: c", "a\nb", "a\x00", "日本")],
        *[(name, "x") for name in ("", "X A", "X:", "Host", "content-length", "X\r\nY")],
        *[(name, "x") for name in ("Transfer-Encoding", "Connection", "Proxy-Authorization")],
    ],
)
async def test_headers_cannot_smuggle_anything(
    egress: EgressClient, server: RawServer, name: str, value: str
) -> None:
    with pytest.raises(RequestRefused):
        await egress.send(OutgoingRequest("GET", server.url, ((name, value),)))
    assert server.connections == 0


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX: y", "", "CONNECT", "trace"])
async def test_a_method_cannot_smuggle_anything(
    egress: EgressClient, server: RawServer, method: str
) -> None:
    with pytest.raises(RequestRefused):
        await egress.send(OutgoingRequest(method, server.url))
    assert server.connections == 0


# --- where it goes


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "127.0.0.1."),
    ],
)
async def test_this_machine_is_refused_however_it_is_written(server: RawServer, host: str) -> None:
    client = EgressClient()
    try:
        with pytest.raises((AddressRefused, NameUnknown, RequestRefused)):
            await client.send(get(f"http://{host}:{server.port}/"))
    finally:
        await client.close()
    assert server.connections == 0


async def test_a_name_that_leads_inside_is_refused_without_telling_where(server: RawServer) -> None:
    client = EgressClient(resolver=Names(evil_example=["10.11.12.13", "127.0.0.1"]))

    with pytest.raises(AddressRefused) as refused:
        await client.send(get(f"http://evil.example:{server.port}/secret?token=abc"))

    assert "evil.example" in refused.value.message
    assert "10.11.12.13" not in refused.value.message
    assert "abc" not in refused.value.message


async def test_the_address_that_was_checked_is_the_one_connected_to(server: RawServer) -> None:
    names = Names(rebind_example=[["127.0.0.1"], ["10.0.0.1"]])
    client = EgressClient(LOOPBACK, resolver=names)

    answer = await client.send(get(f"http://rebind.example:{server.port}/"))

    assert answer.address == "127.0.0.1"
    assert names.asked == ["rebind.example"]
    assert f"Host: rebind.example:{server.port}\r\n" in server.requests[0]


async def test_a_name_that_leads_inside_later_is_refused_then() -> None:
    async with RawServer(answering(length=False)).running() as server:
        client = EgressClient(
            LOOPBACK, resolver=Names(rebind_example=[["127.0.0.1"], ["10.0.0.1"]])
        )
        url = f"http://rebind.example:{server.port}/"

        await client.send(get(url))
        with pytest.raises(AddressRefused):
            await client.send(get(url))


async def test_of_several_addresses_only_the_permitted_ones_are_tried(server: RawServer) -> None:
    client = EgressClient(LOOPBACK, resolver=Names(two_example=["10.0.0.1", "127.0.0.1"]))

    answer = await client.send(get(f"http://two.example:{server.port}/", connect_seconds=5))

    assert answer.address == "127.0.0.1"


async def test_an_address_that_does_not_answer_makes_room_for_the_next(server: RawServer) -> None:
    allowed = AllowList.parse(["127.0.0.0/8"])
    client = EgressClient(allowed, resolver=Names(two_example=["127.9.9.9", "127.0.0.1"]))

    answer = await client.send(get(f"http://two.example:{server.port}/"))

    assert answer.address == "127.0.0.1"


async def test_an_allowed_name_may_lead_inside(server: RawServer) -> None:
    names = Names(erp_local=["127.0.0.1"])
    client = EgressClient(AllowList.parse([f"erp.local:{server.port}"]), resolver=names)

    assert (await client.send(get(f"http://erp.local:{server.port}/"))).status == 200


async def test_what_one_call_may_reach_no_other_call_may(server: RawServer) -> None:
    client = EgressClient()
    allowed = AllowList.parse([f"127.0.0.1:{server.port}"])

    assert (await client.send(get(server.url), also_allowed=allowed)).status == 200
    with pytest.raises(AddressRefused):
        await client.send(get(server.url))
    await client.close()


# --- what can go wrong on the way


async def test_an_unknown_name_is_told_apart(egress: EgressClient) -> None:
    with pytest.raises(NameUnknown, match=r"nowhere\.invalid"):
        await egress.send(get("http://nowhere.invalid/"))


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "-"])
async def test_a_name_that_none_can_have_is_no_crash(egress: EgressClient, host: str) -> None:
    with pytest.raises((NameUnknown, RequestRefused)):
        await egress.send(get(f"http://{host}/"))


async def test_a_closed_port_is_unreachable(egress: EgressClient, server: RawServer) -> None:
    async with RawServer(answering()).running() as other:
        closed = other.url
    with pytest.raises(Unreachable):
        await egress.send(get(closed))


async def test_a_server_that_says_nothing_costs_no_more_than_its_time(
    egress: EgressClient, server: RawServer
) -> None:
    async def silent(_request: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.handler = silent
    with pytest.raises(TimedOut, match=r"0\.05 seconds"):
        await egress.send(get(server.url, total_seconds=0.05))


async def test_a_drop_now_and_then_does_not_prolong_the_time(
    egress: EgressClient, server: RawServer
) -> None:
    async def dripping(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.handler = dripping
    with pytest.raises(TimedOut):
        await egress.send(get(server.url, total_seconds=0.2))


async def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    class Silent:
        async def resolve(self, host: str, port: int) -> list:
            await asyncio.Event().wait()
            raise AssertionError

        def close(self) -> None:
            pass

    client = EgressClient(resolver=Silent())
    with pytest.raises(TimedOut, match="did not accept"):
        await client.send(get("http://slow.example/", connect_seconds=0.05))


async def test_a_large_answer_is_not_read_to_its_end(
    egress: EgressClient, server: RawServer
) -> None:
    written = 0

    async def endless(_request: str, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while written < 100_000_000:
            writer.write(b"x" * 10_000)
            written += 10_000
            await writer.drain()

    server.handler = endless
    with pytest.raises(ResponseTooLarge, match="10,000 bytes"):
        await egress.send(get(server.url, max_response_bytes=10_000))
    assert written < 50_000_000


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)],
)
async def test_compressed_answers_are_read(
    egress: EgressClient, server: RawServer, encoding: str, compress
) -> None:
    server.handler = answering(
        compress(b"hello" * 100), headers=f"Content-Encoding: {encoding}\r\n"
    )

    assert (await egress.send(get(server.url))).body == b"hello" * 100


async def test_a_file_of_several_members_is_read_whole(
    egress: EgressClient, server: RawServer
) -> None:
    body = gzip.compress(b"one") + gzip.compress(b"two")
    server.handler = answering(body, headers="Content-Encoding: gzip\r\n")

    assert (await egress.send(get(server.url))).body == b"onetwo"


async def test_a_bomb_is_refused_before_it_goes_off(
    egress: EgressClient, server: RawServer
) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    server.handler = answering(bomb, headers="Content-Encoding: gzip\r\n")

    with pytest.raises(ResponseTooLarge):
        await egress.send(get(server.url, max_response_bytes=100_000))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not compressed", "gzip"),
        (gzip.compress(b"cut off", mtime=0)[:-4], "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
    ],
)
async def test_a_body_that_is_not_what_it_says_is_broken(
    egress: EgressClient, server: RawServer, body: bytes, encoding: str
) -> None:
    server.handler = answering(body, headers=f"Content-Encoding: {encoding}\r\n")

    with pytest.raises(BrokenResponse):
        await egress.send(get(server.url))


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"",
    ],
)
async def test_an_answer_that_is_no_http_is_broken(
    egress: EgressClient, server: RawServer, answer: bytes
) -> None:
    async def broken(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    server.handler = broken
    with pytest.raises((BrokenResponse, Unreachable)):
        await egress.send(get(server.url))


@pytest.mark.parametrize("size", [70_000, 1_000_000])
async def test_headers_are_bounded_too(egress: EgressClient, server: RawServer, size: int) -> None:
    server.handler = answering(headers=f"X-Large: {'x' * size}\r\n")

    with pytest.raises((ResponseTooLarge, BrokenResponse)):
        await egress.send(get(server.url))


async def test_each_end_is_counted(egress: EgressClient, server: RawServer) -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("tieline_egress_requests_total", {"outcome": outcome}) or 0

    before = counted("answered"), counted("EGRESS_REQUEST_REFUSED")
    await egress.send(get(server.url))
    with pytest.raises(EgressError):
        await egress.send(get("ftp://x"))

    assert (counted("answered"), counted("EGRESS_REQUEST_REFUSED")) == (
        before[0] + 1,
        before[1] + 1,
    )


async def test_a_connection_that_timed_out_is_not_used_again(
    egress: EgressClient, server: RawServer
) -> None:
    first = True

    async def late(request: str, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        if first:
            first = False
            await asyncio.Event().wait()
        await answering(b"second")(request, writer)

    server.handler = late
    with pytest.raises(TimedOut):
        await egress.send(get(server.url, total_seconds=0.05))

    assert (await egress.send(get(server.url))).body == b"second"
    assert server.connections == 2


async def test_the_log_names_the_place_and_nothing_that_may_be_secret(
    egress: EgressClient, server: RawServer
) -> None:
    request = OutgoingRequest(
        "POST", f"{server.url}/secret-path?token=secret-query", (("X-Key", "secret-key"),), b"body"
    )
    with capture_logs() as lines:
        await egress.send(request)
        with pytest.raises(AddressRefused):
            await EgressClient().send(request)

    answered, refused, failed = lines
    assert (answered["event"], answered["log_level"]) == ("egress.request", "debug")
    assert answered["place"] == f"127.0.0.1:{server.port}"
    assert (answered["method"], answered["status"], answered["outcome"]) == (
        *("POST", 200, "answered"),
    )
    assert (refused["event"], refused["log_level"]) == ("egress.refused", "warning")
    assert (failed["outcome"], failed["log_level"]) == ("EGRESS_ADDRESS_REFUSED", "info")
    assert "secret" not in str(lines)
