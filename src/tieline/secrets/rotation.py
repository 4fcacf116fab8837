"""New keys for secrets that exist, while everybody goes on using them.

A new data key is one row; from its commit on, writers take it. Then what older keys seal is sealed
anew in batches, each in a transaction of its own, and keys that seal nothing any more are deleted.
A writer who began before holds its key with a lock until it ends, so that nothing can be sealed
with a key that is gone. Whatever is interrupted is finished by the next rotation.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tieline.audit.recording import record
from tieline.database import Database, OrgTransaction, Transaction
from tieline.kit.time import Clock, utc_now
from tieline.secrets import repository
from tieline.secrets.errors import SecretUnreadable
from tieline.secrets.keyring import Keyring
from tieline.secrets.models import SealedSecret
from tieline.secrets.sealing import DataKey, SealingKey
from tieline.secrets.store import SYSTEM_ORGANISATION
from tieline.secrets.table_store import opened, sealed

BATCH = 200
_SECONDS_BETWEEN_ATTEMPTS = 0.05


@dataclass(frozen=True)
class Rotation:
    """What a rotation did; `unreadable` names secrets as `<organisation>/<path>`."""

    version: int
    resealed: int
    deleted_versions: list[int]
    unreadable: list[str]


class KeyRotation:
    """Rotates the keys of one installation."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock = utc_now) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def rotate(self) -> Rotation:
        """A new data key for everything.

        Secrets that do not open stay as they are, with their key, and are named in the result.
        """
        newest = await self._new_key()
        resealed, deleted = 0, list[int]()
        while True:
            moved, unreadable = await self._reseal(newest)
            resealed += moved
            async with self._database.system() as tx:
                older = await repository.lock_older_keys(tx, newest.version)
                deleted += await repository.delete_unused_keys(tx, older)
                left = await repository.count_older(tx, newest.version)
            if left <= len(unreadable):
                return Rotation(newest.version, resealed, deleted, unreadable)
            # The rest was locked by writers, who take a moment.
            await asyncio.sleep(_SECONDS_BETWEEN_ATTEMPTS)

    async def replace_master_key(self, master: SealingKey) -> int:
        """Wrap all data keys with another master key, all or none; how many there are."""
        async with self._database.system() as tx:
            await repository.lock_keys(tx)
            stored = await repository.wrapped_keys(tx)
            rewrapped = [self._keyring.rewrapped(key, master) for key in stored]
            await repository.replace_wrapping(tx, rewrapped)
            await _record(tx, "master_key.replaced", {"data_keys": len(stored)})
        return len(stored)

    async def _new_key(self) -> DataKey:
        async with self._database.system() as tx:
            await repository.lock_keys(tx)
            stored = await repository.wrapped_keys(tx)
            version = max((key.version for key in stored), default=0) + 1
            new = self._keyring.new_key(version)
            await repository.insert_key(tx, new, self._clock())
            await _record(tx, "data_key.created", {"version": version})
        return self._keyring.data_key(new)

    async def _reseal(self, newest: DataKey) -> tuple[int, list[str]]:
        """Walk once through all that older keys seal: how many were moved, which do not open."""
        moved, unreadable, place = 0, list[str](), ("", "")
        while True:
            async with self._database.system() as tx:
                batch = await repository.take_older(tx, newest.version, place, BATCH)
                stored = await repository.wrapped_keys(tx)
                older = {key.version: self._keyring.data_key(key) for key in stored}
                anew, damaged = _resealed(batch, older, newest)
                await repository.reseal(tx, anew)
            moved += len(anew)
            unreadable += damaged
            if not batch:
                return moved, unreadable
            place = (batch[-1].org_id, batch[-1].path)


async def _record(tx: Transaction, action: str, after: dict[str, int]) -> None:
    installation = OrgTransaction(tx.connection, SYSTEM_ORGANISATION)
    await record(installation, action, "secret_keys", "secret_keys", after=after)


def _resealed(
    batch: list[SealedSecret], older: dict[int, DataKey], newest: DataKey
) -> tuple[list[SealedSecret], list[str]]:
    """The secrets under the newest key, and the names of those that do not open."""
    anew, damaged = [], []
    for secret in batch:
        try:
            plain = opened(older[secret.key_version], secret)
        except SecretUnreadable:
            damaged.append(f"{secret.org_id}/{secret.path}")
        else:
            anew.append(sealed(newest, secret.org_id, secret.path, plain))
    return anew, damaged
