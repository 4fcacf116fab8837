"""Secrets in a vault: what only a vault does, and what it cannot do."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hvac.exceptions import InvalidPath
from secret_vault import ROOT_TOKEN, Vault, start_vault

from tieline.database import Database
from tieline.secrets.errors import SecretBackendUnavailable
from tieline.secrets.opening import open_secret_store
from tieline.secrets.status import examine_vault
from tieline.secrets.store import SecretStore
from tieline.settings import InvalidSettings, Settings


@asynccontextmanager
async def opened(settings: Settings, database: Database) -> AsyncIterator[SecretStore]:
    store = await open_secret_store(settings, database)
    try:
        yield store
    finally:
        await store.close()


async def put(database: Database, store: SecretStore, org: str, path: str, text: str) -> None:
    async with database.organisation(org) as tx:
        await store.write(tx, path, {"value": text})


async def read(database: Database, store: SecretStore, org: str, path: str) -> object:
    async with database.organisation(org) as tx:
        return await store.read(tx, path)


async def test_a_value_lies_at_the_documented_path(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(), database) as store:
        await put(database, store, org, "webhooks/one", "signing secret")

    there = vault.admin.secrets.kv.v2.read_secret_version(
        f"tieline/{org}/webhooks/one", mount_point="secret", raise_on_deleted_version=True
    )
    assert there["data"]["data"] == {"value": "signing secret"}


async def test_what_an_operator_puts_into_the_vault_is_read(
    database: Database, vault: Vault, org: str
) -> None:
    vault.admin.secrets.kv.v2.create_or_update_secret(
        f"tieline/{org}/sap/production", {"user": "jane", "port": 8443, "tags": ["a"]}
    )

    async with opened(vault.settings(), database) as store:
        found = await read(database, store, org, "sap/production")

    assert found == {"user": "jane", "port": "8443", "tags": '["a"]'}


async def test_a_deleted_secret_soon_leaves_the_vault_with_all_versions(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(), database) as store:
        await put(database, store, org, "a", "one")
        await put(database, store, org, "a", "two")
        async with database.organisation(org) as tx:
            await store.delete(tx, "a")
        (duty,) = store.duties()
        async with database.system() as tx:
            await duty.perform(tx)

    with pytest.raises(InvalidPath):
        vault.admin.secrets.kv.v2.read_secret_metadata(f"tieline/{org}/a")
    async with database.organisation(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM secret_disposals WHERE org_id = $1") == 0


async def test_what_was_written_after_a_deletion_stays(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(), database) as store:
        await put(database, store, org, "a", "one")
        async with database.organisation(org) as tx:
            await store.delete(tx, "a")
        await put(database, store, org, "a", "two")
        (duty,) = store.duties()
        async with database.system() as tx:
            await duty.perform(tx)

        assert await read(database, store, org, "a") == {"value": "two"}


async def test_a_deletion_that_the_vault_does_not_hear_of_is_kept(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(), database) as store:
        await put(database, store, org, "a", "one")
        async with database.organisation(org) as tx:
            await store.delete(tx, "a")
    limited = vault.admin.auth.token.create(policies=["default"])["auth"]["client_token"]
    async with opened(vault.settings(vault_token=limited), database) as store:
        (duty,) = store.duties()
        with pytest.raises(SecretBackendUnavailable):
            async with database.system() as tx:
                await duty.perform(tx)
        assert await read(database, store, org, "a") is None
    async with database.organisation(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM secret_disposals WHERE org_id = $1") == 1
        await tx.execute("DELETE FROM secret_disposals WHERE org_id = $1")


async def test_a_role_with_the_documented_policy_is_enough(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(**vault.role("enough")), database) as store:
        await put(database, store, org, "a", "one")
        await put(database, store, org, "a", "two")
        assert await read(database, store, org, "a") == {"value": "two"}
        async with database.organisation(org) as tx:
            await store.delete(tx, "a")
        (duty,) = store.duties()
        async with database.system() as tx:
            await duty.perform(tx)
        assert await read(database, store, org, "a") is None


async def test_a_token_that_somebody_revokes_is_replaced(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(**vault.role("revoked")), database) as store:
        await put(database, store, org, "a", "one")
        for accessor in vault.tokens("revoked"):
            vault.admin.auth.token.revoke_accessor(accessor)

        assert await read(database, store, org, "a") == {"value": "one"}


async def test_a_token_that_ends_is_renewed_or_replaced_in_time(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(**vault.role("short", ttl="1s")), database) as store:
        await put(database, store, org, "a", "0")
        first = vault.tokens("short")
        while vault.tokens("short") == first:
            assert await read(database, store, org, "a") == {"value": "0"}


async def test_what_the_policy_forbids_is_told_without_the_value(
    database: Database, vault: Vault, org: str
) -> None:
    limited = vault.admin.auth.token.create(policies=["default"])["auth"]["client_token"]
    async with opened(vault.settings(vault_token=limited), database) as store:
        with pytest.raises(SecretBackendUnavailable, match="refuses what Tieline asks") as caught:
            await put(database, store, org, "a", "hush-hush")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hush-hush" not in caught.value.message


async def test_credentials_that_the_vault_does_not_know_stop_the_start(
    database: Database, vault: Vault
) -> None:
    for wrong in (
        {"vault_token": "wrong-token"},
        {"vault_role_id": "nobody", "vault_secret_id": "wrong-secret"},
    ):
        with pytest.raises(InvalidSettings, match="refuses Tieline's credentials") as caught:
            await open_secret_store(vault.settings(**wrong), database)
        assert "wrong" not in caught.value.message


async def test_another_mount_is_named_as_the_fault(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(vault_mount="nowhere"), database) as store:
        for call in (read(database, store, org, "a"), put(database, store, org, "a", "x")):
            with pytest.raises(SecretBackendUnavailable, match="TIELINE_VAULT_MOUNT"):
                await call


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of somebody who takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_vault_that_does_not_answer_is_unavailable_and_no_reason_not_to_start(
    database: Database, vault: Vault, org: str, deaf: str
) -> None:
    for url in ("http://127.0.0.1:1", deaf):
        settings = vault.settings(vault_url=url, vault_timeout_seconds="0.2")
        async with opened(settings, database) as store:
            with pytest.raises(SecretBackendUnavailable, match="does not answer"):
                await read(database, store, org, "a")


async def test_a_sealed_vault_says_so(database: Database, tmp_path: Path, org: str) -> None:
    own = start_vault(tmp_path)
    try:
        async with opened(own.settings(), database) as store:
            own.admin.sys.seal()
            with pytest.raises(SecretBackendUnavailable, match="sealed or starting"):
                await read(database, store, org, "a")
    finally:
        own.stop()


async def test_a_token_file_that_is_gone_is_no_token(
    database: Database, vault: Vault, org: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(ROOT_TOKEN)
    async with opened(vault.settings(vault_token_file=str(file)), database) as store:
        await put(database, store, org, "a", "one")
        file.unlink()
        with pytest.raises(SecretBackendUnavailable) as caught:
            await read(database, store, org, "a")
    assert str(file) not in caught.value.message


async def test_the_status_says_whether_the_vault_answers_and_what_it_still_holds(
    database: Database, vault: Vault, org: str
) -> None:
    async with opened(vault.settings(), database) as store:
        await put(database, store, org, "a", "one")
        before = await examine_vault(vault.settings(), database)
        async with database.organisation(org) as tx:
            await store.delete(tx, "a")
        after = await examine_vault(vault.settings(), database)
        (duty,) = store.duties()
        async with database.system() as tx:
            await duty.perform(tx)

    assert (after.url, after.below, after.answers) == (vault.url, "secret/data/tieline/", True)
    assert after.waiting == before.waiting + 1
    nowhere = await examine_vault(vault.settings(vault_url="http://127.0.0.1:1"), database)
    assert not nowhere.answers
