"""Register, change and delete connectors."""

from __future__ import annotations

from uuid import UUID

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.connectors.configuration import refuse_secrets
from tieline.connectors.errors import ConnectorNotFound
from tieline.connectors.models import CONNECTORS, Connector, ConnectorDraft, ConnectorScope
from tieline.database import Database, OrgTransaction
from tieline.identity.applications.service import application_exists
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.records.envelope import Caller
from tieline.records.listing import Listing, Page
from tieline.records.references import Exists, check_reference
from tieline.records.repository import find_record
from tieline.records.service import RecordService
from tieline.secrets.paths import VaultPaths


class ConnectorService:
    """The connectors of all organisations. `webhook_exists` looks for the webhooks they name."""

    def __init__(
        self,
        database: Database,
        *,
        paths: VaultPaths,
        webhook_exists: Exists,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._paths = paths
        self._webhook_exists = webhook_exists
        self._records = RecordService(database, CONNECTORS, missing=ConnectorNotFound, clock=clock)

    async def list_connectors(self, caller: Caller, listing: Listing) -> Page[Connector]:
        """A page of the connectors that the caller may see."""
        page = await self._records.list_records(caller, listing)
        await self._note_view(caller, *page.records)
        return page

    async def get_connector(self, caller: Caller, connector_id: UUID) -> Connector:
        """A connector. Raises `ConnectorNotFound`."""
        found = await self._records.get(caller, connector_id)
        await self._note_view(caller, found)
        return found

    async def create_connector(
        self, caller: Caller, draft: ConnectorDraft, *, connector_id: UUID | None = None
    ) -> Connector:
        """Register a connector, under the id that is given if one is, be it that of a deleted one.

        Raises `SecretInConfiguration`, `InvalidVaultPath`, and `InvalidInput` for a scope without
        its user or group and for a webhook or an application that does not exist.
        """
        connector = self._records.new(caller, connector_id or new_uuid(), draft.fields())
        async with self._database.organisation(caller.org_id) as tx:
            if connector_id is not None:
                await self._records.free_id(tx, connector_id)
            await self._check(tx, caller, None, connector)
            await self._records.insert(tx, connector)
        return connector

    async def update_connector(
        self, caller: Caller, connector_id: UUID, version: int, draft: ConnectorDraft
    ) -> Connector:
        """Change a connector.

        Raises `ConnectorNotFound`, `VersionConflict`, and what `create_connector` raises.
        """

        async def amend(tx: OrgTransaction, before: Connector, after: Connector) -> Connector:
            await self._check(tx, caller, before, after)
            return after

        async with self._database.organisation(caller.org_id) as tx:
            return await self._records.change(
                tx, caller, connector_id, version, draft.fields(), amend
            )

    async def delete_connector(self, caller: Caller, connector_id: UUID) -> Connector:
        """Mark a connector as deleted; its secrets stay where they are.

        Raises `ConnectorNotFound`.
        """
        async with self._database.organisation(caller.org_id) as tx:
            return await self._records.delete(tx, caller, connector_id)

    async def _check(
        self, tx: OrgTransaction, caller: Caller, before: Connector | None, after: Connector
    ) -> None:
        refuse_secrets(after.config)
        _check_scope(after)
        if after.vault_path is not None:
            self._paths.relative_path(caller.org_id, after.vault_path)
        for field, exists in (
            ("application_id", application_exists),
            ("webhook_endpoint_id", self._webhook_exists),
        ):
            await check_reference(tx, caller, exists, field, before=before, after=after)

    async def _note_view(self, caller: Caller, *connectors: Connector) -> None:
        secret = [CONNECTORS.wire_id(each) for each in connectors if each.vault_path]
        await viewed(self._database, caller.org_id, Shown.CONNECTOR_CREDENTIALS, secret)


async def connector_exists(tx: OrgTransaction, caller: Caller, connector_id: UUID) -> bool:
    """Whether there is a connector with that id which the caller may see."""
    return await find_record(tx, CONNECTORS, connector_id, app_id=caller.app_id) is not None


def _check_scope(connector: Connector) -> None:
    match connector.scope:
        case ConnectorScope.USER if not (connector.user_id or connector.owner_id):
            raise InvalidInput("user_id: is required with the scope user, or owner_id. Send one.")
        case ConnectorScope.GROUP if not connector.group_id:
            raise InvalidInput("group_id: is required with the scope group. Send it.")
        case ConnectorScope.ORG | ConnectorScope.USER | ConnectorScope.GROUP:
            return
