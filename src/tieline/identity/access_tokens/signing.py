"""The keys that sign access tokens: made when first needed, rotated, known to every process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from joserfc.jwk import RSAKey

from tieline.audit.recording import record
from tieline.database import Database, OrgTransaction
from tieline.identity.access_tokens import repository
from tieline.identity.access_tokens.claims import (
    Claims,
    check_signature,
    new_signing_key,
    sign,
    signing_key_of,
)
from tieline.identity.access_tokens.lifetimes import LONGEST
from tieline.identity.changes import Change
from tieline.kit import json
from tieline.kit.time import Clock, utc_now
from tieline.secrets.store import SYSTEM_ORGANISATION, SecretStore

# A token with an end outlives its signing key by no more than this; the day is for clocks.
_SECONDS_BETWEEN_READS = 1.0
_PUBLISHED_AFTER_RETIREMENT = LONGEST + timedelta(days=1)


class TokenSigner:
    """Signs and checks. The private part never leaves the store of secrets but to sign."""

    def __init__(self, database: Database, secrets: SecretStore, clock: Clock = utc_now) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._public: Mapping[str, RSAKey] | None = None
        self._private: RSAKey | None = None
        self._changes = 0
        self._read_at = -_SECONDS_BETWEEN_READS

    async def sign(self, claims: Claims) -> str:
        """The text of a token, signed with the current key."""
        if self._private is None:
            changes, key = self._changes, await self._current()
            # A key that was made within a request is undone with it.
            if changes == self._changes and not self._database.inside_request():
                self._private = key
            return sign(claims, key)
        return sign(claims, self._private)

    async def check(self, token: str) -> None:
        """Raises `InvalidApiKey` unless a key of ours, current or retired, signed the token."""
        public = self._public
        if public is None or (signing_key_of(token) not in public and self._may_read_again()):
            public = await self._read()
        check_signature(token, public)

    async def published(self) -> list[dict[str, Any]]:
        """The public keys for those who check tokens themselves, the newest first."""
        oldest = self._clock() - _PUBLISHED_AFTER_RETIREMENT
        async with self._database.reading(SYSTEM_ORGANISATION) as tx:
            known = await repository.list_signing_keys(tx)
        return [
            key.public_key for key in known if key.retired_at is None or key.retired_at > oldest
        ]

    async def rotate(self) -> str:
        """Sign with a new key from now on; its id. Tokens signed before stay valid."""
        async with self._database.organisation(SYSTEM_ORGANISATION) as tx:
            await repository.lock_signing_keys(tx)
            key = await self._replace(tx, await repository.list_signing_keys(tx))
        self.forget()
        return str(key.kid)

    def forget(self, changed: Change | None = None) -> None:
        """Read the keys again, if they may have changed."""
        if changed is not None and changed.org_id != SYSTEM_ORGANISATION:
            return
        self._changes += 1
        self._public = self._private = None

    def _may_read_again(self) -> bool:
        """Whether it is long enough ago that the keys were read.

        A token may be here before the news of the key that has signed it, and somebody may send
        any number of tokens that name a key of their invention.
        """
        return time.monotonic() - self._read_at > _SECONDS_BETWEEN_READS

    async def _read(self) -> Mapping[str, RSAKey]:
        changes = self._changes
        async with self._database.reading(SYSTEM_ORGANISATION) as tx:
            known = await repository.list_signing_keys(tx)
        public = {key.kid: RSAKey.import_key(key.public_key) for key in known}
        self._read_at = time.monotonic()
        if changes == self._changes:
            self._public = public
        return public

    async def _current(self) -> RSAKey:
        async with self._database.organisation(SYSTEM_ORGANISATION) as tx:
            await repository.lock_signing_keys(tx)
            known = await repository.list_signing_keys(tx)
            current = next((key.kid for key in known if key.retired_at is None), None)
            stored = await self._secrets.read(tx, _path(current)) if current else None
            if stored is not None:
                return RSAKey.import_key(json.loads(stored["private_key"]))
            # Nothing to sign with, or its private part is lost: the public one still serves.
            return await self._replace(tx, known)

    async def _replace(self, tx: OrgTransaction, known: list[repository.SigningKey]) -> RSAKey:
        key = new_signing_key()
        kid = str(key.kid)
        await self._secrets.write(
            tx, _path(kid), {"private_key": json.dumps_str(key.as_dict(private=True))}
        )
        await repository.add_signing_key(tx, kid, key.as_dict(private=False), self._clock())
        for former in known:
            if former.retired_at is None:
                await self._secrets.delete(tx, _path(former.kid))
        await record(tx, "signing_key.created", "signing_key", kid, after={"kid": kid})
        return key


def _path(kid: str) -> str:
    return f"access-tokens/signing-keys/{kid}"
