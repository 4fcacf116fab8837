"""API keys in a real database: created, checked, expired, revoked."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tieline.database import Database
from tieline.identity.api_keys.errors import ApiKeyNotFound, InvalidKeyName
from tieline.identity.errors import InvalidApiKey, InvalidOrganisation, UnknownScope
from tieline.identity.keys import new_key
from tieline.identity.models import KeyKind, Scope
from tieline.identity.service import IdentityService


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_a_created_key_stands_for_its_organisation(database: Database, org: str) -> None:
    identity = IdentityService(database)

    key, text = await identity.create_key(org, name="sap", scopes=[Scope.ERP_EVENTS])
    caller = await identity.authenticate(text)

    assert (caller.org_id, caller.id, caller.name) == (org, key.id, "sap")
    assert caller.may(Scope.ERP_EVENTS)
    assert not caller.may(Scope.ENTITY_READ)


async def test_the_key_itself_is_not_stored(database: Database, org: str) -> None:
    _, text = await IdentityService(database).create_key(org, name="sap")

    async with database.organisation(org) as tx:
        row = await tx.fetchval(
            "SELECT to_jsonb(k)::text FROM api_keys k WHERE org_id = $1 AND name = 'sap'"
        )

    assert text not in row
    assert text.split("_")[2] not in row


async def test_a_key_that_nobody_created_is_refused(database: Database) -> None:
    with pytest.raises(InvalidApiKey):
        await IdentityService(database).authenticate(new_key(KeyKind.SERVICE))


async def test_a_mistyped_key_is_refused_without_asking_the_database() -> None:
    identity = IdentityService(Database("postgresql://nobody@127.0.0.1:1/none"))

    with pytest.raises(InvalidApiKey, match="typing error"):
        await identity.authenticate("tl_service_mistyped")


async def test_a_key_ends_when_its_lifetime_does(database: Database, org: str) -> None:
    clock = Clock()
    identity = IdentityService(database, clock)
    _, text = await identity.create_key(org, name="short", lifetime=timedelta(hours=1))
    await identity.authenticate(text)

    clock.now += timedelta(hours=1)

    with pytest.raises(InvalidApiKey, match="expired"):
        await identity.authenticate(text)


async def test_a_revoked_key_is_refused_and_stays_listed(database: Database, org: str) -> None:
    identity = IdentityService(database)
    key, text = await identity.create_key(org, name="sap")

    await identity.revoke_key(org, key.id)

    with pytest.raises(InvalidApiKey):
        await identity.authenticate(text)
    (listed,) = await identity.list_keys(org)
    assert listed.id == key.id
    assert listed.revoked_at is not None


async def test_revoking_twice_keeps_the_first_moment(database: Database, org: str) -> None:
    clock = Clock()
    identity = IdentityService(database, clock)
    key, _ = await identity.create_key(org, name="sap")
    await identity.revoke_key(org, key.id)
    (listed,) = await identity.list_keys(org)
    first = listed.revoked_at

    clock.now += timedelta(hours=1)
    await identity.revoke_key(org, key.id)

    (listed,) = await identity.list_keys(org)
    assert listed.revoked_at == first is not None


async def test_another_process_hears_of_a_revoked_key(database: Database, org: str) -> None:
    here, there = IdentityService(database), IdentityService(database)
    key, text = await here.create_key(org, name="sap")
    await there.start()
    try:
        await there.authenticate(text)
        await here.revoke_key(org, key.id)
        async with asyncio.timeout(5):
            while await accepted(there, text):
                await asyncio.sleep(0)
    finally:
        await there.stop()


async def accepted(identity: IdentityService, text: str) -> bool:
    try:
        await identity.authenticate(text)
    except InvalidApiKey:
        return False
    return True


async def test_keys_of_another_organisation_are_invisible(database: Database, org: str) -> None:
    identity = IdentityService(database)
    key, text = await identity.create_key(org, name="sap")

    assert await identity.list_keys(f"{org}-other") == []
    with pytest.raises(ApiKeyNotFound):
        await identity.revoke_key(f"{org}-other", key.id)
    assert await accepted(identity, text)


async def test_keys_are_listed_oldest_first(database: Database, org: str) -> None:
    clock = Clock()
    identity = IdentityService(database, clock)
    for name in ("first", "second", "third"):
        await identity.create_key(org, name=name)
        clock.now += timedelta(seconds=1)

    assert [key.name for key in await identity.list_keys(org)] == ["first", "second", "third"]


async def test_scopes_named_twice_are_kept_once(database: Database, org: str) -> None:
    key, _ = await IdentityService(database).create_key(
        org, name="sap", scopes=[Scope.ERP_READ, Scope.ERP_READ]
    )

    assert key.scopes == (Scope.ERP_READ,)


async def test_an_unknown_scope_is_refused_with_those_that_exist(
    database: Database, org: str
) -> None:
    with pytest.raises(UnknownScope, match="erp:read"):
        await IdentityService(database).create_key(org, name="sap", scopes=["erp:everything"])


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "x" * 65, "ä"])
async def test_an_organisation_needs_a_plain_id(database: Database, name: str) -> None:
    with pytest.raises(InvalidOrganisation):
        await IdentityService(database).create_key(name, name="sap")


async def test_the_first_key_is_made_only_while_there_is_none(database: Database, org: str) -> None:
    identity = IdentityService(database)
    await identity.create_key(org, name="sap")

    assert await identity.create_first_key() is None


async def test_processes_that_start_together_make_one_first_key(application, data_dir):
    import asyncio

    import asyncpg

    from tieline.database.embedded import EmbeddedServer
    from tieline.database.migrate import migrate
    from tieline.database.pool import Database

    del application
    server = EmbeddedServer(data_dir)
    admin = await asyncpg.connect(server.url)
    await admin.execute('CREATE DATABASE "first"')
    database = Database(server.url.replace("/tieline?", "/first?"))
    try:
        await migrate(database)
        await database.open()
        made = await asyncio.gather(
            *(IdentityService(database).create_first_key() for _ in range(4))
        )
        assert len([key for key in made if key]) == 1
    finally:
        await database.close()
        await admin.execute('DROP DATABASE "first" WITH (FORCE)')
        await admin.close()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines"])
async def test_a_key_needs_a_name_that_can_be_listed(services, org, name):
    with pytest.raises(InvalidKeyName):
        await services.identity.create_key(org, name=name)
