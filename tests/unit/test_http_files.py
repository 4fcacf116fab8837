from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tieline.egress.errors import Unreachable
from tieline.fileproxy.models import Ending, File
from tieline.http import files
from tieline.http.files import FileResponse, content_disposition


class Exchange:
    """The other side of an ASGI response, and how the file was closed."""

    def __init__(self, *pieces: bytes | Exception, size: int | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.endings: list[Ending] = []
        self.gone = asyncio.Event()
        self.hangs = False
        self._pieces = pieces
        self.file = File("f", "text/plain", size, self._chunks(), self._close)

    async def run(self, *, with_body: bool = True) -> None:
        await FileResponse(self.file, with_body=with_body)({}, self._receive, self._send)

    @property
    def complete(self) -> bool:
        return self.messages[-1].get("more_body") is False

    async def _chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def _close(self, ending: Ending) -> None:
        self.endings.append(ending)

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        self.messages.append(message)
        await asyncio.sleep(0)


async def test_a_file_goes_out_in_pieces_and_is_closed() -> None:
    exchange = Exchange(b"ab", b"c", size=3)

    await exchange.run()

    start, *bodies = exchange.messages
    assert (b"content-length", b"3") in start["headers"]
    assert [body["body"] for body in bodies] == [b"ab", b"c", b""]
    assert exchange.complete
    assert exchange.endings == [Ending(3)]


async def test_without_a_known_size_none_is_announced() -> None:
    exchange = Exchange(b"ab")

    await exchange.run()

    assert b"content-length" not in dict(exchange.messages[0]["headers"])


async def test_headers_alone_are_a_complete_answer_too() -> None:
    exchange = Exchange(b"ab", size=2)

    await exchange.run(with_body=False)

    assert exchange.complete
    assert exchange.endings == [Ending(0)]


async def test_a_file_that_breaks_off_is_never_completed() -> None:
    error = Unreachable()
    exchange = Exchange(b"ab", error, size=3)

    await exchange.run()

    assert not exchange.complete
    assert exchange.endings == [Ending(2, error, receiver_left=True)]


async def test_whoever_is_gone_gets_no_more() -> None:
    exchange = Exchange(b"ab", b"c")
    exchange.gone.set()

    await exchange.run()

    assert not exchange.complete
    assert exchange.endings[0].receiver_left


async def test_a_receiver_that_takes_nothing_does_not_hold_the_file_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_LONGEST_SENDING", 0.01)
    exchange = Exchange(b"ab")
    exchange.hangs = True

    await exchange.run()

    assert isinstance(exchange.endings[0].error, TimeoutError)


async def test_a_file_is_closed_when_the_server_stops() -> None:
    exchange = Exchange(b"ab")
    exchange.hangs = True
    sending = asyncio.create_task(exchange.run())
    await asyncio.sleep(0)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert exchange.endings[0].receiver_left


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.pdf", 'attachment; filename="a.pdf"'),
        ("ä.pdf", "attachment; filename=\"_.pdf\"; filename*=UTF-8''%C3%A4.pdf"),
        ('a"b\\c', "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ],
)
def test_a_name_cannot_get_out_of_its_header(name: str, header: str) -> None:
    assert content_disposition(name) == header
