"""Which integration the events of an application's component belong to.

The first version of the ingest names no integration but an application and one of its components.
"""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from tieline.audit.recording import record
from tieline.database import Database, OrgTransaction
from tieline.integrations import app_mapping_repository, repository
from tieline.integrations.errors import AppMappingExists, AppMappingNotFound, IntegrationNotFound
from tieline.integrations.routes import RouteCache

_CACHED_MAPPINGS = 10_000


class AppMappings:
    """The mappings of all organisations, remembered until anything about integrations changes."""

    def __init__(
        self, database: Database, routes: RouteCache, *, capacity: int = _CACHED_MAPPINGS
    ) -> None:
        self._database = database
        self._routes = routes
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, UUID, UUID], UUID] = OrderedDict()
        self._generation: int | None = None

    async def find(self, org_id: str, app_id: UUID, component_id: UUID) -> UUID | None:
        """The integration of a component, or None when none is set."""
        generation = self._routes.generation
        if generation is None or generation != self._generation:
            self._known.clear()
            self._generation = generation
        key = (org_id, app_id, component_id)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        async with self._database.reading(org_id) as tx:
            found = await app_mapping_repository.find(tx, app_id, component_id)
        # What was read before a change must not be remembered after it.
        if found is not None and generation is not None and generation == self._routes.generation:
            self._known[key] = found
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return found

    async def list_components(self, org_id: str) -> dict[UUID, list[tuple[UUID, UUID]]]:
        """The components, as application and component, that belong to each integration."""
        async with self._database.reading(org_id) as tx:
            return await app_mapping_repository.list_components(tx)

    async def put(
        self,
        org_id: str,
        integration_id: UUID,
        app_id: UUID,
        component_id: UUID,
        *,
        overwrite: bool,
    ) -> None:
        """Let the events of a component belong to an integration.

        Raises `IntegrationNotFound`, and `AppMappingExists` when the component has an integration
        already and that is not to be overwritten.
        """
        async with self._database.organisation(org_id) as tx:
            if await repository.find_integration(tx, integration_id, lock=True) is None:
                raise IntegrationNotFound
            before = await app_mapping_repository.find(tx, app_id, component_id)
            if not await app_mapping_repository.put(
                tx, app_id, component_id, integration_id, overwrite=overwrite
            ):
                raise AppMappingExists
            await _record(tx, app_id, component_id, before, integration_id)
            await repository.announce_change(tx, integration_id)
        self._routes.forget(str(integration_id))

    async def delete(
        self, org_id: str, integration_id: UUID, app_id: UUID, component_id: UUID
    ) -> None:
        """Let a component have no integration.

        Raises `AppMappingNotFound` when it has none, or another one than that named.
        """
        async with self._database.organisation(org_id) as tx:
            if not await app_mapping_repository.delete(tx, app_id, component_id, integration_id):
                raise AppMappingNotFound
            await _record(tx, app_id, component_id, integration_id, None)
            await repository.announce_change(tx, integration_id)
        self._routes.forget(str(integration_id))


async def _record(
    tx: OrgTransaction,
    app_id: UUID,
    component_id: UUID,
    before: UUID | None,
    after: UUID | None,
) -> None:
    what = "created" if before is None else "deleted" if after is None else "updated"
    await record(
        tx,
        f"app_mapping.{what}",
        "app_mapping",
        f"{app_id}/{component_id}",
        before={"integration_id": str(before)} if before else None,
        after={"integration_id": str(after)} if after else None,
    )
