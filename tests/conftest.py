"""Fixtures for all tests: a real application on an embedded database, and a real server process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.leaks import Leaks
from tieline.kit.ids import new_ulid

if TYPE_CHECKING:  # unit tests must not pay for importing the whole application
    from tieline.app import Application
    from tieline.database import Database
    from tieline.http.services import Services

pytest_plugins = ["tests.components.fixtures"]

LEAKS = Leaks()
COMPONENTS = "127.0.0.1"  # where the components of tests listen


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of this test process."""
    return tmp_path_factory.mktemp("tieline")


@pytest.fixture(scope="session")
def leaks() -> Leaks:
    """The secrets of this test process."""
    return LEAKS


@pytest.fixture(scope="session")
async def application(data_dir: Path, leaks: Leaks) -> AsyncIterator[Application]:
    """API and worker in this process, on an embedded database of its own.

    It may send requests to 127.0.0.1, where the components of tests listen. When all tests are
    over, no secret may be found in what they have left.
    """
    from tieline.app import Application
    from tieline.secrets.table_store import TableSecretStore
    from tieline.settings import load_settings

    settings = load_settings(
        {},
        data_dir=data_dir,
        sweep_seconds=0.5,
        log_level="warning",
        egress_allow=(COMPONENTS,),
    )
    started = await Application.start(settings, work=True, serve=True)
    with leaks.watching(TableSecretStore):
        yield started
    found = [
        *leaks.in_refusals(),
        *await leaks.in_exports(started.services),
        *await leaks.in_database(started.services.database),
    ]
    await started.stop()
    assert not found, f"Secrets were left behind: {found[:20]}"


@pytest.fixture
def services(application: Application) -> Services:
    """The services of the application."""
    return application.services


@pytest.fixture
def database(application: Application) -> Database:
    """The database of the application."""
    return application.services.database


@pytest.fixture
def org() -> str:
    """The id of an organisation that no other test uses."""
    return f"org-{new_ulid()}"


@pytest.fixture
async def key(services: Services, org: str) -> str:
    """An API key of the test's organisation with all scopes."""
    _, text = await services.identity.create_key(org, name="test")
    return text


@pytest.fixture
async def client(application: Application, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, authenticated for the test's organisation."""
    async with http_client(application, key) as connected:
        yield connected


def http_client(application: Application, key: str | None) -> httpx.AsyncClient:
    """A client that calls the application in this process; 500s are answers, not exceptions."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=application.asgi, raise_app_exceptions=False),
        base_url="http://tieline.test",
        headers={"authorization": f"Bearer {key}"} if key else {},
        event_hooks={"response": [_note_refusal]},
    )


async def _note_refusal(response: httpx.Response) -> None:
    if response.status_code >= 400:
        await response.aread()
        LEAKS.note_refusal(response.text)


@dataclass(frozen=True)
class LiveServer:
    """A `tieline serve` process."""

    url: str
    key: str
    data_dir: Path
    process: subprocess.Popen[str]


def start_server(
    data_dir: Path, *arguments: str, **environment: str
) -> tuple[LiveServer, list[str]]:
    """Start `tieline serve` on a free port; the server, and the lines that it printed."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tieline", "serve"),
            *("--data-dir", str(data_dir), "--port", "0", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=(data_dir.parent / f"{data_dir.name}.log").open("a"),
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    lines: list[str] = []
    url = key = ""
    for line in process.stdout:
        lines.append(line.rstrip())
        key = match[0] if (match := re.search(r"tl_\w+", line)) else key
        if match := re.search(r"http://[\w.:]+", line):
            url = match[0]
        if url and (key or "no new key" in line or "Press" in line):
            break
    return LiveServer(url, key, data_dir, process), lines


def stop_server(server: LiveServer) -> int:
    """Ask a server to stop; its exit code."""
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(30)


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A `tieline serve` process on an empty data directory, shared by the session's tests."""
    server, _ = start_server(
        tmp_path_factory.mktemp("live") / "data",
        TIELINE_LOG_LEVEL="debug",
        TIELINE_LOG_FORMAT="json",
        TIELINE_EGRESS_ALLOW=COMPONENTS,
    )
    yield server
    found = search_database_of(server)
    stop_server(server)
    assert not found, f"Secrets were left behind: {found[:20]}"


def search_database_of(server: LiveServer) -> list[str]:
    """The tables of a running server's embedded database with a secret in them."""
    from tieline.database import Database
    from tieline.database.embedded import EmbeddedServer

    async def search() -> list[str]:
        database = Database(EmbeddedServer(server.data_dir).url, pool_size=4)
        await database.open()
        try:
            return await LEAKS.in_database(database)
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:  # this one may have a loop already
        return thread.submit(asyncio.run, search()).result()


@pytest.fixture(scope="session", autouse=True)
def _no_secret_in_any_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    found = LEAKS.in_files(tmp_path_factory.getbasetemp())
    assert not found, f"Secrets were logged: {found[:20]}"
