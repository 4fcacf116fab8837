"""Users: made when their first token is seen, changed by whoever may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import asyncpg

from tieline.audit.actor import Actor, ActorKind, acting_as
from tieline.database import Database, OrgTransaction, Transaction
from tieline.identity.api_keys.last_used import LastUsed
from tieline.identity.changes import Change, announce
from tieline.identity.models import Principal
from tieline.identity.oidc.errors import InvalidToken
from tieline.identity.privileges import known_roles, refuse_escalation
from tieline.identity.repository import ensure_organisation
from tieline.identity.roles import scopes_of_roles
from tieline.identity.users import repository
from tieline.identity.users.errors import LastAdmin, UserDisabled, UserNotFound
from tieline.identity.users.models import USERS, Sighting, User, UserChange
from tieline.kit.ids import new_ulid
from tieline.kit.time import Clock, utc_now
from tieline.records.envelope import SourceType, SystemCaller
from tieline.records.listing import Listing, Page
from tieline.records.service import RecordService, to_milliseconds


class UserService:
    """The users of all organisations. `last_seen` takes their uses and writes them together.

    `on_change` is called after each change made here.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        on_change: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._on_change = on_change
        self._records = RecordService(database, USERS, missing=UserNotFound, clock=clock)
        self.last_seen = LastUsed(database, store=repository.write_last_seen)

    async def see(self, org_id: str, seen: Sighting, *, found_organisation: bool = False) -> User:
        """The user whom a verified token tells of, made if new, up to date with the token.

        `found_organisation` makes the organisation too when it does not exist; otherwise a token
        of an unknown one is no token. Raises `InvalidToken` and `UserDisabled`.
        """
        async with self._database.reading(org_id) as tx:
            user = await repository.find_by_subject(tx, seen.issuer, seen.subject)
        if user is None:
            user = await self._make(org_id, seen, found_organisation=found_organisation)
        elif _told_anew(user, seen) != user:
            user = await self._bring_up_to_date(org_id, seen)
        elif user.profile_as_of is None or to_milliseconds(seen.issued_at) > user.profile_as_of:
            # It says nothing new, but from now on what older tokens say is out of date.
            async with self._database.organisation(org_id) as tx:
                await repository.write_profile_time(tx, user.id, to_milliseconds(seen.issued_at))
        if user.disabled:
            raise UserDisabled
        return user

    async def list_users(self, caller: Principal, listing: Listing) -> Page[User]:
        """A page of the organisation's users."""
        return await self._records.list_records(caller, listing)

    async def get_user(self, caller: Principal, user_id: str) -> User:
        """A user. Raises `UserNotFound`."""
        return await self._records.get(caller, user_id)

    async def update_user(
        self, caller: Principal, user_id: str, version: int, change: UserChange
    ) -> User:
        """Change a user's roles, or disable them; every process knows at once.

        Raises `UserNotFound`, `VersionConflict`, `UnknownRole`, `PrivilegeEscalation` when the
        caller has less than the user has or would get, and `LastAdmin` when nobody would be left
        who may do everything.
        """

        async def amend(tx: OrgTransaction, before: User, after: User) -> User:
            refuse_escalation(caller, before.scopes | scopes_of_roles(after.roles))
            return after

        async with self._database.organisation(caller.org_id) as tx:
            await repository.lock_admins(tx)
            before = await self._records.lock(tx, caller, user_id)
            after = await self._records.change(tx, caller, user_id, version, _fields(change), amend)
            if before.is_acting_admin and not after.is_acting_admin:
                await _keep_an_admin(tx)
            await announce(tx, user_id)
        self._on_change(Change(caller.org_id, user_id))
        return after

    async def _make(self, org_id: str, seen: Sighting, *, found_organisation: bool) -> User:
        user_id = f"per_{new_ulid()}"
        caller = SystemCaller(org_id, user_id)
        now = self._records.now()
        fields = {
            "issuer": seen.issuer,
            "subject": seen.subject,
            "last_seen_at": now,
            "source": "oidc",
            "source_type": SourceType.SYSTEM,
            "email": seen.email,
            "name": seen.name,
            "roles": seen.roles,
            "profile_as_of": seen.issued_at,
        }
        user = self._records.new(caller, user_id, fields)
        try:
            async with self._database.organisation(org_id) as tx:
                if found_organisation:
                    await ensure_organisation(Transaction(tx.connection), org_id, org_id)
                elif not await repository.organisation_exists(tx):
                    raise InvalidToken(
                        "The token is of an organisation that does not exist here. Create it with "
                        "`tieline keys create --org`."
                    )
                with acting_as(_actor(user)):
                    await self._records.insert(tx, user)
        except asyncpg.UniqueViolationError:
            # Two first requests of the same person: the other one was faster.
            return await self._bring_up_to_date(org_id, seen)
        return user

    async def _bring_up_to_date(self, org_id: str, seen: Sighting) -> User:
        async with self._database.organisation(org_id) as tx:
            user = await repository.find_by_subject(tx, seen.issuer, seen.subject, lock=True)
            if user is None:
                raise UserNotFound
            told = _told_anew(user, seen)
            if told == user:
                return user
            caller = SystemCaller(org_id, user.id)
            with acting_as(_actor(user)):
                stored = await self._records.store(tx, caller, user, told)
            if stored.roles != user.roles:
                await announce(tx, user.id)
            return stored


def _told_anew(user: User, seen: Sighting) -> User:
    """The user as the token tells, unless a newer token has told already."""
    if user.profile_as_of is not None and to_milliseconds(seen.issued_at) < user.profile_as_of:
        return user
    told = replace(
        user,
        email=seen.email or user.email,
        name=seen.name or user.name,
        roles=user.roles if user.roles_given else seen.roles,
    )
    # That a newer token says the same again is no change of the user.
    return user if told == user else replace(told, profile_as_of=to_milliseconds(seen.issued_at))


def _fields(change: UserChange) -> dict[str, object]:
    fields: dict[str, object] = {}
    if change.follow_issuer:
        fields |= {"roles_given": False, "profile_as_of": None}
    elif change.roles is not None:
        fields |= {"roles": known_roles(change.roles), "roles_given": True}
    if change.disabled is not None:
        fields["disabled"] = change.disabled
    return fields


async def _keep_an_admin(tx: OrgTransaction) -> None:
    if not await repository.anybody_may_do_everything(tx):
        raise LastAdmin


def _actor(user: User) -> Actor:
    return Actor(ActorKind.USER, user.id, user.name or user.email or user.subject)
