"""Applications in files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.configuration.kinds.kind import Document, Report
from tieline.configuration.kinds.records import RecordKind
from tieline.configuration.models import Thing
from tieline.identity.applications.models import APPLICATIONS, Application, ApplicationDraft
from tieline.identity.applications.service import ApplicationService
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.secrets.paths import VaultPaths


class ApplicationKind(RecordKind[Application]):
    """Applications, which are known by their slugs and never deleted."""

    noun = "application"
    section = "applications"
    group = "applications"
    permanent = "applications are never deleted; retire it by `status: retired`"
    draft = ApplicationDraft
    fields = (
        "slug",
        "display_name",
        "kind",
        "description",
        "status",
        "primary_domain",
        "oauth_client_id",
        "canonical_owner_of",
        "api_base_path",
        "repository",
        "source",
        "source_type",
    )

    def __init__(self, applications: ApplicationService, paths: VaultPaths) -> None:
        super().__init__(APPLICATIONS, paths)
        self._applications = applications

    def key(self, document: Document) -> str:
        """The slug."""
        return str(document.get("slug", ""))

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of an application; its slug has to be there."""
        if raw.get("slug") is None:
            report(("slug",), "is missing")
        return super().document(raw, report)

    async def verify(
        self, current: Thing | None, wanted: Thing, fault: Report, warn: Report
    ) -> None:
        """Report a slug that would change."""
        if current is not None and current.key != wanted.key:
            fault(
                ("slug",), f"is {current.key!r} and cannot be changed: records carry it. Restore it"
            )

    async def _page(self, caller: Caller, listing: Listing) -> Page[Application]:
        return await self._applications.list_applications(caller, listing)

    async def _create(self, caller: Caller, draft: Any, record_id: UUID | None) -> Application:
        return await self._applications.create_application(caller, draft, application_id=record_id)

    async def _change(
        self, caller: Caller, record_id: UUID, version: int, draft: Any
    ) -> Application:
        return await self._applications.update_application(caller, record_id, version, draft)

    async def _delete(self, caller: Caller, record_id: UUID) -> None:
        raise RuntimeError(self.permanent)  # no plan says so
