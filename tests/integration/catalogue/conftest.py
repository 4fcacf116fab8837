"""A catalogue whose events are kept by a sink, and to which the tests hand over changes."""

from __future__ import annotations

import pytest
from catalogue_world import KeepingSink, World

from tieline.catalogue import service
from tieline.catalogue.service import EventCatalogue
from tieline.database import Database
from tieline.http.services import Services


@pytest.fixture
def sink() -> KeepingSink:
    return KeepingSink()


@pytest.fixture
def catalogue(
    services: Services, database: Database, sink: KeepingSink, monkeypatch: pytest.MonkeyPatch
) -> EventCatalogue:
    async def stay_silent(*_: object) -> None:
        """Keep the application's own worker away from the changes."""

    monkeypatch.setattr(service, "listen", stay_silent)
    return EventCatalogue(database, services.mapper, sink)


@pytest.fixture
async def world(services: Services, catalogue: EventCatalogue, org: str, key: str) -> World:
    return World(services, catalogue, org)
