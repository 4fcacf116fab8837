"""Connectors in files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.configuration.kinds.kind import Document
from tieline.configuration.kinds.records import RecordKind
from tieline.connectors.models import CONNECTORS, Connector, ConnectorDraft
from tieline.connectors.service import ConnectorService
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.secrets.paths import VaultPaths


class ConnectorKind(RecordKind[Connector]):
    """Connectors, known by their names. How they fare is not for files."""

    noun = "connector"
    section = "connectors"
    group = "connectors"
    late = ("webhook_endpoint_id",)
    draft = ConnectorDraft
    fields = (
        "name",
        "type",
        "provider",
        "enabled",
        "scope",
        "owner_id",
        "group_id",
        "user_id",
        "auth_type",
        "vault_path",
        "config",
        "event_types",
        "webhook_endpoint_id",
        "application_id",
        "tags",
        "source",
        "source_type",
    )

    def __init__(self, connectors: ConnectorService, paths: VaultPaths) -> None:
        super().__init__(CONNECTORS, paths)
        self._connectors = connectors

    def key(self, document: Document) -> str:
        """The name; several connectors may have the same."""
        return str(document.get("name", ""))

    async def _page(self, caller: Caller, listing: Listing) -> Page[Connector]:
        return await self._connectors.list_connectors(caller, listing)

    async def _create(self, caller: Caller, draft: Any, record_id: UUID | None) -> Connector:
        return await self._connectors.create_connector(caller, draft, connector_id=record_id)

    async def _change(self, caller: Caller, record_id: UUID, version: int, draft: Any) -> Connector:
        return await self._connectors.update_connector(caller, record_id, version, draft)

    async def _delete(self, caller: Caller, record_id: UUID) -> None:
        await self._connectors.delete_connector(caller, record_id)
