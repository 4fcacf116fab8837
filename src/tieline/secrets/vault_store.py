"""The back-end in a vault (OpenBao, or whatever else speaks its KV interface of version 2).

A vault knows nothing of the database's transactions. So a deletion is first a row, which commits
with the rest and hides the secret; then somebody removes it from the vault. A value is written to
the vault before the commit: should that fail, the vault has a value that no row names, or a newer
one than the answer said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tieline.database import OrgTransaction, Transaction
from tieline.kit.time import Clock, utc_now
from tieline.runtime.periodic import Duty
from tieline.secrets import disposal_repository as disposals
from tieline.secrets.material import SecretValues
from tieline.secrets.paths import VaultPaths, checked_path
from tieline.secrets.vault_client import VaultClient

_DISPOSED_AT_ONCE = 100


class VaultSecretStore:
    """Secrets in a vault, below a prefix for each organisation."""

    def __init__(
        self,
        client: VaultClient,
        paths: VaultPaths,
        *,
        sweep_seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        self._client = client
        self._paths = paths
        self._sweep_seconds = sweep_seconds
        self._clock = clock

    @property
    def paths(self) -> VaultPaths:
        """How `vault_path` belongs to the paths here."""
        return self._paths

    async def read(self, tx: OrgTransaction, path: str) -> SecretValues | None:
        """The values at a path, or None when there are none."""
        return (await self.read_many(tx, [path])).get(path)

    async def read_many(self, tx: OrgTransaction, paths: Sequence[str]) -> dict[str, SecretValues]:
        """The values at each of some paths, all asked for at the same time."""
        wanted = list(dict.fromkeys(checked_path(path) for path in paths))
        gone = await disposals.disposed(tx, wanted)
        kept = [path for path in wanted if path not in gone]
        answers = await asyncio.gather(
            *(self._client.read(self._paths.mount, self._kv_path(tx, path)) for path in kept)
        )
        found = zip(kept, answers, strict=True)
        return {path: values for path, values in found if values is not None}

    async def write(self, tx: OrgTransaction, path: str, values: Mapping[str, str]) -> None:
        """Put values into the vault, at once."""
        kv_path = self._kv_path(tx, path)
        # Waits for whoever is removing what was there before.
        await disposals.cancel(tx, path)
        await self._client.write(self._paths.mount, kv_path, values)

    async def delete(self, tx: OrgTransaction, path: str) -> None:
        """Hide what is at a path from now on; soon after the commit it is gone."""
        await disposals.dispose(tx, checked_path(path), self._clock())

    def duties(self) -> Sequence[Duty]:
        """Remove from the vault what was deleted."""
        return [Duty("secrets.disposals", self._sweep_seconds, self.remove_deleted)]

    async def remove_deleted(self, tx: Transaction) -> None:
        """Remove some of what was deleted; if it cannot be, it stays hidden and is tried again."""
        for org_id, path in await disposals.take(tx, _DISPOSED_AT_ONCE):
            await self._client.delete(self._paths.mount, self._paths.kv_path(org_id, path))

    async def close(self) -> None:
        """Let go of connections and threads."""
        await self._client.close()

    def _kv_path(self, tx: OrgTransaction, path: str) -> str:
        return self._paths.kv_path(tx.org_id, path)
