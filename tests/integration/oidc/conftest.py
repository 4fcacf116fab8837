"""A verifier with a real issuer on this machine, and a clock for its caches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from tests.local_issuer import AUDIENCE, LocalIssuer

from tieline.database import Database
from tieline.egress.client import EgressClient
from tieline.http.services import Services
from tieline.identity.oidc.verifier import OidcVerifier
from tieline.identity.users.service import UserService
from tieline.settings import OidcIssuer


class Seconds:
    """A clock for caches that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(scope="session")
def shared_issuer() -> Iterator[LocalIssuer]:
    with LocalIssuer().running() as running:
        yield running


@pytest.fixture
def issuer(shared_issuer: LocalIssuer) -> Iterator[LocalIssuer]:
    """An issuer that works, whatever the test before has done to it."""
    keys = dict(shared_issuer.keys)
    shared_issuer.fetches.clear()
    yield shared_issuer
    shared_issuer.keys = keys
    shared_issuer.failing = shared_issuer.stalling = False
    shared_issuer.discovery = shared_issuer.jwks = None


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    client = EgressClient()
    yield client
    await client.close()


Make = Callable[..., OidcVerifier]


@pytest.fixture
async def verifier_of(
    database: Database, services: Services, egress: EgressClient, seconds: Seconds
) -> AsyncIterator[Make]:
    """Makes verifiers for configured issuers."""
    made = []

    def make(*configured: OidcIssuer) -> OidcVerifier:
        users = UserService(database)
        verifier = OidcVerifier(
            database, configured, egress, users, services.applications, seconds=seconds
        )
        made.append(verifier)
        return verifier

    yield make
    for verifier in made:
        await verifier.stop()


@pytest.fixture
def configured(issuer: LocalIssuer, org: str) -> Callable[..., OidcIssuer]:
    """The issuer as it is configured for the test's organisation."""

    def entry(**different: Any) -> OidcIssuer:
        usual = {"issuer": issuer.url, "audience": AUDIENCE, "organisation": org}
        return OidcIssuer(**{k: v for k, v in (usual | different).items() if v is not None})

    return entry


@pytest.fixture
async def verifier(verifier_of: Make, configured: Callable[..., OidcIssuer]) -> OidcVerifier:
    """A verifier of the issuer, with roles by its claim `roles`."""
    return verifier_of(configured(roles_claim="roles"))
