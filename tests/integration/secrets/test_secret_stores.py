"""What both places in which secrets are kept have in common."""

from __future__ import annotations

import asyncio

import pytest

from tieline.database import Database
from tieline.secrets.errors import InvalidVaultPath
from tieline.secrets.store import SYSTEM_ORGANISATION, SecretStore

ODD = {"user": "jane", "password": 'ä"\\{{env.x}}\n€ 🔑', "empty": ""}


async def put(database: Database, store: SecretStore, org: str, path: str, **values: str) -> None:
    async with database.organisation(org) as tx:
        await store.write(tx, path, values)


async def read(
    database: Database, store: SecretStore, org: str, path: str
) -> dict[str, str] | None:
    async with database.organisation(org) as tx:
        return await store.read(tx, path)


async def test_what_was_written_is_read(database: Database, store: SecretStore, org: str) -> None:
    await put(database, store, org, "webhooks/one", **ODD)

    found = await read(database, store, org, "webhooks/one")

    assert found == ODD
    assert "jane" not in repr(found)


async def test_where_nothing_was_written_is_nothing(
    database: Database, store: SecretStore, org: str
) -> None:
    assert await read(database, store, org, "webhooks/none") is None


async def test_another_organisation_has_other_secrets_at_the_same_path(
    database: Database, store: SecretStore, org: str
) -> None:
    await put(database, store, org, "a", value="one")
    await put(database, store, f"{org}2", "a", value="two")

    assert await read(database, store, org, "a") == {"value": "one"}
    assert await read(database, store, f"{org}2", "a") == {"value": "two"}
    assert await read(database, store, f"{org}3", "a") is None


async def test_the_installation_has_secrets_of_its_own(
    database: Database, store: SecretStore, org: str
) -> None:
    await put(database, store, SYSTEM_ORGANISATION, f"tests/{org}", value="one")

    assert await read(database, store, SYSTEM_ORGANISATION, f"tests/{org}") == {"value": "one"}
    assert await read(database, store, org, f"tests/{org}") is None


async def test_writing_replaces_all_values(
    database: Database, store: SecretStore, org: str
) -> None:
    await put(database, store, org, "a", user="jane", password="one")
    await put(database, store, org, "a", password="two")

    assert await read(database, store, org, "a") == {"password": "two"}


async def test_what_was_deleted_is_gone_and_can_be_written_again(
    database: Database, store: SecretStore, org: str
) -> None:
    await put(database, store, org, "a", value="one")
    async with database.organisation(org) as tx:
        await store.delete(tx, "a")
        await store.delete(tx, "never")
        assert await store.read(tx, "a") is None
    assert await read(database, store, org, "a") is None

    await put(database, store, org, "a", value="two")
    assert await read(database, store, org, "a") == {"value": "two"}


async def test_a_deletion_that_is_rolled_back_did_not_happen(
    database: Database, store: SecretStore, org: str
) -> None:
    await put(database, store, org, "a", value="one")

    async def fail() -> None:
        async with database.organisation(org) as tx:
            await store.delete(tx, "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert await read(database, store, org, "a") == {"value": "one"}


async def test_many_are_read_at_once(database: Database, store: SecretStore, org: str) -> None:
    for number in range(12):
        await put(database, store, org, f"many/{number}", value=str(number))

    async with database.organisation(org) as tx:
        found = await store.read_many(tx, [f"many/{number}" for number in (3, 11, 99, 3)])

    assert found == {"many/3": {"value": "3"}, "many/11": {"value": "11"}}
    assert "'3'" not in repr(found).replace("many/3", "")


async def test_writers_of_one_path_do_not_mix(
    database: Database, store: SecretStore, org: str
) -> None:
    await asyncio.gather(
        *(put(database, store, org, "a", one=str(n), two=str(n)) for n in range(12))
    )

    found = await read(database, store, org, "a")
    assert found is not None
    assert found["one"] == found["two"]


@pytest.mark.parametrize("path", ["", "../other/a", "a//b", "a/%2e%2e", "a\x00", "a/../../b", "/a"])
async def test_a_path_that_leads_elsewhere_is_refused_by_each_method(
    database: Database, store: SecretStore, org: str, path: str
) -> None:
    async with database.organisation(org) as tx:
        for call in (
            store.read(tx, path),
            store.read_many(tx, ["a", path]),
            store.write(tx, path, {"value": "x"}),
            store.delete(tx, path),
        ):
            with pytest.raises(InvalidVaultPath):
                await call


async def test_a_path_of_a_record_means_the_same_in_either_place(
    database: Database, store: SecretStore, org: str
) -> None:
    await put(database, store, org, "customer.portal/o'brien".replace("'", "~"), value="one")
    named = f"secret/data/tieline/{org}/customer.portal/o~brien"

    relative = store.paths.relative_path(org, named)

    assert await read(database, store, org, relative) == {"value": "one"}
    assert store.paths.vault_path(org, relative) == named
