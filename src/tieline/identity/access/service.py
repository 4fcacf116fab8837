"""Answers why somebody may call an operation, or may not."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tieline.database import Database
from tieline.identity.access.errors import CallerNotFound
from tieline.identity.access.models import Explanation, Obstacle, Operation, Subject
from tieline.identity.access.reasoning import explain
from tieline.identity.api_keys.models import KEYS, ApiKey, KeyStatus
from tieline.identity.applications.errors import ApplicationSuspended
from tieline.identity.applications.models import APPLICATIONS, Application
from tieline.identity.errors import InvalidApiKey, MissingScope
from tieline.identity.models import CallerKind, Principal, Scope
from tieline.identity.roles import scopes_of_roles
from tieline.identity.users import repository as users
from tieline.identity.users.errors import UserDisabled
from tieline.identity.users.models import USERS, User
from tieline.kit.errors import TielineError
from tieline.kit.time import Clock, utc_now
from tieline.records.identifiers import ACTOR_ID
from tieline.records.repository import find_record

_MOST_ADMINS = 10


class AccessService:
    """Explains decisions about the asker, and with the scope `access:read` about others."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def explain(
        self, asker: Principal, operation: Operation, caller_id: str | None = None
    ) -> Explanation:
        """Whether the asker, or the key, user or application with this id, may call an operation.

        Who could help is told to those with `access:read` only. Raises `MissingScope` and
        `CallerNotFound`.
        """
        caller_id = asker.id if caller_id is None else caller_id
        about_others = not _is_own(asker, caller_id)
        if about_others and not asker.may(Scope.ACCESS_READ):
            raise MissingScope(
                f"Only somebody with the scope {Scope.ACCESS_READ} may ask about others. Leave out "
                "caller to ask about yourself."
            )
        subject = await self._find(asker.org_id, caller_id)
        if subject is None or (subject.brings_scopes and not about_others):
            if about_others:
                raise CallerNotFound
            subject = _as_it_called(asker)
        admins = await self._admins(asker) if asker.may(Scope.ACCESS_READ) else ()
        return explain(subject, operation, admins=admins)

    async def _find(self, org_id: str, caller_id: str) -> Subject | None:
        match caller_id.partition("_")[0]:
            case "api" | "key":
                key = await self._key(org_id, KEYS.stored_id(caller_id))
                return None if key is None else await self._of_key(org_id, key)
            case "per":
                user = await self._user(org_id, USERS.stored_id(caller_id))
                return None if user is None else _of_user(user)
            case "app":
                application = await self._application(org_id, APPLICATIONS.stored_id(caller_id))
                return None if application is None else _of_application(application)
            case _:
                return None

    async def _key(self, org_id: str, key_id: str) -> ApiKey | None:
        async with self._database.reading(org_id) as tx:
            return await find_record(tx, KEYS, key_id)

    async def _user(self, org_id: str, user_id: str) -> User | None:
        async with self._database.reading(org_id) as tx:
            return await find_record(tx, USERS, user_id)

    async def _application(self, org_id: str, application_id: UUID) -> Application | None:
        async with self._database.reading(org_id) as tx:
            return await find_record(tx, APPLICATIONS, application_id)

    async def _of_key(self, org_id: str, key: ApiKey) -> Subject:
        application = None
        obstacles = _obstacles_of_key(key, self._clock())
        if key.application_id is not None:
            application = await self._application(org_id, key.application_id)
            if application is None or not application.may_act:
                obstacles = (*obstacles, _obstacle(ApplicationSuspended()))
        if key.issued_to_user_id is not None:
            user = await self._user(org_id, key.issued_to_user_id)
            if user is not None and user.disabled:
                obstacles = (*obstacles, _obstacle(UserDisabled()))
        return Subject(
            id=KEYS.wire_id(key),
            kind=CallerKind.KEY,
            name=key.name,
            scopes=frozenset(key.scopes),
            roles=key.roles,
            app_id=application.slug if application else None,
            obstacles=obstacles,
            rpm_limit=key.rpm_limit,
        )

    async def _admins(self, asker: Principal) -> tuple[Subject, ...]:
        async with self._database.reading(asker.org_id) as tx:
            return tuple(map(_of_user, await users.list_admins(tx, _MOST_ADMINS)))


def _is_own(asker: Principal, caller_id: str) -> bool:
    """Whether an id is the asker's; that of a key has two forms."""
    return ACTOR_ID.from_wire(caller_id) == asker.id


def _as_it_called(asker: Principal) -> Subject:
    """Somebody whose rights came with the request."""
    return Subject(
        id=asker.id,
        kind=asker.kind,
        name=asker.name,
        scopes=asker.scopes - scopes_of_roles(asker.roles),
        roles=asker.roles,
        app_id=asker.app_id,
        rpm_limit=asker.rpm_limit,
    )


def _of_user(user: User) -> Subject:
    return Subject(
        id=user.id,
        kind=CallerKind.USER,
        name=user.name or user.email or user.subject,
        roles=user.roles,
        obstacles=(_obstacle(UserDisabled()),) if user.disabled else (),
    )


def _of_application(application: Application) -> Subject:
    return Subject(
        id=APPLICATIONS.wire_id(application),
        kind=CallerKind.APPLICATION,
        name=application.display_name or application.slug,
        app_id=application.slug,
        obstacles=() if application.may_act else (_obstacle(ApplicationSuspended()),),
        brings_scopes=True,
    )


def _obstacles_of_key(key: ApiKey, now: datetime) -> tuple[Obstacle, ...]:
    match key.status_at(now):
        case KeyStatus.ACTIVE:
            return ()
        case KeyStatus.EXPIRED:
            message = "The API key has expired. Create another one."
        case KeyStatus.REVOKED if key.revoked_at is not None:
            message = "The API key was revoked for good. Create another one."
        case KeyStatus.REVOKED:
            reason = f" ({key.blocked_reason})" if key.blocked_reason else ""
            message = f"The API key is blocked{reason}. Somebody with key:write can unblock it."
    return (_obstacle(InvalidApiKey(message)),)


def _obstacle(error: TielineError) -> Obstacle:
    return Obstacle(error.code, error.message)
