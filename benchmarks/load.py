"""A load generator that costs little: raw HTTP/1.1 over keep-alive connections.

A general HTTP client would be the slowest part of the measurement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What a run of requests showed; latencies in seconds, sorted."""

    seconds: float
    latencies: list[float]

    @property
    def requests(self) -> int:
        return len(self.latencies)

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


class Connection:
    """One keep-alive connection."""

    def __init__(self, url: str, key: str) -> None:
        self._target = urlsplit(url)
        self._head = f"host: {self._target.netloc}\r\nauthorization: Bearer {key}\r\n"

    async def open(self) -> None:
        host, port = self._target.hostname, self._target.port
        self._reader, self._writer = await asyncio.open_connection(host, port)

    async def post(self, path: str, body: bytes) -> bytes:
        return await self.request("POST", path, body)

    async def request(self, method: str, path: str, body: bytes) -> bytes:
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\n{self._head}content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await self._reader.readexactly(length)
        if b" 200 " not in head[:16] and b" 201 " not in head[:16]:
            raise RuntimeError(f"{head.decode()}{answer.decode()}")
        return answer

    def close(self) -> None:
        self._writer.close()


async def run_load(
    url: str,
    key: str,
    path: str,
    bodies: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    check: Callable[[bytes], None] = lambda _answer: None,
) -> Load:
    """Post the bodies over that many connections at once, for that long."""
    latencies: list[float] = []
    clients = [Connection(url, key) for _ in range(connections)]
    for client in clients:
        await client.open()
    begun = time.perf_counter()
    until = begun + seconds

    async def client_loop(client: Connection) -> None:
        while time.perf_counter() < until:
            body = next(bodies)
            sent = time.perf_counter()
            check(await client.post(path, body))
            latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*map(client_loop, clients))
    spent = time.perf_counter() - begun
    for client in clients:
        client.close()
    return Load(spent, sorted(latencies))
