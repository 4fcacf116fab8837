"""The services that commands about one integration need, beside a running server or without one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from tieline.cli.database import migrated
from tieline.cli.errors import AmbiguousIntegration
from tieline.cli.selection import Where
from tieline.database import Database
from tieline.expressions.limits import limits_from
from tieline.expressions.sandbox import SandboxPool
from tieline.inbound.acceptance import Acceptance
from tieline.integrations.errors import IntegrationNotFound, UseCaseNotFound
from tieline.integrations.models import Integration
from tieline.integrations.service import IntegrationService
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.settings import Settings

WHO = "command line"  # where the API notes the name of a key


@dataclass(frozen=True)
class Tools:
    """What a command works with; `integration` is the one that it is about."""

    database: Database
    mapper: Mapper
    integrations: IntegrationService
    acceptance: Acceptance
    integration: Integration

    @property
    def org_id(self) -> str:
        """The organisation."""
        return self.integration.org_id

    async def use_case_id(self, name: str | None) -> UUID | None:
        """The id of the use case with this id, slug or name. Raises `UseCaseNotFound`."""
        if name is None:
            return None
        found = await self.integrations.list_use_cases(self.org_id, self.integration.id)
        for use_case in found:
            if name in (str(use_case.id), use_case.slug, use_case.name):
                return use_case.id
        known = ", ".join(use_case.slug or use_case.name for use_case in found) or "none"
        raise UseCaseNotFound(
            f"There is no use case {name!r}. Name one by its id, its slug or its name: {known}."
        )


@contextlib.asynccontextmanager
async def integration_tools(
    settings: Settings, where: Where, *, mapping: bool = False
) -> AsyncIterator[Tools]:
    """The services about an integration; those that map events work only with `mapping`.

    Raises `IntegrationNotFound`, and `AmbiguousIntegration` when several could be meant.
    """
    pool = SandboxPool(handler=HANDLER, limits=limits_from(settings))
    async with migrated(settings) as database:
        mapper = Mapper(pool)
        integrations = IntegrationService(database, mapper)
        window = timedelta(hours=settings.deduplication_hours)
        acceptance = Acceptance(database, integrations, deduplication_window=window)
        integration = await _integration(integrations, where)
        if mapping:
            await pool.start()
        try:
            yield Tools(database, mapper, integrations, acceptance, integration)
        finally:
            await pool.close()


async def _integration(integrations: IntegrationService, where: Where) -> Integration:
    found = await integrations.list_integrations(where.org)
    if where.integration is not None:
        wanted = [one for one in found if where.integration in (str(one.id), _name(one))]
        if not wanted:
            raise IntegrationNotFound(
                f"Organisation {where.org} has no integration {where.integration!r}. "
                "Name its id or its name."
            )
        found = wanted
    if len(found) == 1:
        return found[0]
    if not found:
        raise IntegrationNotFound(
            f"Organisation {where.org} has no integration. Name another one with --org."
        )
    named = ", ".join(f"{one.id} ({_name(one)})" for one in found)
    raise AmbiguousIntegration(
        f"{len(found)} integrations could be meant. Name one by --integration and its id: {named}."
    )


def _name(integration: Integration) -> str:
    return str(integration.document.get("name", ""))
