"""A database that nobody works on, so that tests bring engines of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.integration.deliveries.delivering import Engines, Script, SimulatedTime

from tieline.app import Application
from tieline.http.services import Services
from tieline.settings import load_settings


@pytest.fixture(scope="session")
async def resting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    """The services of an installation whose engine is not started."""
    settings = load_settings(
        {},
        data_dir=tmp_path_factory.mktemp("resting") / "data",
        log_level="warning",
        egress_allow=("127.0.0.1",),
    )
    application = await Application.start(settings, work=False, serve=False)
    yield application.services
    await application.stop()


@pytest.fixture
def script() -> Script:
    """What the engines of the test are answered."""
    return Script()


@pytest.fixture
async def engines(resting: Services, script: Script) -> AsyncIterator[Engines]:
    """Engines in real time, as of several processes; all are stopped in the end."""
    async with Engines(resting.database, script).stopped_in_the_end() as engines:
        yield engines


@pytest.fixture
async def simulated(resting: Services, script: Script) -> AsyncIterator[Engines]:
    """Engines whose time passes as soon as there is nothing to do."""
    engines = Engines(resting.database, script, time=SimulatedTime())
    async with engines.stopped_in_the_end():
        yield engines
