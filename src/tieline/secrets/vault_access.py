"""How Tieline reaches a vault and shows who it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hvac.exceptions import VaultError

from tieline.settings import InvalidSettings, Settings

Calls = Any  # hvac's client, whose package has no types worth the name
Monotonic = Callable[[], float]

_RENEW_AFTER = 2 / 3  # of a token's lifetime


class VaultLogin(Protocol):
    """A way to get a token."""

    def token(self, calls: Calls) -> str:
        """The token to use now. Raises `VaultError` when the vault gives none."""

    def refused(self) -> bool:
        """The vault refused the token; whether `token` may give another one now."""


@dataclass
class GivenToken:
    """A token that somebody else gave, and keeps alive."""

    text: str = field(repr=False)

    def token(self, calls: Calls) -> str:
        """The token."""
        return self.text

    def refused(self) -> bool:
        """There is no other."""
        return False


@dataclass
class TokenFile:
    """A token in a file, which an agent rewrites when the token changes."""

    path: Path

    def token(self, calls: Calls) -> str:
        """What the file holds at present."""
        return secret_from(self.path, "TIELINE_VAULT_TOKEN_FILE")

    def refused(self) -> bool:
        """The file may hold a newer one."""
        return True


class AppRole:
    """A role with a secret of its own: logs in, renews its token in time, logs in again."""

    def __init__(
        self,
        role_id: str,
        secret_id: Callable[[], str],
        mount: str,
        clock: Monotonic = time.monotonic,
    ) -> None:
        self._role_id = role_id
        self._secret_id = secret_id
        self._mount = mount
        self._clock = clock
        self._token: str | None = None
        self._lifetime = 0.0  # seconds; 0 is for ever
        self._renew_at = 0.0

    def token(self, calls: Calls) -> str:
        """The present token, renewed or replaced when it is due. Raises `VaultError`."""
        if self._token is None:
            return self._log_in(calls)
        if self._lifetime and self._clock() >= self._renew_at:
            return self._renew(calls, self._token)
        return self._token

    def refused(self) -> bool:
        """Somebody may have revoked the token; another one can be had."""
        self._token = None
        return True

    def _log_in(self, calls: Calls) -> str:
        calls.token = ""
        answer = calls.auth.approle.login(
            self._role_id, self._secret_id(), use_token=False, mount_point=self._mount
        )
        self._lifetime = float(answer["auth"]["lease_duration"])
        return self._keep(answer["auth"])

    def _renew(self, calls: Calls, token: str) -> str:
        calls.token = token
        try:
            auth = calls.auth.token.renew_self()["auth"]
        except VaultError:
            return self._log_in(calls)
        # Towards its greatest age a token is given ever less time.
        if auth["lease_duration"] < self._lifetime / 2:
            return self._log_in(calls)
        return self._keep(auth)

    def _keep(self, auth: dict[str, Any]) -> str:
        token: str = auth["client_token"]
        self._token = token
        self._renew_at = self._clock() + auth["lease_duration"] * _RENEW_AFTER
        return token


@dataclass(frozen=True)
class VaultAccess:
    """Where a vault is, and how Tieline shows who it is; `timeout` is in seconds."""

    url: str
    login: VaultLogin = field(repr=False)
    namespace: str | None = None
    ca_file: Path | None = None
    timeout: float = 5.0


def vault_access(settings: Settings) -> VaultAccess:
    """What the settings say of the vault. Raises `InvalidSettings` when it is not enough."""
    if settings.vault_url is None:
        raise InvalidSettings("TIELINE_VAULT_URL: name the address of the vault.")
    return VaultAccess(
        settings.vault_url,
        _login(settings),
        settings.vault_namespace,
        settings.vault_ca_file,
        settings.vault_timeout_seconds,
    )


def _login(settings: Settings) -> VaultLogin:
    ways: list[VaultLogin] = []
    if settings.vault_token is not None:
        ways.append(GivenToken(settings.vault_token.get_secret_value()))
    if settings.vault_token_file is not None:
        secret_from(settings.vault_token_file, "TIELINE_VAULT_TOKEN_FILE")
        ways.append(TokenFile(settings.vault_token_file))
    if settings.vault_role_id is not None:
        ways.append(
            AppRole(settings.vault_role_id, _secret_id(settings), settings.vault_approle_mount)
        )
    if len(ways) != 1:
        raise InvalidSettings(
            "TIELINE_VAULT_TOKEN, TIELINE_VAULT_TOKEN_FILE, TIELINE_VAULT_ROLE_ID: set one of "
            "them, to say how Tieline shows the vault who it is."
        )
    return ways[0]


def _secret_id(settings: Settings) -> Callable[[], str]:
    given, file = settings.vault_secret_id, settings.vault_secret_id_file
    if given is not None and file is None:
        return given.get_secret_value
    if file is not None and given is None:
        secret_from(file, "TIELINE_VAULT_SECRET_ID_FILE")
        return lambda: secret_from(file, "TIELINE_VAULT_SECRET_ID_FILE")
    raise InvalidSettings(
        "TIELINE_VAULT_SECRET_ID, TIELINE_VAULT_SECRET_ID_FILE: set one of them beside "
        "TIELINE_VAULT_ROLE_ID."
    )


def secret_from(path: Path, setting: str) -> str:
    """What a file holds, without the space around it. Raises `InvalidSettings`."""
    try:
        text = path.read_text("ascii").strip()
    except OSError as error:
        raise InvalidSettings(f"{setting}: {path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text:
        raise InvalidSettings(f"{setting}: {path} holds no credential.")
    return text
