"""Bodies that are taken in pieces while they arrive."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator

import pytest
from tests.components.http_protocol import Fault, Reply
from tests.components.sink import Sink
from tests.unit.egress.conftest import LOOPBACK

from tieline.egress.client import EgressClient
from tieline.egress.errors import (
    AddressRefused,
    BrokenResponse,
    RedirectRefused,
    ResponseTooLarge,
    TimedOut,
)
from tieline.egress.models import Bounds, OutgoingRequest

LARGE = os.urandom(3_000_000)


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    made = EgressClient(LOOPBACK)
    yield made
    await made.close()


def get(url: str, **bounds: float) -> OutgoingRequest:
    return OutgoingRequest("GET", url, bounds=Bounds(**bounds))  # type: ignore[arg-type]


async def take(client: EgressClient, request: OutgoingRequest, into: list[bytes]) -> None:
    async with client.stream(request) as answer:
        async for piece in answer.pieces():
            into.append(piece)


async def drain(pieces: AsyncIterator[bytes]) -> None:
    async for _piece in pieces:
        pass


async def test_headers_come_first_and_then_the_body(client: EgressClient, sink: Sink) -> None:
    url = sink.answer("/file", Reply(200, LARGE, {"content-type": "application/pdf"}))

    async with client.stream(get(url, max_response_bytes=5_000_000)) as answer:
        assert (answer.status, answer.header("Content-Type")) == (200, "application/pdf")
        assert (answer.url, answer.address) == (url, "127.0.0.1")
        pieces = [piece async for piece in answer.pieces()]

    assert b"".join(pieces) == LARGE
    assert len(pieces) > 10


async def test_the_connection_is_used_again_after_the_last_piece(
    client: EgressClient, sink: Sink
) -> None:
    for _ in range(2):
        async with client.stream(get(sink.url)) as answer:
            assert await answer.read() == b'{"ok":true}'

    assert sink.connections == 1


async def test_who_leaves_early_ends_the_transfer(client: EgressClient, sink: Sink) -> None:
    url = sink.answer("/endless", Reply(fault=Fault.ENDLESS_BODY))

    async with client.stream(get(url, max_response_bytes=10**12)) as answer:
        async for _piece in answer.pieces():
            break
    async with asyncio.timeout(10):
        while sink.transports:
            await asyncio.sleep(0.005)


async def test_nobody_reads_so_nothing_is_taken_in(client: EgressClient, sink: Sink) -> None:
    """A body waits in the network, not in memory, for a reader who takes his time."""
    sent = 0

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while sent < 200_000_000:
            writer.write(b"x" * 100_000)
            sent += 100_000
            await writer.drain()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with client.stream(get(url, max_response_bytes=10**12)) as answer:
        before = -1
        while sent != before:  # until the server cannot send any more
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 50_000_000
        taken = 0
        async for piece in answer.pieces():
            taken += len(piece)
            if taken > 60_000_000:  # and it goes on once somebody reads
                break
    server.close()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_ends_there(
    client: EgressClient, sink: Sink, announced: bool
) -> None:
    reply = Reply(200, LARGE) if announced else Reply(fault=Fault.ENDLESS_BODY)
    taken: list[bytes] = []

    with pytest.raises(ResponseTooLarge, match="1,000,000 bytes"):
        await take(client, get(sink.answer("/", reply)), taken)

    assert sum(map(len, taken)) <= 1_000_000
    assert (not taken) is announced


async def test_a_bomb_comes_in_small_pieces_until_it_is_too_large(
    client: EgressClient, sink: Sink
) -> None:
    bomb = gzip.compress(bytes(100_000_000))
    url = sink.answer("/", Reply(200, bomb, {"content-encoding": "gzip"}))
    taken: list[bytes] = []

    with pytest.raises(ResponseTooLarge):
        await take(client, get(url, max_response_bytes=2_000_000), taken)

    assert max(map(len, taken)) <= 65_536
    assert sum(map(len, taken)) <= 2_000_000


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 400_000])
@pytest.mark.parametrize("content", [b"\0", LARGE])
async def test_what_is_decompressed_in_pieces_is_whole(
    client: EgressClient, sink: Sink, size: int, content: bytes
) -> None:
    body = (content * (size // len(content) + 1))[:size]
    url = sink.answer("/", Reply(200, gzip.compress(body), {"content-encoding": "gzip"}))

    async with client.stream(get(url)) as answer:
        assert await answer.read() == body


async def test_silence_in_the_middle_is_not_waited_out(client: EgressClient, sink: Sink) -> None:
    url = sink.answer("/", Reply(200, b"abc", fault=Fault.DRIP, delay=30))

    with pytest.raises(TimedOut, match=r"nothing more for 0\.2 seconds"):
        async with client.stream(get(url, idle_seconds=0.2)) as answer:
            await answer.read()


async def test_a_body_that_drips_ends_with_the_time_for_all(
    client: EgressClient, sink: Sink
) -> None:
    url = sink.answer("/", Reply(200, b"x" * 10_000, fault=Fault.DRIP, delay=0.02))

    with pytest.raises(TimedOut, match="in full"):
        async with client.stream(get(url, idle_seconds=5, total_seconds=0.3)) as answer:
            await answer.read()


async def test_who_reads_too_slowly_loses_the_connection(client: EgressClient, sink: Sink) -> None:
    url = sink.answer("/", Reply(fault=Fault.ENDLESS_BODY))

    async with client.stream(get(url, total_seconds=0.3, max_response_bytes=10**12)) as answer:
        pieces = answer.pieces()
        await anext(pieces)
        async with asyncio.timeout(10):
            while sink.transports:  # let go of, though nobody reads
                await asyncio.sleep(0.005)
        with pytest.raises(TimedOut):
            await drain(pieces)


async def test_a_cut_body_is_not_taken_for_a_whole_one(client: EgressClient, sink: Sink) -> None:
    url = sink.answer("/", Reply(200, b"half", fault=Fault.TRUNCATE))

    with pytest.raises(BrokenResponse):
        async with client.stream(get(url)) as answer:
            await answer.read()


async def test_redirects_are_followed_before_the_body(client: EgressClient, sink: Sink) -> None:
    there = sink.answer("/there", Reply(200, b"file"))
    sink.answer("/circle", Reply(302, b"", {"location": "/circle"}))
    sink.answer("/here", Reply(302, b"gone", {"location": there}))

    async with client.stream(get(sink.at("/here"), max_redirects=2)) as answer:
        assert (answer.url, await answer.read()) == (there, b"file")
    with pytest.raises(RedirectRefused):
        async with client.stream(get(sink.at("/circle"), max_redirects=2)):
            pass
    assert sink.connections == 1


async def test_the_guard_is_the_same(sink: Sink) -> None:
    client = EgressClient()
    with pytest.raises(AddressRefused):
        async with client.stream(get(sink.url)):
            pass
    assert sink.connections == 0
    await client.close()


async def test_it_may_end_in_another_task_than_it_began(client: EgressClient, sink: Sink) -> None:
    """As a web server does it, which streams an answer in a task of its own."""
    context = client.stream(get(sink.url))
    answer = await context.__aenter__()

    async def stream() -> bytes:
        try:
            return await answer.read()
        finally:
            await context.__aexit__(None, None, None)

    assert await asyncio.create_task(stream()) == b'{"ok":true}'
    assert (await client.send(get(sink.url))).status == 200
    assert sink.connections == 1
