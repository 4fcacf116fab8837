"""The back-end without anything else to run: sealed values in a table of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieline.database import OrgTransaction, Transaction
from tieline.kit import json
from tieline.kit.time import Clock, utc_now
from tieline.runtime.periodic import Duty
from tieline.secrets import repository
from tieline.secrets.errors import DataKeyUnreadable, SecretUnreadable
from tieline.secrets.keyring import Keyring
from tieline.secrets.material import SecretValues
from tieline.secrets.models import SealedSecret
from tieline.secrets.paths import VaultPaths, checked_path
from tieline.secrets.sealing import CannotOpen, DataKey


class TableSecretStore:
    """Secrets beside the rows that they belong to: both change in the same transaction."""

    def __init__(self, keyring: Keyring, paths: VaultPaths, clock: Clock = utc_now) -> None:
        self._keyring = keyring
        self._paths = paths
        self._clock = clock

    @property
    def paths(self) -> VaultPaths:
        """How `vault_path` belongs to the paths here."""
        return self._paths

    async def read(self, tx: OrgTransaction, path: str) -> SecretValues | None:
        """The values at a path, or None when there are none. Raises `SecretUnreadable`."""
        return (await self.read_many(tx, [path])).get(path)

    async def read_many(self, tx: OrgTransaction, paths: Sequence[str]) -> dict[str, SecretValues]:
        """The values at each of some paths, in one read. Raises `SecretUnreadable`."""
        found = await repository.read(tx, [checked_path(path) for path in paths])
        return {
            secret.path: SecretValues(json.loads(opened(self._keyring.data_key(key), secret)))
            for secret, key in found
        }

    async def write(self, tx: OrgTransaction, path: str, values: Mapping[str, str]) -> None:
        """Seal values with the newest data key and store them in place of what is there."""
        newest = await repository.newest_key(Transaction(tx.connection))
        if newest is None:  # only when somebody has emptied the table by hand
            raise DataKeyUnreadable("There is no data key. Restart the process to make one.")
        plain = json.dumps(dict(values))
        secret = sealed(self._keyring.data_key(newest), tx.org_id, checked_path(path), plain)
        await repository.write(tx, secret, self._clock())

    async def delete(self, tx: OrgTransaction, path: str) -> None:
        """Remove what is at a path, if anything is."""
        await repository.delete(tx, checked_path(path))

    def duties(self) -> Sequence[Duty]:
        """None: a transaction does all."""
        return []

    async def close(self) -> None:
        """Nothing is held."""


def sealed(data_key: DataKey, org_id: str, path: str, plain: bytes) -> SealedSecret:
    """What an organisation keeps at a path, as it is stored."""
    return SealedSecret(org_id, path, data_key.version, *data_key.seal(org_id, path, plain))


def opened(data_key: DataKey, secret: SealedSecret) -> bytes:
    """What a stored secret holds. Raises `SecretUnreadable`, which names where it is stored."""
    try:
        return data_key.open(secret.org_id, secret.path, secret.nonce, secret.sealed)
    except CannotOpen:
        raise SecretUnreadable(
            f"The secret {secret.path} is damaged, or was put there by somebody else. "
            "Set its value again."
        ) from None
