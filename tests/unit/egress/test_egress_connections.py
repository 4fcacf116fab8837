"""Connections that are kept: for whom, for how long, and what is never sent twice."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from tests.components.certificates import Authority
from tests.components.http_protocol import Fault, Reply
from tests.components.sink import Sink
from tests.unit.egress.conftest import LOOPBACK, Names, RawServer, answering

from tieline.egress import pool
from tieline.egress.allowances import NOTHING, AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import (
    AddressRefused,
    BrokenResponse,
    EgressError,
    TimedOut,
    Unreachable,
)
from tieline.egress.models import Bounds, OutgoingRequest


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Allowed:
    """What organisations may reach, changed by a test."""

    def __init__(self, **lists: AllowList) -> None:
        self.lists = lists

    async def of(self, org_id: str) -> AllowList:
        return self.lists.get(org_id, NOTHING)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[EgressClient]:
    made = EgressClient(LOOPBACK, clock=clock)
    yield made
    await made.close()


def post(url: str, **bounds: float) -> OutgoingRequest:
    return OutgoingRequest("POST", url, body=b"x", bounds=Bounds(**bounds))  # type: ignore[arg-type]


async def test_a_connection_is_used_again(client: EgressClient, sink: Sink) -> None:
    for _ in range(3):
        await client.send(post(sink.url))

    assert {request.connection for request in sink.requests} == {1}


@pytest.mark.parametrize(
    ("header", "seconds", "connections"),
    [(None, 3.9, 1), (None, 4.0, 2), ("timeout=10, max=99", 8.9, 1), ("timeout=10", 9.1, 2)],
)
async def test_it_is_given_up_before_the_server_does(
    client: EgressClient,
    clock: Clock,
    sink: Sink,
    header: str | None,
    seconds: float,
    connections: int,
) -> None:
    url = sink.answer("/", Reply(200, b"", {"keep-alive": header} if header else {}))
    await client.send(post(url))
    clock.now += seconds
    await client.send(post(url))

    assert sink.connections == connections


@pytest.mark.parametrize("header", ["timeout=1", "timeout=0", "timeout=-5", "max=4", "timeout=x"])
async def test_a_strange_header_about_that_does_no_harm(
    client: EgressClient, sink: Sink, header: str
) -> None:
    url = sink.answer("/", Reply(200, b"", {"keep-alive": header}))
    await client.send(post(url))

    assert (await client.send(post(url))).status == 200


async def test_a_connection_that_the_server_has_closed_costs_nothing(client: EgressClient) -> None:
    closed = asyncio.Event()

    async def answer_and_leave(request: str, writer: asyncio.StreamWriter) -> None:
        await answering()(request, writer)
        await writer.drain()
        writer.close()
        closed.set()

    async with RawServer(answer_and_leave).running() as server:
        for number in range(1, 4):
            closed.clear()
            assert (await client.send(post(server.url))).status == 200
            await closed.wait()
            assert len(server.requests) == number
        assert server.connections == 3


async def test_what_was_sent_is_never_sent_again_by_itself(client: EgressClient) -> None:
    """A server that takes a request and hangs up may have acted on it."""
    seen = 0

    async def second_time_none(request: str, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            await answering()(request, writer)
        else:
            writer.close()

    async with RawServer(second_time_none).running() as server:
        await client.send(post(server.url))
        with pytest.raises(Unreachable, match="without an answer"):
            await client.send(post(server.url))
        assert (seen, server.connections) == (2, 1)


async def test_a_server_that_speaks_without_being_asked_is_not_asked_again(
    client: EgressClient,
) -> None:
    """Else the next request would be answered by what was sent before it."""

    async def poison(request: str, writer: asyncio.StreamWriter) -> None:
        await answering(b"right")(request, writer)
        await writer.drain()
        await asyncio.sleep(0)
        await answering(b"poison", "403 Forbidden")(request, writer)

    async with RawServer(poison).running() as server:
        answers = [(await client.send(post(server.url))).body for _ in range(5)]

    assert answers == [b"right"] * 5


async def test_organisations_share_no_connection(client: EgressClient, sink: Sink) -> None:
    for org_id in ("a", "b", "a", None, "b"):
        await client.send(post(sink.url), org_id=org_id)

    first, second, third, fourth, fifth = (request.connection for request in sink.requests)
    assert len({first, second, fourth}) == 3
    assert (third, fifth) == (first, second)


async def test_a_kept_connection_serves_nobody_who_could_not_open_it(sink: Sink) -> None:
    client = EgressClient()
    allowed = AllowList.parse([f"127.0.0.1:{sink.port}"])

    await client.send(post(sink.url), also_allowed=allowed)
    with pytest.raises(AddressRefused):
        await client.send(post(sink.url))
    await client.send(post(sink.url), also_allowed=allowed)

    assert sink.connections == 1
    await client.close()


async def test_what_an_organisation_may_not_reach_any_more_it_cannot_by_an_old_connection(
    sink: Sink,
) -> None:
    allowed = Allowed(acme=AllowList.parse(["erp.local"]))
    client = EgressClient(organisations=allowed, resolver=Names(erp_local=["127.0.0.1"]))
    request = post(f"http://erp.local:{sink.port}/")

    assert (await client.send(request, org_id="acme")).status == 200
    with pytest.raises(AddressRefused):
        await client.send(request, org_id="other")
    allowed.lists = {}
    with pytest.raises(AddressRefused, match="tieline egress"):
        await client.send(request, org_id="acme")
    assert len(sink.requests) == 1
    await client.close()


async def test_an_origin_that_hangs_holds_up_no_other(client: EgressClient, sink: Sink) -> None:
    """More requests hang than one destination may have connections, and others go through."""
    hanging = sink.answer("/hang", Reply(fault=Fault.HANG))
    async with Sink().serving() as other:
        stuck = [
            asyncio.create_task(client.send(post(hanging, total_seconds=60)))
            for _ in range(pool.MOST_AT_ONCE + 20)
        ]
        await sink.wait_for(pool.MOST_AT_ONCE)
        async with asyncio.timeout(10):
            for _ in range(50):
                assert (await client.send(post(other.url))).status == 200
            # Nor does it hold up the same place for another organisation.
            assert (await client.send(post(sink.url), org_id="other")).status == 200
        assert len(sink.received("/hang")) == pool.MOST_AT_ONCE
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_who_gives_up_waiting_leaves_the_place_in_order(
    client: EgressClient, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_AT_ONCE", 1)
    hanging = sink.answer("/hang", Reply(fault=Fault.HANG))

    first = asyncio.create_task(client.send(post(hanging)))
    await sink.wait_for(1)
    with pytest.raises(TimedOut):
        await client.send(post(sink.url, total_seconds=0.05))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    assert (await client.send(post(sink.url))).status == 200


async def test_idle_connections_are_bounded_and_end(
    client: EgressClient, clock: Clock, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_IDLE", 3)
    monkeypatch.setattr(pool, "SECONDS_BETWEEN_SWEEPS", 0.01)
    for number in range(6):
        await client.send(post(sink.url), org_id=f"org-{number}")
    await until(lambda: len(sink.transports) == 3)

    clock.now += 60
    await until(lambda: not sink.transports)


async def test_a_failed_exchange_leaves_no_connection(client: EgressClient, sink: Sink) -> None:
    for fault in (Fault.DROP, Fault.DROP_EARLY, Fault.TRUNCATE, Fault.GARBAGE):
        with pytest.raises(EgressError):
            await client.send(post(sink.answer("/", Reply(200, b"abc", fault=fault))))
    sink.answer("/", Reply(fault=Fault.HANG))
    with pytest.raises(TimedOut):
        await client.send(post(sink.url, total_seconds=0.05))
    sink.clear()

    assert (await client.send(post(sink.url))).status == 200
    await until(lambda: len(sink.transports) == 1)


async def test_a_body_that_ends_with_its_connection_does_not_end_with_a_broken_one(
    client: EgressClient,
) -> None:
    async def broken(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await writer.drain()
        reset = struct.pack("ii", 1, 0)  # closing sends a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    async with RawServer(broken).running() as server:
        with pytest.raises((BrokenResponse, Unreachable)):
            await client.send(post(server.url))


async def test_each_attempt_is_seen_once(client: EgressClient, sink: Sink) -> None:
    """What callers count as attempts is what servers count as requests, failures included."""
    replies = [Reply(200), Reply(500), Reply(fault=Fault.DROP), Reply(fault=Fault.DROP_EARLY)]
    attempts = 0
    for number in range(40):
        url = sink.answer(f"/{number}", replies[number % 4])
        attempts += 1
        try:
            await client.send(post(url))
        except EgressError:
            assert number % 4 >= 2
    await sink.wait_for(attempts)

    assert len(sink.requests) == attempts


async def test_connections_with_tls_are_kept_too(authority: Authority) -> None:
    client = EgressClient(LOOPBACK, ca_file=authority.ca_file)
    async with Sink(tls=authority.good()).serving() as sink:
        for _ in range(3):
            assert (await client.send(post(sink.url))).status == 200
        assert sink.connections == 1
        await client.close()


async def test_a_large_body_goes_out_whole(client: EgressClient, sink: Sink) -> None:
    body = bytes(range(256)) * 20_000
    await client.send(OutgoingRequest("POST", sink.url, body=body))

    assert sink.requests[0].body == body


async def until(holds) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)
