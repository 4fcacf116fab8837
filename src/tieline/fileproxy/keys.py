"""The keys that sign links: one for each organisation, made when it is first needed."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

from tieline.audit.recording import record
from tieline.database import OrgTransaction
from tieline.fileproxy import repository
from tieline.kit.time import to_wire
from tieline.secrets.store import SecretStore

_PATH = "file-proxy/link-key"
_BYTES = 32
_KEY, _PREVIOUS, _REPLACED = "key", "previous", "replaced_at"


class LinkKeys:
    """Keys in the store of secrets; they leave it only to sign and to check."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    async def current(self, tx: OrgTransaction, now: datetime) -> bytes:
        """The key that signs; a new one if there is none yet."""
        stored = await self._store.read(tx, _PATH)
        if stored is None:
            await repository.lock_keys(tx)
            stored = await self._store.read(tx, _PATH)
        if stored is None:
            return await self._replace(tx, None, now)
        return _decoded(stored[_KEY])

    async def accepted(self, tx: OrgTransaction) -> list[bytes]:
        """The keys whose signatures count; none if none was ever made."""
        stored = await self._store.read(tx, _PATH)
        return [_decoded(stored[name]) for name in (_KEY, _PREVIOUS) if stored and name in stored]

    async def rotate(self, tx: OrgTransaction, now: datetime, *, keep_links: bool) -> None:
        """Sign with a new key from now on. With `keep_links` links signed before stay good."""
        await repository.lock_keys(tx)
        stored = await self._store.read(tx, _PATH)
        await self._replace(tx, stored[_KEY] if stored and keep_links else None, now)

    async def _replace(self, tx: OrgTransaction, previous: str | None, now: datetime) -> bytes:
        key = secrets.token_bytes(_BYTES)
        values = {_KEY: base64.b64encode(key).decode()}
        if previous is not None:
            values |= {_PREVIOUS: previous, _REPLACED: to_wire(now)}
        kept = {"links_stay_good": previous is not None, "at": to_wire(now)}
        await record(tx, "file_link_key.created", "file_link_key", tx.org_id, after=kept)
        await self._store.write(tx, _PATH, values)
        return key


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)
