"""Register and change applications, and find the one for which somebody calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import asyncpg

from tieline.database import Database, OrgTransaction
from tieline.identity.applications import repository
from tieline.identity.applications.errors import (
    ApplicationNotFound,
    ApplicationSlugImmutable,
    ApplicationSlugTaken,
    LibraryHasNoIdentity,
    OauthClientIdTaken,
)
from tieline.identity.applications.models import (
    APPLICATIONS,
    Application,
    ApplicationDraft,
)
from tieline.identity.applications.slugs import distinguished, slug_of
from tieline.identity.changes import Change, announce
from tieline.kit.errors import TielineError
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.records.repository import find_record
from tieline.records.service import RecordService

_TAKEN: dict[str, type[TielineError]] = {
    "applications_slug": ApplicationSlugTaken,
    "applications_client": OauthClientIdTaken,
}


class ApplicationService:
    """The applications of all organisations. They are never deleted: records carry their slugs.

    `on_change` is called after each change here; other processes hear of it a moment later.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        on_change: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._on_change = on_change
        self._records = RecordService(
            database, APPLICATIONS, missing=ApplicationNotFound, clock=clock
        )

    async def list_applications(self, caller: Caller, listing: Listing) -> Page[Application]:
        """A page of the applications that the caller may see."""
        return await self._records.list_records(caller, listing)

    async def get_application(self, caller: Caller, application_id: UUID) -> Application:
        """An application. Raises `ApplicationNotFound`."""
        return await self._records.get(caller, application_id)

    async def create_application(
        self, caller: Caller, draft: ApplicationDraft, *, application_id: UUID | None = None
    ) -> Application:
        """Register an application, under the id that is given if one is.

        Raises `ApplicationSlugTaken`, `OauthClientIdTaken` and `LibraryHasNoIdentity`.
        """
        new_id = application_id or new_uuid()
        async with self._unique(caller.org_id) as tx:
            fields = draft.fields()
            if fields.get("slug") is None:
                fields["slug"] = await _free_slug(tx, draft.display_name, new_id)
            application = _checked(self._records.new(caller, new_id, fields))
            await self._records.insert(tx, application)
            await announce(tx, application.slug)
        self._on_change(Change(caller.org_id, application.slug))
        return application

    async def update_application(
        self, caller: Caller, application_id: UUID, version: int, draft: ApplicationDraft
    ) -> Application:
        """Change an application. Whether its keys are accepted follows at once.

        Raises `ApplicationNotFound`, `VersionConflict`, `ApplicationSlugImmutable`,
        `OauthClientIdTaken` and `LibraryHasNoIdentity`.
        """
        async with self._unique(caller.org_id) as tx:
            changed = await self._records.change(
                tx, caller, application_id, version, draft.fields(), _amended
            )
            await announce(tx, changed.slug)
        self._on_change(Change(caller.org_id, changed.slug))
        return changed

    async def find(self, org_id: str, application_id: UUID) -> Application | None:
        """An application by its id, whatever its status."""
        async with self._database.reading(org_id) as tx:
            return await find_record(tx, APPLICATIONS, application_id)

    async def find_by_client_id(self, org_id: str, client_id: str) -> Application | None:
        """The application for which tokens of an OAuth client speak, whatever its status."""
        async with self._database.reading(org_id) as tx:
            return await repository.find_by_client_id(tx, client_id)

    @asynccontextmanager
    async def _unique(self, org_id: str) -> AsyncIterator[OrgTransaction]:
        """A transaction in which a name that is taken is an error with words."""
        try:
            async with self._database.organisation(org_id) as tx:
                yield tx
        except asyncpg.UniqueViolationError as error:
            taken = _TAKEN.get(error.constraint_name or "")
            if taken is None:
                raise
            raise taken from None


async def application_exists(tx: OrgTransaction, caller: Caller, application_id: UUID) -> bool:
    """Whether there is an application with that id which the caller may see."""
    found = await find_record(tx, APPLICATIONS, application_id, app_id=caller.app_id)
    return found is not None


async def _free_slug(tx: OrgTransaction, name: str | None, application_id: UUID) -> str:
    identifier = APPLICATIONS.id_form.to_wire(application_id)
    slug = slug_of(name, identifier)
    if await repository.find_by_slug(tx, slug) is None:
        return slug
    return distinguished(slug, identifier)


async def _amended(_tx: OrgTransaction, before: Application, after: Application) -> Application:
    if after.slug != before.slug:
        raise ApplicationSlugImmutable
    return _checked(after)


def _checked(application: Application) -> Application:
    if application.oauth_client_id is not None and not application.has_runtime_identity:
        raise LibraryHasNoIdentity
    return replace(application, status=application.status.strip().lower() or "active")
