"""Who calls: the one place that takes a key or a token and says whom it stands for."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

from tieline.audit.actor import current_actor
from tieline.audit.recording import record
from tieline.database import Database
from tieline.database.notifications import ChangeListener
from tieline.identity import keys, repository
from tieline.identity.access_tokens.claims import signing_key_of
from tieline.identity.api_keys.checking import KeyChecker
from tieline.identity.api_keys.last_used import LastUsed
from tieline.identity.api_keys.models import ApiKey
from tieline.identity.api_keys.service import KeyService
from tieline.identity.changes import CHANNEL, Change
from tieline.identity.errors import InvalidApiKey, OrganisationNotFound
from tieline.identity.limits.logins import LoginThrottle
from tieline.identity.models import EVERYTHING, KeyKind, Principal
from tieline.identity.organisations import check_organisation_id
from tieline.identity.repository import Organisation
from tieline.kit.errors import Unauthenticated
from tieline.kit.time import Clock, utc_now
from tieline.records.envelope import SystemCaller

DEFAULT_ORGANISATION = "default"
FAILED_LOGINS_PER_MINUTE = 60
_REMEMBERED_TOKENS = 10_000


class TokenAuthenticator(Protocol):
    """Knows whom tokens of other issuers stand for."""

    async def authenticate(self, token: str) -> Principal:
        """The caller. Raises `Unauthenticated` and `Forbidden`."""
        ...


class SignatureCheck(Protocol):
    """Knows the signatures of access tokens."""

    async def check(self, token: str) -> None:
        """Raises `InvalidApiKey` unless the token was signed here."""
        ...

    def forget(self, changed: Change | None = None) -> None:
        """Read the keys again, if they may have changed."""
        ...


class IdentityService:
    """Callers of all organisations: by API key, by access token, by the token of an issuer.

    What was checked is remembered until it changes anywhere; `heard` is called with each change.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        *,
        signatures: SignatureCheck | None = None,
        issuers: TokenAuthenticator | None = None,
        throttle: LoginThrottle | None = None,
        heard: Iterable[Callable[[Change | None], None]] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._signatures = signatures
        self._issuers = issuers
        self._throttle = throttle or LoginThrottle(FAILED_LOGINS_PER_MINUTE)
        self._listener = ChangeListener(
            database, CHANNEL, lambda payload: self.forget(Change.heard(payload))
        )
        self._checker = KeyChecker(
            database, throttle=self._throttle, trusted=lambda: self._listener.alive, clock=clock
        )
        self._heard = [self._checker.forget, *heard]
        self._last_used = LastUsed(database)
        self._accepted_tokens: OrderedDict[bytes, None] = OrderedDict()
        self.keys = KeyService(database, clock, on_change=self.forget)

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
        scopes: Iterable[str] | None = (EVERYTHING,),
        lifetime: timedelta | None = None,
        **more: object,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which cannot be read again; creates the organisation if new.

        For whoever may do all of that, such as a command; `more` are further fields of the key.
        Raises `InvalidOrganisation` and what `KeyService.create` raises.
        """
        check_organisation_id(org_id)
        fields = {
            "name": name,
            "kind": kind,
            "scopes": None if scopes is None else tuple(scopes),
            "expires_at": self._clock() + lifetime if lifetime else None,
            **more,
        }
        created = await self.keys.create(_commander(org_id), fields)
        return created.key, created.text

    async def list_keys(self, org_id: str) -> list[ApiKey]:
        """All keys of an organisation, oldest first."""
        return await self.keys.list_all(org_id)

    async def revoke_key(self, org_id: str, key_id: str) -> None:
        """Revoke a key; every process refuses it at once. Raises `ApiKeyNotFound`."""
        await self.keys.revoke(_commander(org_id), key_id)

    async def rotate_key(self, org_id: str, key_id: str, overlap: timedelta) -> tuple[ApiKey, str]:
        """A key in place of another, and its text; raises what `KeyService.rotate` raises."""
        created = await self.keys.rotate(_commander(org_id), key_id, overlap)
        return created.key, created.text

    async def list_organisations(self) -> list[Organisation]:
        """All organisations of this installation."""
        async with self._database.system() as tx:
            return await repository.list_organisations(tx)

    async def limit_organisation(self, org_id: str, rpm_limit: int | None) -> None:
        """Limit the requests per minute of an organisation; 0 is no limit, None the default one.

        Raises `OrganisationNotFound`.
        """
        async with self._database.organisation(org_id) as tx:
            before = await repository.lock_organisation(tx)
            if before is None:
                raise OrganisationNotFound
            await repository.set_organisation_limit(tx, rpm_limit)
            await record(
                tx,
                "organisation.limited",
                "organisation",
                org_id,
                before={"rpm_limit": before.rpm_limit},
                after={"rpm_limit": rpm_limit},
            )

    async def authenticate(self, text: str, address: str | None = None) -> Principal:
        """The caller that a key or token stands for; `address` is where the call comes from.

        Raises `Unauthenticated`, `ApplicationSuspended` and, for addresses from which too many
        unknown keys came, `LoginThrottled`.
        """
        if keys.is_key(text):
            if not keys.is_well_formed(text):
                raise InvalidApiKey("This is no Tieline API key (tl_...): it has a typing error.")
            return await self._of_key(text, address)
        if self._signatures is not None and signing_key_of(text) is not None:
            return await self._of_key(text, address, self._signatures)
        if self._issuers is not None and text.count(".") == 2:
            return await self._of_issuer(text, address, self._issuers)
        raise InvalidApiKey("This is neither a Tieline API key (tl_...) nor a token.")

    async def start(self) -> None:
        """Listen for changes. Keys are remembered only while this process hears of them."""
        await self._listener.start()
        await self._last_used.start()

    async def stop(self) -> None:
        """Stop listening, and write down when keys were last used."""
        await self._listener.stop()
        await self._last_used.stop()

    async def write_last_uses(self) -> None:
        """Write down at once when keys were last used."""
        await self._last_used.write()

    def forget(self, changed: Change | None = None) -> None:
        """Read again what has changed; everything for None."""
        for hear in self._heard:
            hear(changed)

    async def _of_key(
        self, text: str, address: str | None, signatures: SignatureCheck | None = None
    ) -> Principal:
        key_hash = keys.fingerprint(text)
        principal = self._checker.recall(key_hash)
        if principal is None:
            self._throttle.check(address)
            if signatures is not None:
                try:
                    await signatures.check(text)
                except InvalidApiKey:
                    self._throttle.failed(address)
                    raise
            principal = await self._checker.look_up(key_hash, address)
        self._last_used.note(principal.org_id, principal.id, self._clock())
        return principal

    async def _of_issuer(
        self, token: str, address: str | None, issuers: TokenAuthenticator
    ) -> Principal:
        token_hash = hashlib.sha256(token.encode()).digest()
        if token_hash not in self._accepted_tokens:
            self._throttle.check(address)
        try:
            principal = await issuers.authenticate(token)
        except Unauthenticated:
            self._accepted_tokens.pop(token_hash, None)
            self._throttle.failed(address)
            raise
        self._accepted_tokens[token_hash] = None
        if len(self._accepted_tokens) > _REMEMBERED_TOKENS:
            self._accepted_tokens.popitem(last=False)
        return principal


def _commander(org_id: str) -> SystemCaller:
    """Whoever acts through a command: they may do anything, and are named as the author."""
    return SystemCaller(org_id, current_actor().id)
