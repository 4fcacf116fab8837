"""Calls of a vault with a KV engine of version 2, without holding up anything else.

The client library waits for its answers, so its calls run in threads of their own: a vault that
hangs must not take those that others need. The address is the operator's, like the database's, and
no tenant can influence it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import hvac
import structlog
from hvac import exceptions
from requests import RequestException

from tieline.kit import json
from tieline.secrets.errors import SecretBackendUnavailable
from tieline.secrets.material import SecretValues
from tieline.secrets.vault_access import VaultAccess
from tieline.settings import InvalidSettings

T = TypeVar("T")

_THREADS = 8

log = structlog.get_logger(__name__)


class VaultClient:
    """Reads, writes and deletes secrets. Raises `SecretBackendUnavailable` when it cannot."""

    def __init__(self, access: VaultAccess) -> None:
        self._access = access
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vault")
        self._login = threading.Lock()
        # An empty token, and nothing from the environment: only the settings say who Tieline is.
        self._calls: Any = hvac.Client(
            url=access.url,
            token="",
            namespace=access.namespace,
            timeout=access.timeout,
            verify=str(access.ca_file) if access.ca_file else True,
        )
        self._calls.session.trust_env = False

    async def check(self) -> bool:
        """Show the vault who Tieline is; whether it answers.

        Raises `InvalidSettings` when it is refused; that a vault does not answer is only logged.
        """
        try:
            await self._call(self._calls.auth.token.lookup_self, "who Tieline is")
        except _Refused:
            raise InvalidSettings(
                "The vault at TIELINE_VAULT_URL refuses Tieline's credentials. Correct "
                "TIELINE_VAULT_TOKEN, TIELINE_VAULT_TOKEN_FILE or TIELINE_VAULT_ROLE_ID."
            ) from None
        except SecretBackendUnavailable as error:
            log.warning("vault.unavailable", reason=error.message)
            return False
        return True

    async def read(self, mount: str, path: str) -> SecretValues | None:
        """What is at a path; what somebody stored there that is no text becomes JSON text."""

        def read() -> SecretValues | None:
            try:
                answer = self._calls.secrets.kv.v2.read_secret_version(
                    path, mount_point=mount, raise_on_deleted_version=True
                )
            except exceptions.InvalidPath as error:
                if error.errors:  # it is not the secret that is missing
                    raise
                return None
            return SecretValues(
                (name, value if isinstance(value, str) else json.dumps_str(value))
                for name, value in answer["data"]["data"].items()
            )

        return await self._call(read, path)

    async def write(self, mount: str, path: str, values: Mapping[str, str]) -> None:
        """Put values at a path, as a new version."""

        def write() -> None:
            self._calls.secrets.kv.v2.create_or_update_secret(path, dict(values), mount_point=mount)

        await self._call(write, path)

    async def delete(self, mount: str, path: str) -> None:
        """Remove a path with all its versions; it need not be there."""

        def delete() -> None:
            self._calls.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point=mount)

        await self._call(delete, path)

    async def close(self) -> None:
        """Let go of threads and connections; does not wait for a vault that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._calls.session.close()

    async def _call(self, call: Callable[[], T], subject: str) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._authorised, call, subject)

    def _authorised(self, call: Callable[[], T], subject: str) -> T:
        try:
            self._show_token()
            try:
                return call()
            except exceptions.Forbidden:
                if not self._access.login.refused():
                    raise
            self._show_token()
            return call()
        except InvalidSettings as error:  # a file with a credential is gone
            log.warning("vault.failed", about=subject, reason=error.message)
            raise SecretBackendUnavailable from None
        except (exceptions.VaultError, RequestException) as error:
            # Not as its cause: what it holds of the request is nobody's business.
            log.warning("vault.failed", about=subject, reason=_reason(error))
            raise _in_words(error) from None

    def _show_token(self) -> None:
        with self._login:
            self._calls.token = self._access.login.token(self._calls)


class _Refused(SecretBackendUnavailable):
    """The vault refuses what Tieline asks. Let its policy allow it; docs/secrets.md shows it."""


def _in_words(error: Exception) -> SecretBackendUnavailable:
    match error:
        case exceptions.Forbidden() | exceptions.InvalidRequest() | exceptions.Unauthorized():
            return _Refused()
        case exceptions.InvalidPath():
            return SecretBackendUnavailable(
                "The vault has no KV engine of version 2 where Tieline looks for it. "
                "Correct TIELINE_VAULT_MOUNT."
            )
        case exceptions.VaultDown():
            return SecretBackendUnavailable("The vault is sealed or starting. Try again later.")
        case _:
            return SecretBackendUnavailable()


def _reason(error: Exception) -> str:
    """What the operator reads; the vault's own words name paths and rules, never values."""
    if isinstance(error, exceptions.VaultError):
        return "; ".join(map(str, error.errors or [])) or type(error).__name__
    return type(error).__name__
