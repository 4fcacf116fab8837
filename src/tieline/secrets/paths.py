"""Paths of secrets, and the fence around those of each organisation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tieline.secrets.errors import InvalidVaultPath

_LONGEST = 512
# No percent sign and nothing else that some layer on the way to a vault could take for another
# path; `.` and `..` are refused beside this.
_SEGMENT = re.compile(r"[A-Za-z0-9_.~@=-]{1,128}")


@dataclass(frozen=True)
class VaultPaths:
    """Paths as a vault knows them: `<mount>/data/<prefix>/<organisation>/<path>`.

    Records carry such a path as their `vault_path`; it means the same with either back-end. The
    store itself takes the part after the organisation.
    """

    mount: str = "secret"
    prefix: str = "tieline"

    def vault_path(self, org_id: str, path: str) -> str:
        """The whole path of an organisation's secret. Raises `InvalidVaultPath`."""
        return f"{self._root(org_id)}{checked_path(path)}"

    def relative_path(self, org_id: str, vault_path: str) -> str:
        """The path below the organisation's own prefix.

        Raises `InvalidVaultPath` for whatever lies outside of it, in another mount or with another
        organisation, and for paths that are written so that they could lead there.
        """
        root = self._root(org_id)
        if not vault_path.startswith(root):
            raise InvalidVaultPath(f"vault_path: must begin with {root} and name a secret below.")
        return checked_path(vault_path.removeprefix(root))

    def kv_path(self, org_id: str, path: str) -> str:
        """What a KV client calls the path: without the mount and the word `data`."""
        return self.vault_path(org_id, path).removeprefix(f"{self.mount}/data/")

    def _root(self, org_id: str) -> str:
        return f"{self.mount}/data/{self.prefix}/{org_id}/"


def checked_path(path: str) -> str:
    """A relative path that leads nowhere else. Raises `InvalidVaultPath`."""
    segments = path.split("/")
    plain = all(_SEGMENT.fullmatch(part) and part not in (".", "..") for part in segments)
    if not plain or len(path) > _LONGEST:
        raise InvalidVaultPath
    return path
