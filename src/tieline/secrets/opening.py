"""Opens the store of secrets that the settings name."""

from __future__ import annotations

from tieline.database import Database
from tieline.kit.time import Clock, utc_now
from tieline.secrets import repository
from tieline.secrets.errors import DataKeyUnreadable, MasterKeyMissing, WrongMasterKey
from tieline.secrets.keyring import Keyring
from tieline.secrets.master_key import MasterKey, default_file, find_master_key, make_key_file
from tieline.secrets.models import WrappedKey
from tieline.secrets.paths import VaultPaths
from tieline.secrets.store import SecretStore
from tieline.secrets.table_store import TableSecretStore
from tieline.secrets.vault_access import vault_access
from tieline.secrets.vault_client import VaultClient
from tieline.secrets.vault_store import VaultSecretStore
from tieline.settings import Settings


async def open_secret_store(
    settings: Settings, database: Database, clock: Clock = utc_now
) -> SecretStore:
    """The store of secrets, which the caller closes.

    Raises `WrongMasterKey`, `MasterKeyMissing`, `InvalidMasterKey` and, for a vault that refuses
    the credentials it is given, `InvalidSettings`. A vault that merely does not answer is tried
    again with each secret.
    """
    paths = VaultPaths(settings.vault_mount, settings.vault_prefix)
    if not settings.secrets_in_vault:
        return TableSecretStore(await open_keyring(settings, database, clock), paths, clock)
    client = VaultClient(vault_access(settings))
    await client.check()
    return VaultSecretStore(client, paths, sweep_seconds=settings.sweep_seconds, clock=clock)


async def open_keyring(settings: Settings, database: Database, clock: Clock = utc_now) -> Keyring:
    """All data keys, opened with the master key; makes what is missing the first time.

    Raises `WrongMasterKey`, `MasterKeyMissing` and `InvalidMasterKey`; nothing is changed then.
    """
    async with database.system() as tx:
        # Of processes that start together the first makes the keys.
        await repository.lock_keys(tx)
        stored = await repository.wrapped_keys(tx)
        master = find_master_key(settings)
        if master is None:
            if stored:
                raise MasterKeyMissing(_missing(settings))
            master = make_key_file(default_file(settings))
        keyring = Keyring(master.key)
        _require_all(keyring, stored, master)
        if not stored:
            await repository.insert_key(tx, keyring.new_key(1), clock())
    return keyring


def _require_all(keyring: Keyring, stored: list[WrappedKey], master: MasterKey) -> None:
    try:
        for key in stored:
            keyring.data_key(key)
    except DataKeyUnreadable:
        raise WrongMasterKey(
            f"The master key in {master.origin} is not the one with which the secrets in the "
            "database were sealed. Give that one in TIELINE_MASTER_KEY_FILE or TIELINE_MASTER_KEY; "
            "`tieline secrets rotate --new-master-key-file` is the way to another. "
            "Nothing was changed."
        ) from None


def _missing(settings: Settings) -> str:
    return (
        "The database holds sealed secrets, but there is no master key: neither "
        f"TIELINE_MASTER_KEY nor TIELINE_MASTER_KEY_FILE is set, and {default_file(settings)} does "
        "not exist. Restore that file from a backup, or give the key with which they were sealed."
    )
