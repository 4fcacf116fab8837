"""Create, read, change, rotate and revoke API keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.database import Database, OrgTransaction, Transaction
from tieline.identity import keys
from tieline.identity.api_keys import repository
from tieline.identity.api_keys.errors import ApiKeyNotFound, InvalidKey, KeyAlreadyRotated
from tieline.identity.api_keys.models import KEYS, ApiKey, CreatedKey, TokenType
from tieline.identity.api_keys.rules import (
    changed,
    checked,
    granted,
    lets_do_more,
    refuse_too_much,
    revoked,
    successor,
)
from tieline.identity.applications.errors import LibraryHasNoIdentity
from tieline.identity.applications.models import APPLICATIONS
from tieline.identity.changes import Change, announce
from tieline.identity.models import EVERYTHING, KeyKind, Principal
from tieline.identity.repository import ensure_organisation
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import new_ulid
from tieline.kit.time import Clock, utc_now
from tieline.records.envelope import Caller
from tieline.records.identifiers import KEY_ID
from tieline.records.listing import Listing, Page
from tieline.records.repository import find_record
from tieline.records.service import Fields, RecordService

DEFAULT_OVERLAP = timedelta(days=1)
LONGEST_OVERLAP = timedelta(days=30)

Issue = Callable[[ApiKey], Awaitable[str]]


class KeyService:
    """The keys of all organisations. `on_change` is called after each change here.

    A caller that is no `Principal`, such as a command, may give a key any scopes. That somebody is
    shown keys is noted in the audit log, though never a key itself is.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        on_change: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._records = RecordService(database, KEYS, missing=ApiKeyNotFound, clock=clock)
        self._on_change = on_change

    async def list_page(self, caller: Caller, listing: Listing) -> Page[ApiKey]:
        """A page of the keys that the caller may see."""
        page = await self._records.list_records(caller, listing)
        await self._note_view(caller.org_id, page.records)
        return page

    async def list_all(self, org_id: str) -> list[ApiKey]:
        """All keys of an organisation, oldest first."""
        async with self._database.reading(org_id) as tx:
            found = await repository.list_keys(tx)
        await self._note_view(org_id, found)
        return found

    async def list_usable(
        self, caller: Caller, types: Sequence[TokenType] | None = None
    ) -> list[ApiKey]:
        """The keys that the caller may see and that are neither blocked nor expired."""
        async with self._database.reading(caller.org_id) as tx:
            found = await repository.list_usable_keys(tx, types, app_id=caller.app_id)
        await self._note_view(caller.org_id, found)
        return found

    async def get(self, caller: Caller, key_id: str) -> ApiKey:
        """A key. Raises `ApiKeyNotFound`."""
        key = await self._records.get(caller, key_id)
        await self._note_view(caller.org_id, [key])
        return key

    async def create(
        self, creator: Caller, fields: Fields, *, issue: Issue | None = None
    ) -> CreatedKey:
        """A new key with these fields; without scopes it gets those of its creator.

        `issue` makes its text, by default `tl_...`. Raises `InvalidKeyName`, `InvalidKey`,
        `UnknownScope`, `UnknownRole`, `PrivilegeEscalation`, `LibraryHasNoIdentity`, and
        `InvalidInput` for an application that does not exist.
        """
        now = self._records.now()
        draft = self._records.new(creator, f"api_{new_ulid()}", _completed(creator, fields))
        key = checked(draft, now)
        if key.expires_at is not None and key.expires_at <= now:
            raise InvalidKey(
                "expires_at: lies in the past. Send a moment to come, or leave it out."
            )
        if isinstance(creator, Principal):
            refuse_too_much(creator, key)
        # Before the transaction: what signs a token may need one of its own.
        text = await issue(key) if issue else keys.new_key(key.kind)
        async with self._database.organisation(creator.org_id) as tx:
            if not isinstance(creator, Principal):
                await ensure_organisation(
                    Transaction(tx.connection), creator.org_id, creator.org_id
                )
            await _check_application(tx, creator, key.application_id)
            return await self._store_new(tx, key, text)

    async def update(self, caller: Caller, key_id: str, version: int, fields: Fields) -> ApiKey:
        """Change a key, which every process hears of.

        Raises `ApiKeyNotFound`, `VersionConflict`, `KeyRevoked`, `BudgetExhausted`, `InvalidKey`,
        `InvalidKeyName`, and `PrivilegeEscalation` when a key that may do more than the caller
        would be unblocked or last longer.
        """

        async def amend(_tx: OrgTransaction, before: ApiKey, after: ApiKey) -> ApiKey:
            now = self._records.now()
            after = changed(before, after, now)
            if isinstance(caller, Principal) and lets_do_more(before, after, now):
                refuse_too_much(caller, after)
            return after

        async with self._database.organisation(caller.org_id) as tx:
            key = await self._records.change(tx, caller, key_id, version, fields, amend)
            await announce(tx, key_id)
        self._on_change(Change(caller.org_id, key_id))
        return key

    async def revoke(self, caller: Caller, key_id: str) -> ApiKey:
        """Revoke a key for good; every process refuses it at once. Raises `ApiKeyNotFound`."""
        async with self._database.organisation(caller.org_id) as tx:
            key = await self._records.lock(tx, caller, key_id)
            if key.revoked_at is None:
                after = revoked(key, self._records.now())
                key = await self._records.store(tx, caller, key, after, action="revoked")
            await announce(tx, key_id)
        self._on_change(Change(caller.org_id, key_id))
        return key

    async def rotate(
        self, caller: Caller, key_id: str, overlap: timedelta = DEFAULT_OVERLAP
    ) -> CreatedKey:
        """A key in place of another, which is valid for the overlap still, but never for longer.

        Raises `ApiKeyNotFound`, `KeyNotActive`, `KeyAlreadyRotated`, `InvalidKey` and
        `PrivilegeEscalation`.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidKey(f"overlap_seconds: 0 to {LONGEST_OVERLAP.total_seconds():.0f}.")
        async with self._database.organisation(caller.org_id) as tx:
            old = await self._records.lock(tx, caller, key_id)
            heir = await repository.find_successor(tx, key_id)
            if heir is not None:
                raise KeyAlreadyRotated(
                    f"{KEY_ID.to_wire(heir)} has taken the place of this key already. Rotate that "
                    "one, or revoke it first if nobody has its text."
                )
            now = self._records.now()
            fields = {**successor(old, now), **_creator(caller), "key_prefix": ""}
            key = checked(self._records.new(caller, f"api_{new_ulid()}", fields), now)
            key = replace(key, app_id=old.app_id)  # it stays with the application that sees it
            if isinstance(caller, Principal):
                refuse_too_much(caller, key)
            created = await self._store_new(tx, key, keys.new_key(key.kind))
            ending = replace(old, expires_at=_earlier(old.expires_at, now + overlap))
            await self._records.store(tx, caller, old, checked(ending, now), action="rotated")
            await announce(tx, key_id)
        self._on_change(Change(caller.org_id, key_id))
        return created

    async def _store_new(self, tx: OrgTransaction, key: ApiKey, text: str) -> CreatedKey:
        key = replace(key, key_prefix=keys.display_prefix(text))
        key_hash = keys.fingerprint(text)
        await self._records.insert(tx, key)
        await repository.insert_credential(tx, key.id, key_hash)
        return CreatedKey(key, text, key_hash.hex())

    async def _note_view(self, org_id: str, shown: Sequence[ApiKey]) -> None:
        ids = [KEYS.wire_id(key) for key in shown]
        await viewed(self._database, org_id, Shown.API_KEY, ids)


def _completed(creator: Caller, fields: Fields) -> dict[str, Any]:
    """The fields of a new key with what its creator stands for where nothing was said."""
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    kind = given.get("kind", KeyKind.SERVICE)
    complete = {**given, **_creator(creator), "key_prefix": ""}
    if isinstance(creator, Principal):
        complete.setdefault("scopes", granted(creator, kind, given.get("roles", ())))
        if kind is KeyKind.USER:
            complete.setdefault("issued_to_user_id", creator.user_id)
        if creator.application_id is not None:
            complete.setdefault("application_id", UUID(creator.application_id))
    else:
        complete.setdefault("scopes", () if given.get("roles") else (EVERYTHING,))
    return complete


def _creator(creator: Caller) -> dict[str, Any]:
    person = creator.user_id if isinstance(creator, Principal) else None
    return {"created_by_user_id": person}


async def _check_application(
    tx: OrgTransaction, creator: Caller, application_id: UUID | None
) -> None:
    """Raises unless keys can be issued for the application, by this creator."""
    if application_id is None:
        return
    application = await find_record(tx, APPLICATIONS, application_id)
    # An application makes keys of its own only; for it, the others do not exist.
    if application is None or creator.app_id not in (None, application.slug):
        raise InvalidInput(
            "application_id: there is nothing with that id. Check it, or leave it out."
        )
    if not application.has_runtime_identity:
        raise LibraryHasNoIdentity


def _earlier(end: datetime | None, other: datetime) -> datetime:
    return other if end is None else min(end, other)
