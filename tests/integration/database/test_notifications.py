"""Changes are heard of, or it is known that they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tieline.database import Database, notifications
from tieline.database.notifications import ChangeListener


class SilentNetwork:
    """Stands between a database and its clients, and can lose everything without a word."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self.lost = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_database, to_database = await asyncio.open_unix_connection(self._socket)
        self.writers += [writer, to_database]
        await asyncio.gather(self._pass(reader, to_database), self._pass(from_database, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self.lost.is_set():
                writer.write(data)
        if not self.lost.is_set():
            writer.close()


@pytest.fixture
async def network(database: Database, tmp_path: Path) -> AsyncIterator[SilentNetwork]:
    [directory] = parse_qs(urlsplit(database.url).query)["host"]
    [port] = parse_qs(urlsplit(database.url).query).get("port", ["5432"])
    network = SilentNetwork(f"{directory}/.s.PGSQL.{port}")
    server = await asyncio.start_unix_server(network.carry, tmp_path / f".s.PGSQL.{port}")
    yield network
    for writer in network.writers:
        writer.close()
    server.close()


async def test_a_connection_that_was_lost_silently_is_noticed(
    database: Database,
    network: SilentNetwork,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "_SECONDS_BETWEEN_CHECKS", 0.05)
    monkeypatch.setattr(notifications, "_SECONDS_TO_ANSWER", 0.2)
    missed = asyncio.Event()
    [directory] = parse_qs(urlsplit(database.url).query)["host"]
    through_network = Database(database.url.replace(directory, str(tmp_path)))
    listener = ChangeListener(through_network, "tieline_test", lambda _: missed.set())
    await listener.start()
    await asyncio.wait_for(listener.wait_until_alive(), 10)
    missed.clear()

    network.lost.set()

    await asyncio.wait_for(missed.wait(), 10)
    assert not listener.alive
    await listener.stop()


async def test_changes_are_heard_between_checks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_SECONDS_BETWEEN_CHECKS", 0.01)
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    listener = ChangeListener(database, "tieline_test", heard.put_nowait)
    await listener.start()
    await asyncio.wait_for(listener.wait_until_alive(), 10)
    assert await heard.get() is None

    for number in range(50):
        async with database.system() as tx:
            await tx.execute("SELECT pg_notify('tieline_test', $1)", str(number))

    assert [await asyncio.wait_for(heard.get(), 10) for _ in range(50)] == [*map(str, range(50))]
    await listener.stop()
