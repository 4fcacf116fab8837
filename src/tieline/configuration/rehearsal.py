"""A store of secrets that can be told to forget what it is given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from tieline.database import OrgTransaction
from tieline.runtime.periodic import Duty
from tieline.secrets.material import SecretValues
from tieline.secrets.paths import VaultPaths
from tieline.secrets.store import SecretStore


class RehearsingSecretStore:
    """A store which, during a rehearsal, only looks as if it stored and deleted.

    What is written to a vault stays there when the transaction is undone; a plan must not do that.
    """

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self._rehearsing = False

    @contextlib.contextmanager
    def rehearsal(self) -> Iterator[None]:
        """From now on to the end nothing is written."""
        self._rehearsing = True
        try:
            yield
        finally:
            self._rehearsing = False

    @property
    def paths(self) -> VaultPaths:
        """Those of the store itself."""
        return self._store.paths

    async def read(self, tx: OrgTransaction, path: str) -> SecretValues | None:
        """The values at a path, or None when there are none."""
        return await self._store.read(tx, path)

    async def read_many(self, tx: OrgTransaction, paths: Sequence[str]) -> dict[str, SecretValues]:
        """The values at each of some paths; a path without any is absent."""
        return await self._store.read_many(tx, paths)

    async def write(self, tx: OrgTransaction, path: str, values: Mapping[str, str]) -> None:
        """Put these values at a path, unless this is a rehearsal."""
        if not self._rehearsing:
            await self._store.write(tx, path, values)

    async def delete(self, tx: OrgTransaction, path: str) -> None:
        """Remove what is at a path, unless this is a rehearsal."""
        if not self._rehearsing:
            await self._store.delete(tx, path)

    def duties(self) -> Sequence[Duty]:
        """Those of the store itself."""
        return self._store.duties()

    async def close(self) -> None:
        """Close the store itself."""
        await self._store.close()
