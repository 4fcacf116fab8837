"""A receiver of webhooks that costs little, as a process of its own: `python -m benchmarks.sink`.

It answers 204, on paths that begin with `/hang` only after the seconds that follow. `GET /figures`
tells for each path how many requests came, when the first and the last did, and how old the
entities in them were, and begins anew.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from datetime import datetime

import httptools
import msgspec

CREATED = re.compile(rb'"_created_at":"([^"]+)"')
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Figures:
    """What came to one path; moments are seconds since the epoch, ages milliseconds."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.ages: list[float] = []


FIGURES: dict[str, Figures] = defaultdict(Figures)


class Receiver(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.path, self.body = "", bytearray()

    def on_url(self, url: bytes) -> None:
        self.path = url.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.path == "/figures":
            self.tell()
            return
        now = time.time()
        figures = FIGURES[self.path]
        figures.moments.append(now)
        if found := CREATED.search(self.body):
            created = datetime.fromisoformat(found[1].decode()).timestamp()
            figures.ages.append((now - created) * 1000)
        if self.path.startswith("/hang"):
            seconds = float(self.path.removeprefix("/hang").partition("-")[0])
            asyncio.get_running_loop().call_later(seconds, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)

    def tell(self) -> None:
        content = msgspec.json.encode(
            {
                path: {
                    "count": len(figures.moments),
                    "first": min(figures.moments),
                    "last": max(figures.moments),
                    "ages": sorted(figures.ages),
                }
                for path, figures in FIGURES.items()
            }
        )
        FIGURES.clear()
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n"
        self.transport.write(head.encode() + content)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
