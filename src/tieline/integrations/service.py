"""What one can do with integrations and use cases. Every change is one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from tieline.audit.recording import record, record_all
from tieline.database import Database, OrgTransaction
from tieline.integrations import repository, version_repository
from tieline.integrations.app_mappings import AppMappings
from tieline.integrations.audited import use_case_action
from tieline.integrations.errors import IntegrationNotFound, UseCaseNotFound
from tieline.integrations.models import (
    HistoryPage,
    Integration,
    IntegrationRoutes,
    IntegrationWithUseCases,
    UseCase,
    UseCaseChange,
    UseCaseType,
)
from tieline.integrations.outbound_routes import OutboundRoutes
from tieline.integrations.plan import refuse_contradiction, refuse_duplicate_ids
from tieline.integrations.routes import ConfigurationCache, RouteCache, VersionKey
from tieline.integrations.samples.guard import SampleGuard
from tieline.integrations.storing import CheckedChange, store_changes
from tieline.integrations.validation import check_sent_configuration
from tieline.kit import json
from tieline.kit.ids import new_uuid
from tieline.kit.time import Clock, utc_now
from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.mapper import Mapper
from tieline.mapping.models import ConfigurationWarning

HISTORY_PAGE_SIZE = 20

Document = Mapping[str, Any]
# What an outbound configuration of an organisation names that does not exist.
FindMissing = Callable[[str, Document], Awaitable[Sequence[ConfigurationWarning]]]


class IntegrationService:
    """Integrations and use cases of all organisations, and the routes of their events."""

    def __init__(
        self,
        database: Database,
        mapper: Mapper,
        clock: Clock = utc_now,
        *,
        sample_seconds: float = 5.0,
        find_missing: FindMissing | None = None,
    ) -> None:
        self._database = database
        self._mapper = mapper
        self._clock = clock
        self._find_missing = find_missing
        self._routes = RouteCache(database)
        self.outbound = OutboundRoutes()
        self.app_mappings = AppMappings(database, self._routes)
        self._configurations = ConfigurationCache(database)
        self._samples = SampleGuard(database, mapper, sample_seconds)

    async def start(self) -> None:
        """Listen for changes by other processes. Routes are remembered only from then on."""
        await self._routes.listener.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._routes.listener.stop()

    async def resolve_routes(self, org_id: str, integration_id: UUID) -> IntegrationRoutes | None:
        """Where the integration's events go, or None when there is no such integration."""
        return await self._routes.find(org_id, integration_id)

    async def read_routes(self, org_id: str, integration_id: UUID) -> IntegrationRoutes:
        """The routes as stored at this moment: a change by another process counts at once.

        Raises `IntegrationNotFound`.
        """
        routes = await self._routes.read(org_id, integration_id)
        if routes is None:
            raise IntegrationNotFound
        return routes

    async def configurations(
        self, org_id: str, versions: Sequence[VersionKey]
    ) -> dict[VersionKey, bytes]:
        """The configurations (JSON texts) of use case versions, also of deleted use cases.

        A version without configuration has the empty one; unknown versions are left out.
        """
        return await self._configurations.find(org_id, versions)

    # --- integrations ---

    async def list_integrations(self, org_id: str) -> list[Integration]:
        """All integrations, oldest first."""
        async with self._database.reading(org_id) as tx:
            return await repository.list_integrations(tx)

    async def list_with_use_cases(self, org_id: str) -> list[IntegrationWithUseCases]:
        """All integrations with their use cases, oldest first."""
        async with self._database.reading(org_id) as tx:
            integrations = await repository.list_integrations(tx)
            use_cases = await repository.list_use_cases(tx)
        grouped: dict[UUID, list[UseCase]] = {}
        for use_case in use_cases:
            grouped.setdefault(use_case.integration_id, []).append(use_case)
        return [
            IntegrationWithUseCases(integration, grouped.get(integration.id, []))
            for integration in integrations
        ]

    async def get_integration(self, org_id: str, integration_id: UUID) -> Integration:
        """An integration. Raises `IntegrationNotFound`."""
        async with self._database.reading(org_id) as tx:
            return _found(await repository.find_integration(tx, integration_id))

    async def get_with_use_cases(
        self, org_id: str, integration_id: UUID
    ) -> IntegrationWithUseCases:
        """An integration with its use cases. Raises `IntegrationNotFound`."""
        async with self._database.reading(org_id) as tx:
            integration = _found(await repository.find_integration(tx, integration_id))
            return IntegrationWithUseCases(
                integration, await repository.list_use_cases(tx, integration_id)
            )

    async def create_integration(
        self,
        org_id: str,
        document: Document,
        use_cases: Sequence[UseCaseChange] = (),
        *,
        integration_id: UUID | None = None,
    ) -> IntegrationWithUseCases:
        """A new integration with its use cases; ids given for it and for these are used.

        Raises `InvalidConfiguration`, `DuplicateUseCase`, `SlugTaken` and `UseCaseIdTaken`.
        """
        checked = await self._check_embedded(org_id, use_cases)
        now = self._clock()
        new_id = integration_id or new_uuid()
        integration = Integration(org_id, new_id, merged({}, document), now, now)
        async with self._database.organisation(org_id) as tx:
            await repository.insert_integration(tx, integration)
            await _record(tx, "created", integration.id, after=integration.document)
            plan = await store_changes(tx, integration.id, checked, replace_all=True, now=now)
        return IntegrationWithUseCases(integration, plan.result)

    async def update_integration(
        self,
        org_id: str,
        integration_id: UUID,
        changes: Document,
        use_cases: Sequence[UseCaseChange] | None = None,
    ) -> IntegrationWithUseCases:
        """Change an integration and, unless None is given, make its use cases these.

        A key of `changes` replaces that of the document, null removes it. Use cases with a known
        id are updated, others created, and those not listed deleted. Raises `IntegrationNotFound`
        and all that `create_integration` and `update_use_case` raise.
        """
        checked = await self._check_embedded(org_id, use_cases or ())
        checked = await self._samples.warn(org_id, integration_id, checked)
        now = self._clock()
        async with self._changing(org_id, integration_id) as tx:
            integration = await _locked(tx, integration_id)
            plan = await store_changes(
                tx, integration_id, checked, replace_all=use_cases is not None, now=now
            )
            document = merged(integration.document, changes)
            different = json.dumps(document) != json.dumps(integration.document)
            if different:
                before = integration.document
                await _record(tx, "updated", integration_id, before=before, after=document)
            if plan.changes_anything or different:
                integration = replace(integration, document=document, updated_at=now)
                await repository.update_integration(tx, integration)
            stored = await repository.list_use_cases(tx, integration_id)
        warnings = {use_case.id: use_case.warnings for use_case in plan.result}
        return IntegrationWithUseCases(
            integration,
            [replace(use_case, warnings=warnings.get(use_case.id, ())) for use_case in stored],
        )

    async def delete_integration(self, org_id: str, integration_id: UUID) -> None:
        """Remove an integration and its use cases. Raises `IntegrationNotFound`."""
        async with self._changing(org_id, integration_id) as tx:
            integration = await _locked(tx, integration_id)
            await store_changes(tx, integration_id, (), replace_all=True, now=self._clock())
            await _record(tx, "deleted", integration_id, before=integration.document)
            await repository.delete_integration(tx, integration_id)
            await repository.announce_change(tx, integration_id)

    # --- use cases ---

    async def list_use_cases(self, org_id: str, integration_id: UUID) -> list[UseCase]:
        """The use cases of an integration, oldest first. Raises `IntegrationNotFound`."""
        return (await self.get_with_use_cases(org_id, integration_id)).use_cases

    async def get_use_case(self, org_id: str, integration_id: UUID, use_case_id: UUID) -> UseCase:
        """A use case. Raises `UseCaseNotFound`."""
        async with self._database.reading(org_id) as tx:
            found = await repository.find_use_case(tx, integration_id, use_case_id)
        if found is None:
            raise UseCaseNotFound
        return found

    async def find_use_case(
        self, org_id: str, integration_id: UUID, use_case_id: UUID | None, slug: str | None
    ) -> UseCase | None:
        """A use case by its id or by its slug, or None when there is none."""
        async with self._database.reading(org_id) as tx:
            if use_case_id is not None:
                return await repository.find_use_case(tx, integration_id, use_case_id)
            if slug is not None:
                return await repository.find_use_case_by_slug(tx, integration_id, slug)
        return None

    async def create_use_case(
        self, org_id: str, integration_id: UUID, wanted: UseCaseChange
    ) -> UseCase:
        """A new use case of an integration.

        Raises `IntegrationNotFound`, `InvalidConfiguration` and `SlugTaken`.
        """
        await self.get_integration(org_id, integration_id)
        checked = await self._check(org_id, wanted)
        async with self._changing(org_id, integration_id) as tx:
            await _locked(tx, integration_id)
            return await self._store_one(tx, integration_id, checked)

    async def update_use_case(
        self, org_id: str, integration_id: UUID, use_case_id: UUID, wanted: UseCaseChange
    ) -> UseCase:
        """Change a use case; what it was becomes part of its history, unless nothing changes.

        Raises `UseCaseNotFound`, `InvalidConfiguration`, `SlugTaken`, `SlugImmutable` and
        `TypeImmutable`.
        """
        current = await self.get_use_case(org_id, integration_id, use_case_id)
        wanted = replace(wanted, id=use_case_id)
        refuse_contradiction(current, wanted)
        checked = await self._check(org_id, replace(wanted, type=current.type))
        [checked] = await self._samples.warn(org_id, integration_id, [checked])
        async with self._changing(org_id, integration_id) as tx:
            await _locked_use_case(tx, integration_id, use_case_id)
            return await self._store_one(tx, integration_id, checked)

    async def delete_use_case(self, org_id: str, integration_id: UUID, use_case_id: UUID) -> None:
        """Remove a use case. Events accepted before are still mapped. Raises `UseCaseNotFound`."""
        async with self._changing(org_id, integration_id) as tx:
            use_case = await _locked_use_case(tx, integration_id, use_case_id)
            await version_repository.archive_versions(tx, [use_case_id], self._clock())
            await repository.delete_use_cases(tx, [use_case_id])
            await record_all(tx, [use_case_action("deleted", use_case, None)])
            await repository.announce_change(tx, integration_id)

    async def use_case_history(
        self, org_id: str, integration_id: UUID, use_case_id: UUID, *, before: int | None = None
    ) -> HistoryPage:
        """Earlier versions, newest first, at most `HISTORY_PAGE_SIZE`. Raises `UseCaseNotFound`."""
        use_case = await self.get_use_case(org_id, integration_id, use_case_id)
        async with self._database.reading(org_id) as tx:
            versions = await version_repository.list_archived(
                tx, use_case, before=before, count=HISTORY_PAGE_SIZE + 1
            )
        page = versions[:HISTORY_PAGE_SIZE]
        more = len(versions) > HISTORY_PAGE_SIZE
        return HistoryPage(page, before=page[-1].use_case.version if more else None)

    # --- what changes have in common ---

    @contextlib.asynccontextmanager
    async def _changing(self, org_id: str, integration_id: UUID) -> AsyncIterator[OrgTransaction]:
        """A transaction after which this process knows no routes of before."""
        async with self._database.organisation(org_id) as tx:
            yield tx
        self._routes.forget(str(integration_id))

    async def _store_one(
        self, tx: OrgTransaction, integration_id: UUID, checked: CheckedChange
    ) -> UseCase:
        plan = await store_changes(
            tx, integration_id, [checked], replace_all=False, now=self._clock()
        )
        return plan.result[0]

    async def _check_embedded(
        self, org_id: str, use_cases: Sequence[UseCaseChange]
    ) -> list[CheckedChange]:
        refuse_duplicate_ids(use_cases)
        checked = []
        for index, wanted in enumerate(use_cases):
            try:
                checked.append(await self._check(org_id, wanted))
            except InvalidConfiguration as error:
                place = f"use_cases[{index}]"
                path = f"{place}.{error.path}"
                raise InvalidConfiguration(f"{place}: {error.message}", path) from None
        return checked

    async def _check(self, org_id: str, wanted: UseCaseChange) -> CheckedChange:
        if wanted.configuration is None or wanted.type is None:
            return CheckedChange(wanted)
        checked = await check_sent_configuration(wanted.type, wanted.configuration, self._mapper)
        if wanted.type is UseCaseType.OUTBOUND and self._find_missing is not None:
            missing = await self._find_missing(org_id, wanted.configuration)
            checked = replace(checked, warnings=(*checked.warnings, *missing))
        return CheckedChange(wanted, checked)


def merged(document: Document, changes: Document) -> dict[str, Any]:
    """A document after changes: a key replaces, null removes, and within a value says nothing."""
    merged_document: dict[str, Any] = _without_nulls({**document, **changes})
    return merged_document


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None]
    return value


def _found(integration: Integration | None) -> Integration:
    if integration is None:
        raise IntegrationNotFound
    return integration


async def _record(
    tx: OrgTransaction,
    what: str,
    integration_id: UUID,
    *,
    before: Document | None = None,
    after: Document | None = None,
) -> None:
    action, target_id = f"integration.{what}", str(integration_id)
    await record(tx, action, "integration", target_id, before=before, after=after)


async def _locked(tx: OrgTransaction, integration_id: UUID) -> Integration:
    return _found(await repository.find_integration(tx, integration_id, lock=True))


async def _locked_use_case(tx: OrgTransaction, integration_id: UUID, use_case_id: UUID) -> UseCase:
    """A use case whose integration is locked from now on."""
    await repository.find_integration(tx, integration_id, lock=True)
    found = await repository.find_use_case(tx, integration_id, use_case_id)
    if found is None:
        raise UseCaseNotFound
    return found
