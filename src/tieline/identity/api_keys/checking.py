"""Says on each request whose key it is. A checked key is remembered until something changes."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tieline.database import Database
from tieline.identity.api_keys import repository
from tieline.identity.api_keys.repository import Credential
from tieline.identity.applications.errors import ApplicationSuspended
from tieline.identity.changes import Change
from tieline.identity.errors import InvalidApiKey
from tieline.identity.limits.logins import LoginThrottle
from tieline.identity.models import Principal
from tieline.identity.roles import scopes_of_roles
from tieline.identity.users.errors import UserDisabled
from tieline.kit.errors import TielineError
from tieline.kit.time import Clock

_CACHED_KEYS = 10_000
_CACHE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Known:
    """A key that exists: whose it is, or why it is refused."""

    until: float
    expires_at: datetime | None
    principal: Principal
    refusal: Callable[[], TielineError] | None


class KeyChecker:
    """The keys that this process has seen.

    `trusted` says whether changes of keys are heard of; while they are not nothing is remembered.
    """

    def __init__(
        self,
        database: Database,
        *,
        throttle: LoginThrottle,
        trusted: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._database = database
        self._throttle = throttle
        self._trusted = trusted
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._changes = 0

    def recall(self, key_hash: bytes) -> Principal | None:
        """The caller with this hash, if the key is remembered.

        Raises `InvalidApiKey` and `ApplicationSuspended` when it is remembered as refused.
        """
        known = self._known.get(key_hash)
        if known is None or time.monotonic() >= known.until:
            return None
        return self._usable(known)

    async def look_up(self, key_hash: bytes, address: str | None) -> Principal:
        """The caller with this hash, from the database; counts a failure of the address if none.

        Raises `InvalidApiKey` and `ApplicationSuspended`.
        """
        changes = self._changes
        async with self._database.system() as tx:
            found = await repository.find_credential(tx, key_hash)
        # The look-up has compared already, in a time that tells how much of a hash was right; what
        # decides is this comparison, which does not.
        if found is None or not hmac.compare_digest(found.key_hash, key_hash):
            self._known.pop(key_hash, None)
            self._throttle.failed(address)
            raise InvalidApiKey
        known = _Known(
            time.monotonic() + _CACHE_SECONDS, found.expires_at, _principal(found), _refusal(found)
        )
        # What was read before a revocation must not be remembered after it.
        if changes == self._changes and self._trusted():
            self._known[key_hash] = known
            if len(self._known) > _CACHED_KEYS:
                self._known.popitem(last=False)
        return self._usable(known)

    def forget(self, changed: Change | None) -> None:
        """Read again the key that has changed, or all keys of an organisation; all for None."""
        self._changes += 1
        if changed is None:
            self._known.clear()
            return
        stale = [
            each
            for each, known in self._known.items()
            if known.principal.org_id == changed.org_id
            and (not changed.is_of_a_key or known.principal.id == changed.id)
        ]
        for key_hash in stale:
            del self._known[key_hash]

    def _usable(self, known: _Known) -> Principal:
        if known.refusal is not None:
            raise known.refusal()
        if known.expires_at is not None and self._clock() >= known.expires_at:
            raise InvalidApiKey("The API key has expired. Use another one.")
        return known.principal


def _principal(found: Credential) -> Principal:
    return Principal(
        found.org_id,
        found.key_id,
        found.name,
        frozenset(found.scopes) | scopes_of_roles(found.roles),
        user_id=found.user_id,
        app_id=found.app_id,
        application_id=str(found.application_id) if found.application_id else None,
        roles=found.roles,
        rpm_limit=found.rpm_limit,
    )


def _refusal(found: Credential) -> Callable[[], TielineError] | None:
    if found.blocked:
        reason = f" ({found.blocked_reason})" if found.blocked_reason else ""
        message = f"The API key is blocked{reason}. Use another one, or ask who has blocked it."
        return lambda: InvalidApiKey(message)
    if found.user_is_disabled:
        return UserDisabled
    return None if found.application_may_act else ApplicationSuspended
