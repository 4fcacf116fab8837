"""Both places in which secrets are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from secret_vault import Vault, start_vault

from tieline.database import Database
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.opening import open_secret_store
from tieline.secrets.store import SecretStore
from tieline.settings import load_settings


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault of this test process."""
    started = start_vault(tmp_path_factory.mktemp("vault"))
    yield started
    started.stop()


@pytest.fixture(params=["table", "vault"])
async def store(
    request: pytest.FixtureRequest, database: Database, data_dir: Path
) -> AsyncIterator[SecretStore]:
    """Each of the places in which secrets are kept."""
    if request.param == "vault":
        settings = request.getfixturevalue("vault").settings()
    else:
        settings = load_settings({}, data_dir=data_dir)
    opened = await open_secret_store(settings, database)
    yield opened
    await opened.close()


@pytest.fixture
def environment(database: Database, store: SecretStore) -> EnvironmentService:
    """The service of environment variables over that place."""
    return EnvironmentService(database, store)
