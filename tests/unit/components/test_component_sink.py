"""The sink that tests of deliveries rely on behaves, and misbehaves, as it is told."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.components.failing import FailingShare
from tests.components.http_protocol import Fault, Reply
from tests.components.sink import Sink
from tests.components.sink_process import sink_process


@pytest.fixture(params=["thread", "loop"])
async def sink(request: pytest.FixtureRequest):
    if request.param == "thread":
        with Sink().running() as running:
            yield running
    else:
        async with Sink().serving() as running:
            yield running


async def post(url: str, content: bytes = b"{}", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5) as client:
        return await client.post(url, content=content, headers=headers)


async def test_it_keeps_what_it_is_sent(sink: Sink) -> None:
    answer = await post(sink.at("/a%20b?x=1"), b'{"n": 1}', **{"Webhook-Id": "msg_1"})

    (request,) = await sink.wait_for(1, "/a b")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert (request.method, request.query, request.json()) == ("POST", {"x": "1"}, {"n": 1})
    assert (request.header("webhook-id"), request.answered) == ("msg_1", 200)
    assert sink.counts() == {"msg_1": 1}


async def test_replies_come_in_turn_and_the_last_one_stays(sink: Sink) -> None:
    url = sink.answer("/x", Reply(500), Reply(503, headers={"retry-after": "7"}), Reply(204))

    answers = [await post(url) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [500, 503, 204, 204]
    assert answers[1].headers["retry-after"] == "7"


async def test_a_path_can_be_answered_by_a_function(sink: Sink) -> None:
    url = sink.answer("/echo", lambda request: Reply.of({"got": request.json()}, 201))

    assert (await post(url, b"[1]")).json() == {"got": [1]}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DROP, (httpx.ReadError, httpx.RemoteProtocolError)),
        (Fault.DROP_EARLY, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)),
        (Fault.TRUNCATE, httpx.RemoteProtocolError),
        (Fault.GARBAGE, httpx.RemoteProtocolError),
        (Fault.ENDLESS_HEADERS, httpx.RemoteProtocolError),
    ],
)
async def test_it_breaks_connections_and_answers(sink: Sink, fault: Fault, error: type) -> None:
    url = sink.answer("/broken", Reply(200, b"some text", fault=fault))

    with pytest.raises(error):
        await post(url, b"x" * 1000)
    assert [request.answered for request in await sink.wait_for(1)] == [fault]


async def test_an_endless_body_goes_on_for_as_long_as_it_is_read(sink: Sink) -> None:
    url = sink.answer("/endless", Reply(200, b"begin", fault=Fault.ENDLESS_BODY))

    async with httpx.AsyncClient() as client, client.stream("GET", url) as answer:
        size = 0
        async for part in answer.aiter_bytes():
            size += len(part)
            if size > 5_000_000:
                break
    assert size > 5_000_000


async def test_a_body_can_drip(sink: Sink) -> None:
    url = sink.answer("/drip", Reply(200, b"slow", delay=0.01, fault=Fault.DRIP))

    assert (await post(url)).text == "slow"


async def test_a_hanging_answer_ends_when_it_is_released(sink: Sink) -> None:
    url = sink.answer("/hang", Reply(fault=Fault.HANG))
    waiting = asyncio.create_task(post(url))
    await sink.wait_for(1)
    assert not waiting.done()

    sink.release()

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await waiting


async def test_connections_are_kept_and_can_be_refused(sink: Sink) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(3):
            await client.get(sink.url)
    sink.refusing = True
    with pytest.raises(httpx.TransportError):
        await post(sink.url)

    assert [request.connection for request in sink.requests] == [1, 1, 1]
    assert sink.connections == 2


@pytest.mark.parametrize("by", ["message", "attempt"])
async def test_a_share_of_the_messages_fails_the_same_each_time(sink: Sink, by: str) -> None:
    sink.otherwise = FailingShare(1 / 3, by)

    async def statuses() -> list[int]:
        async with httpx.AsyncClient(headers={"x-webhook-attempt": "1"}) as client:
            return [
                (await client.post(sink.url, headers={"webhook-id": f"m{n}"})).status_code
                for n in range(60)
            ]

    first = await statuses()
    assert 8 < first.count(500) < 32
    assert await statuses() == first


def test_a_sink_in_a_process_of_its_own_tells_what_it_was_sent() -> None:
    with sink_process("--fail", "1", "--hang", "/hang") as sink:
        with httpx.Client() as client:
            assert client.post(f"{sink.url}/x", headers={"webhook-id": "m1"}).status_code == 500
            with pytest.raises(httpx.ReadTimeout):
                client.post(f"{sink.url}/hang", timeout=0.1)
        assert sink.counts() == {"m1": 1, "": 1}
        assert [each["answered"] for each in sink.requests()] == [500, "hang"]
        sink.clear()
        assert sink.requests() == []
