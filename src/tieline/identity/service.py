"""Create, list, revoke and check API keys."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from tieline.database import Database, Transaction
from tieline.database.notifications import ChangeListener
from tieline.identity import keys, repository
from tieline.identity.errors import (
    ApiKeyNotFound,
    InvalidApiKey,
    InvalidKeyName,
    InvalidOrganisation,
    UnknownScope,
)
from tieline.identity.models import EVERYTHING, ApiKey, KeyKind, Principal, Scope
from tieline.kit.ids import new_ulid
from tieline.kit.time import Clock, utc_now

DEFAULT_ORGANISATION = "default"
_CACHED_KEYS = 10_000
_LONGEST_NAME = 100
_CACHE_SECONDS = 60.0
_ORGANISATION = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}")


class IdentityService:
    """Keys of all organisations. A checked key is remembered until it is revoked anywhere."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, datetime | None, Principal]] = OrderedDict()
        self._changes = 0
        self._listener = ChangeListener(database, repository.CHANGED_CHANNEL, self._forget)

    async def create_first_key(self) -> str | None:
        """A key with all scopes for the default organisation, unless any key exists already."""
        # In one transaction under a lock: of processes that start together one makes the key.
        async with self._database.request() as tx:
            await repository.lock_first_key(tx)
            if await repository.any_key_exists(tx):
                return None
            _, text = await self.create_key(DEFAULT_ORGANISATION, name="first admin key")
        return text

    async def create_key(
        self,
        org_id: str,
        *,
        name: str,
        kind: KeyKind = KeyKind.SERVICE,
        scopes: Iterable[str] = (EVERYTHING,),
        lifetime: timedelta | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which cannot be read again; creates the organisation if new.

        Raises `InvalidOrganisation`, `InvalidKeyName` and `UnknownScope`.
        """
        if not _ORGANISATION.fullmatch(org_id):
            raise InvalidOrganisation
        if not 1 <= len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
            raise InvalidKeyName
        wanted = tuple(dict.fromkeys(scopes))
        for scope in wanted:
            if scope != EVERYTHING and scope not in set(Scope):
                raise UnknownScope(f"There is no scope {scope!r}. Use *, {', '.join(Scope)}.")
        text = keys.new_key(kind)
        now = self._clock()
        key = ApiKey(
            org_id=org_id,
            id=f"api_{new_ulid()}",
            name=name,
            kind=kind,
            prefix=keys.display_prefix(text),
            scopes=wanted,
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
            revoked_at=None,
        )
        async with self._database.organisation(org_id) as tx:
            await repository.ensure_organisation(Transaction(tx.connection), org_id, org_id)
            await repository.insert_key(tx, key, keys.fingerprint(text))
        return key, text

    async def list_keys(self, org_id: str) -> list[ApiKey]:
        """All keys of an organisation, oldest first."""
        async with self._database.reading(org_id) as tx:
            return await repository.list_keys(tx)

    async def revoke_key(self, org_id: str, key_id: str) -> None:
        """Revoke a key; every process refuses it at once. Raises `ApiKeyNotFound`."""
        async with self._database.organisation(org_id) as tx:
            if not await repository.revoke_key(tx, key_id, self._clock()):
                raise ApiKeyNotFound
        self._forget()

    async def authenticate(self, text: str) -> Principal:
        """The caller that a key stands for. Raises `InvalidApiKey`."""
        if not keys.is_well_formed(text):
            raise InvalidApiKey("This is no Tieline API key (tl_...), or it has a typing error.")
        key_hash = keys.fingerprint(text)
        known = self._known.get(key_hash)
        if known is not None:
            until, expires_at, principal = known
            if time.monotonic() < until and (expires_at is None or self._clock() < expires_at):
                return principal
        changes = self._changes
        async with self._database.system() as tx:
            found = await repository.find_principal(tx, key_hash)
        if found is None:
            self._known.pop(key_hash, None)
            raise InvalidApiKey
        principal, expires_at = found
        # What was read before a revocation must not be remembered after it.
        if self._listener.alive and changes == self._changes:
            self._known[key_hash] = (time.monotonic() + _CACHE_SECONDS, expires_at, principal)
            if len(self._known) > _CACHED_KEYS:
                self._known.popitem(last=False)
        return principal

    async def start(self) -> None:
        """Listen for revoked keys. Keys are remembered only while this process hears of them."""
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    def _forget(self, _key_id: str | None = None) -> None:
        self._changes += 1
        self._known.clear()
