"""Writes calls into the access log."""

from __future__ import annotations

import contextlib
from datetime import datetime

from starlette.types import Scope

from tieline.http import metrics
from tieline.http.auth import bearer_key, client_address
from tieline.identity.models import Principal
from tieline.identity.service import IdentityService
from tieline.kit.errors import TielineError
from tieline.monitoring.access_log import AccessLog
from tieline.monitoring.access_models import AccessEntry
from tieline.monitoring.text import storable

_LONGEST_PATH = 2_000
_LONGEST_WORD = 255


class AccessRecorder:
    """Notes who made a call of an API and how it ended, but nothing that could be a secret.

    Calls without a valid key belong to nobody who could read about them; metrics count them.
    """

    def __init__(self, access_log: AccessLog, identity: IdentityService) -> None:
        self._access_log = access_log
        self._identity = identity

    async def record(
        self, scope: Scope, path: str, at: datetime, status: int, seconds: float, length: int
    ) -> None:
        """Note a call that was just answered."""
        service = metrics.surface_of(path)
        if service == metrics.OTHER:
            return
        caller = scope["state"].get("principal") or await self._caller(scope, status)
        if caller is None:
            return
        self._access_log.record(
            AccessEntry(
                caller.org_id,
                caller.id,
                at,
                scope["tieline.request_id"],
                service,
                scope["method"][:_LONGEST_WORD],
                storable(path[:_LONGEST_PATH]),
                status,
                round(seconds * 1000),
                length,
                _origin(scope),
                client_address(scope),
            )
        )

    async def _caller(self, scope: Scope, status: int) -> Principal | None:
        """Whose key came with a call that was refused before anybody looked at the key."""
        if status in (401, 429):
            return None
        for name, value in scope["headers"]:
            if name == b"authorization" and (key := bearer_key(value.decode("latin-1"))):
                with contextlib.suppress(TielineError):
                    return await self._identity.authenticate(key, client_address(scope))
        return None


def _origin(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"origin":
            return storable(value.decode("latin-1")[:_LONGEST_WORD])
    return None
