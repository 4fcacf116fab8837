"""Where secrets are kept: one interface, whatever is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tieline.database import OrgTransaction
from tieline.runtime.periodic import Duty
from tieline.secrets.material import SecretValues
from tieline.secrets.paths import VaultPaths

# Whose secrets are those of the installation itself. No tenant's id begins with a tilde.
SYSTEM_ORGANISATION = "~tieline"


class SecretStore(Protocol):
    """Secrets of organisations, each a set of named texts under a path of its own.

    Paths are relative to the organisation of the transaction: `environments/smtp-password`. They
    are checked; `InvalidVaultPath` is raised for one that could lead elsewhere. Every method raises
    `SecretBackendUnavailable` when the place where secrets are kept does not answer.
    """

    @property
    def paths(self) -> VaultPaths:
        """How the paths that records carry (`vault_path`) belong to those of this store."""

    async def read(self, tx: OrgTransaction, path: str) -> SecretValues | None:
        """The values at a path, or None when there are none.

        Raises `SecretUnreadable` when what is stored there was not stored there by Tieline.
        """

    async def read_many(self, tx: OrgTransaction, paths: Sequence[str]) -> dict[str, SecretValues]:
        """The values at each of some paths; a path without any is absent."""

    async def write(self, tx: OrgTransaction, path: str, values: Mapping[str, str]) -> None:
        """Put these values at a path, in place of all that are there."""

    async def delete(self, tx: OrgTransaction, path: str) -> None:
        """Remove what is at a path, if anything is; it happens if the transaction commits."""

    def duties(self) -> Sequence[Duty]:
        """What somebody must do from time to time so that the store stays tidy."""

    async def close(self) -> None:
        """Let go of connections and threads."""
