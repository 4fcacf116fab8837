"""The Ed25519 keys with which messages are signed: one for each organisation."""

from __future__ import annotations

import base64
from collections import OrderedDict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tieline.audit.recording import record
from tieline.database import Database, OrgTransaction
from tieline.identity.organisations import check_organisation_id, require_organisation
from tieline.kit.time import Clock, utc_now
from tieline.outbound.webhooks import repository
from tieline.secrets.store import SecretStore

_PATH = "webhooks/signing-key"
_PRIVATE = "private_key"
_REMEMBERED = 10_000


class SigningKeys:
    """Makes the key of an organisation when it is first needed. It stays the same from then on.

    The private part is where all secrets are and leaves it only to sign; the public part is a row.
    Should the private part be lost, there is a new key.
    """

    def __init__(self, database: Database, secrets: SecretStore, clock: Clock = utc_now) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._known: OrderedDict[str, Ed25519PrivateKey] = OrderedDict()

    async def private_key(self, org_id: str) -> Ed25519PrivateKey:
        """The key of an organisation that there is."""
        known = self._known.get(org_id)
        if known is not None:
            return known
        async with self._database.organisation(org_id) as tx:
            key = await self._read(tx) or await self._make(tx)
        # A key that was made within a request is undone with it.
        if not self._database.inside_request():
            self._known[org_id] = key
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return key

    async def public_key(self, org_id: str) -> str:
        """The public key in PEM form. Raises `InvalidOrganisation` and `OrganisationNotFound`."""
        check_organisation_id(org_id)
        async with self._database.organisation(org_id) as tx:
            found = await repository.find_public_key(tx)
            if found is not None:
                return found
            await require_organisation(tx)
            return _pem(await self._make(tx))

    def forget(self, org_id: str | None) -> None:
        """Read the key of an organisation, or all, again when they are needed."""
        if org_id is None:
            self._known.clear()
        else:
            self._known.pop(org_id, None)

    async def _read(self, tx: OrgTransaction) -> Ed25519PrivateKey | None:
        if await repository.find_public_key(tx) is None:
            return None
        stored = await self._secrets.read(tx, _PATH)
        return None if stored is None else _loaded(stored[_PRIVATE])

    async def _make(self, tx: OrgTransaction) -> Ed25519PrivateKey:
        # Of those who come at the same time one makes the key; the others wait here and find it.
        await repository.lock_signing_key(tx)
        found = await self._read(tx)
        if found is not None:
            return found
        key = Ed25519PrivateKey.generate()
        await repository.put_public_key(tx, _pem(key), self._clock())
        await record(
            tx,
            "webhook_signing_key.created",
            "webhook_signing_key",
            tx.org_id,
            after={"public_key": _pem(key)},
        )
        await self._secrets.write(tx, _PATH, {_PRIVATE: _text(key)})
        return key


def _pem(key: Ed25519PrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes_raw()).decode()


def _loaded(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))
