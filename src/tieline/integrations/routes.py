"""Where inbound events go and by what they are mapped, remembered until it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from tieline.database import Database
from tieline.database.notifications import ChangeListener
from tieline.integrations import repository, version_repository
from tieline.integrations.models import IntegrationRoutes, Route

_CACHED_INTEGRATIONS = 10_000
_CACHED_CONFIGURATION_BYTES = 64 << 20

VersionKey = tuple[UUID, int]


class RouteCache:
    """The routes of integrations. Nothing is remembered while changes cannot be heard of."""

    def __init__(self, database: Database, *, capacity: int = _CACHED_INTEGRATIONS) -> None:
        self._database = database
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, UUID], IntegrationRoutes] = OrderedDict()
        self._changes = 0
        self.listener = ChangeListener(database, repository.CHANGED_CHANNEL, self.forget)

    @property
    def generation(self) -> int | None:
        """Another number after each change; None while changes cannot be heard of."""
        return self._changes if self.listener.alive else None

    def forget(self, integration_id: str | None) -> None:
        """Forget the routes of an integration, or all."""
        self._changes += 1
        if integration_id is None:
            self._known.clear()
            return
        for key in [key for key in self._known if str(key[1]) == integration_id]:
            del self._known[key]

    async def find(self, org_id: str, integration_id: UUID) -> IntegrationRoutes | None:
        """The routes of an integration, or None when there is no such integration."""
        key = (org_id, integration_id)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        changes = self._changes
        found = await self.read(org_id, integration_id)
        # What was read before a change must not be remembered after it.
        if found is not None and self.listener.alive and changes == self._changes:
            self._known[key] = found
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return found

    async def read(self, org_id: str, integration_id: UUID) -> IntegrationRoutes | None:
        """The same as it is stored at this moment, whatever is remembered."""
        async with self._database.reading(org_id) as tx:
            rows = await repository.inbound_routes(tx, integration_id)
        if not rows:
            return None
        routes = [
            Route(row["id"], row["version"], row["enabled"], row["slug"], row["name"])
            for row in rows
            if row["id"] is not None
        ]
        return arrange(org_id, integration_id, routes)


def arrange(org_id: str, integration_id: UUID, routes: Sequence[Route]) -> IntegrationRoutes:
    """Routes by slug, by event name and by id; `routes` come oldest first."""
    by_slug = {route.slug: route for route in routes if route.slug is not None}
    by_name: dict[str, Route] = {}
    for route in sorted(routes, key=lambda route: not route.enabled):
        by_name.setdefault(route.name, route)
    by_id = {route.use_case_id: route for route in routes}
    return IntegrationRoutes(org_id, integration_id, by_slug, {**by_name, **by_slug}, by_id)


class ConfigurationCache:
    """The configurations of use case versions as JSON texts. A version never changes."""

    def __init__(
        self, database: Database, *, capacity_bytes: int = _CACHED_CONFIGURATION_BYTES
    ) -> None:
        self._database = database
        self._capacity = capacity_bytes
        self._size = 0
        self._known: OrderedDict[tuple[str, UUID, int], bytes] = OrderedDict()

    async def find(self, org_id: str, versions: Sequence[VersionKey]) -> dict[VersionKey, bytes]:
        """The configurations of these versions; versions that never existed are left out."""
        found: dict[VersionKey, bytes] = {}
        missing: list[VersionKey] = []
        for version in dict.fromkeys(versions):
            known = self._known.get((org_id, *version))
            if known is None:
                missing.append(version)
            else:
                self._known.move_to_end((org_id, *version))
                found[version] = known
        if missing:
            async with self._database.reading(org_id) as tx:
                read = await version_repository.find_configurations(tx, missing)
            for version, text in read.items():
                self._remember((org_id, *version), text)
            found.update(read)
        return found

    def _remember(self, key: tuple[str, UUID, int], text: bytes) -> None:
        self._size += len(text) - len(self._known.get(key, b""))
        self._known[key] = text
        while self._size > self._capacity:
            _, dropped = self._known.popitem(last=False)
            self._size -= len(dropped)
