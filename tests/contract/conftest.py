from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from contract_installation import HERE, InstalledSdk, install
from contract_sdk import Sdk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "contract" in item.path.parts:
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="session")
def installed_sdk() -> InstalledSdk:
    """The published SDK."""
    return install()


@pytest.fixture(scope="session")
def sdk(installed_sdk: InstalledSdk, live_server: Any) -> Iterator[Sdk]:
    """The SDK, bound to the running server and authorised for everything."""
    # Node.js looks for packages from where a file lies: this process's copy lies beside them.
    driver = installed_sdk.directory / f"driver-{os.getpid()}.mjs"
    shutil.copy(HERE / "driver.mjs", driver)
    command = [*installed_sdk.node.node, str(driver), live_server.url]
    bound = Sdk(command, installed_sdk.directory, installed_sdk.definitions, live_server.key)
    yield bound
    bound.close()
    driver.unlink()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"contract test {uuid4().hex[:12]}"


@pytest.fixture
def slug() -> str:
    """A schema slug that no other test uses."""
    return f"thing_{uuid4().hex[:12]}"
