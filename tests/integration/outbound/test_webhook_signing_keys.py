"""The keys with which the messages of organisations are signed."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from tieline.database import Database
from tieline.http.services import Services
from tieline.identity.errors import InvalidOrganisation, OrganisationNotFound
from tieline.kit.ids import new_ulid
from tieline.outbound.webhooks.signing_keys import SigningKeys

_PLACE = "webhooks/signing-key"


class Undone(Exception):
    """Whatever ends a request in the middle."""


def public_part(key) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def loaded(pem: str) -> bytes:
    return load_pem_public_key(pem.encode()).public_bytes(Encoding.Raw, PublicFormat.Raw)


def another_process(services: Services) -> SigningKeys:
    return SigningKeys(services.database, services.secrets)


async def test_all_processes_that_come_first_have_one_key(
    services: Services, org: str, key: str
) -> None:
    processes = [another_process(services) for _ in range(6)]
    private = await asyncio.gather(*(each.private_key(org) for each in processes))
    public = await asyncio.gather(*(each.public_key(org) for each in processes))

    assert len({public_part(each) for each in private} | {loaded(each) for each in public}) == 1
    async with services.database.organisation(org) as tx:
        noted = await tx.fetchval(
            "SELECT count(*) FROM audit_log WHERE org_id = $1 "
            "AND action = 'webhook_signing_key.created'"
        )
    assert noted == 1


async def test_organisations_have_keys_of_their_own(services: Services, org: str, key: str) -> None:
    other = f"org-{new_ulid()}"
    await services.identity.create_key(other, name="test")

    assert await services.webhook_keys.public_key(org) != await services.webhook_keys.public_key(
        other
    )


async def test_a_key_that_was_undone_signs_nothing_afterwards(
    database: Database, services: Services, org: str, key: str
) -> None:
    keys = another_process(services)
    with contextlib.suppress(Undone):
        async with database.request():
            undone = await keys.private_key(org)
            raise Undone

    assert public_part(await keys.private_key(org)) != public_part(undone)
    assert public_part(await keys.private_key(org)) == loaded(await keys.public_key(org))


async def test_a_private_part_that_is_lost_is_replaced_with_its_public_part(
    services: Services, org: str, key: str
) -> None:
    before = await another_process(services).public_key(org)
    async with services.database.organisation(org) as tx:
        await services.secrets.delete(tx, _PLACE)
    keys = another_process(services)
    private = await keys.private_key(org)

    assert loaded(before) != public_part(private) == loaded(await keys.public_key(org))


@pytest.mark.parametrize(
    ("unknown", "error"),
    [
        ("org-that-nobody-has", OrganisationNotFound),
        ("~tieline", InvalidOrganisation),
        ("a\x00b", InvalidOrganisation),
        ("", InvalidOrganisation),
    ],
)
async def test_there_is_no_key_for_nobody(
    services: Services, unknown: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await services.webhook_keys.public_key(unknown)
