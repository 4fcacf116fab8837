"""The components as fixtures of all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.components.certificates import Authority
from tests.components.forward_proxy import ForwardProxy
from tests.components.oauth_server import TokenServer
from tests.components.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A sink of this test, in a thread of its own."""
    with Sink().running() as running:
        yield running


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    """A token endpoint of this test, on a sink of its own."""
    with Sink().running() as running:
        yield TokenServer(running)


@pytest.fixture
async def forward_proxy() -> AsyncIterator[ForwardProxy]:
    """A proxy of this test that asks for no password."""
    async with ForwardProxy().serving() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Makes certificates; whoever trusts its `ca_file` trusts the good ones."""
    return Authority(tmp_path_factory.mktemp("authority"))
