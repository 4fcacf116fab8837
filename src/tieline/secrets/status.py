"""How secrets are kept, for somebody who wants to know; it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.database import Database
from tieline.secrets import disposal_repository, repository
from tieline.secrets.errors import DataKeyUnreadable
from tieline.secrets.keyring import Keyring
from tieline.secrets.master_key import find_master_key
from tieline.secrets.models import KeyUse
from tieline.secrets.sealing import SealingKey
from tieline.secrets.vault_access import vault_access
from tieline.secrets.vault_client import VaultClient
from tieline.settings import Settings


@dataclass(frozen=True)
class TableStatus:
    """Secrets in the database. `master_key` says where the key is, None that there is none yet."""

    keys: list[KeyUse]
    master_key: str | None
    master_key_fits: bool


@dataclass(frozen=True)
class VaultStatus:
    """Secrets in a vault; `waiting` are deleted and not yet removed from it."""

    url: str
    below: str
    answers: bool
    waiting: int


async def examine_table(settings: Settings, database: Database) -> TableStatus:
    """Which keys there are, and whether the master key opens them. Raises `InvalidMasterKey`."""
    async with database.system() as tx:
        uses = await repository.key_uses(tx)
    master = find_master_key(settings)
    fits = master is not None and await opens_all(database, master.key)
    return TableStatus(uses, master.origin if master else None, fits or not uses)


async def examine_vault(settings: Settings, database: Database) -> VaultStatus:
    """Whether the vault answers. Raises `InvalidSettings` when it refuses the credentials."""
    access = vault_access(settings)
    client = VaultClient(access)
    try:
        answers = await client.check()
    finally:
        await client.close()
    async with database.system() as tx:
        waiting = await disposal_repository.count(tx)
    below = f"{settings.vault_mount}/data/{settings.vault_prefix}/"
    return VaultStatus(access.url, below, answers, waiting)


async def opens_all(database: Database, master: SealingKey) -> bool:
    """Whether there are data keys and this master key opens all of them."""
    async with database.system() as tx:
        stored = await repository.wrapped_keys(tx)
    keyring = Keyring(master)
    try:
        return bool([keyring.data_key(key) for key in stored])
    except DataKeyUnreadable:
        return False
