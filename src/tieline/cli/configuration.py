"""`tieline export`, `plan` and `apply`: configuration as files, beside a server or without one."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieline.cli.database import migrated
from tieline.cli.errors import ConfirmationNeeded
from tieline.configuration.files import read_files, read_stream, write_files
from tieline.configuration.kinds.applications import ApplicationKind
from tieline.configuration.kinds.connectors import ConnectorKind
from tieline.configuration.kinds.environment import GroupKind, VariableKind
from tieline.configuration.kinds.integrations import IntegrationKind
from tieline.configuration.kinds.kind import TopKind
from tieline.configuration.kinds.webhooks import WebhookKind
from tieline.configuration.plans import Plan
from tieline.configuration.reading import Source, read_sources
from tieline.configuration.rehearsal import RehearsingSecretStore
from tieline.configuration.rendering import as_json as plan_document
from tieline.configuration.rendering import as_text, changes_anything
from tieline.configuration.service import ConfigurationService
from tieline.configuration.writing import Export, export_document, export_files
from tieline.connectors.service import ConnectorService, connector_exists
from tieline.database import Database
from tieline.expressions.limits import limits_from
from tieline.expressions.sandbox import SandboxPool
from tieline.identity.applications.service import ApplicationService
from tieline.integrations.samples.service import SampleService
from tieline.integrations.service import IntegrationService
from tieline.kit import json
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.outbound.deliveries import queue
from tieline.outbound.webhooks.service import WebhookService, webhook_exists
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.opening import open_secret_store
from tieline.secrets.store import SecretStore
from tieline.settings import Settings

_STREAM = Path("-")
DRIFT = 2


@dataclass(frozen=True)
class Request:
    """What somebody wants of which files."""

    path: Path
    org_id: str
    prune: bool = False
    message: str | None = None


async def export(settings: Settings, path: Path, org_id: str, groups: Sequence[str]) -> int:
    """Write the configuration of an organisation; 0 when that is done."""
    async with _service(settings, verifying=False) as service:
        kinds = [kind for kind in service.kinds if not groups or kind.group in groups]
        things = await service.export(org_id, kinds)
    if path == _STREAM:
        done = export_document(kinds, things)
        sys.stdout.write(done.files["-"])
    else:
        done = export_files(kinds, things)
        _report_files(path, done, write_files(path, done.files, {kind.group for kind in kinds}))
    for place in done.left_out:
        print(
            f"tieline: {place}: a secret in plain text was left out. Put it into an environment "
            "variable, and write {{env.key}} instead.",
            file=sys.stderr,
        )
    return 0


def _report_files(path: Path, done: Export, removed: Sequence[str]) -> None:
    for name in removed:
        print(f"removed {path / name}")
    print(f"{len(done.files)} files in {path}.")


async def plan(settings: Settings, request: Request, *, as_json: bool) -> int:
    """Show what there is to do; 0 if nothing, `DRIFT` otherwise."""
    sources = _sources(request.path)
    async with _service(settings, request.message) as service:
        wanted = read_sources(sources, service.kinds)
        found = await service.plan(request.org_id, wanted, prune=request.prune)
    print(json.dumps_str(plan_document(found)) if as_json else as_text(found))
    return DRIFT if changes_anything(found) else 0


async def apply(settings: Settings, request: Request, *, ask: bool) -> int:
    """Show what there is to do and, if that is agreed to, do it; 0 then, 1 otherwise.

    Raises `ConfirmationNeeded`, `PlanOutdated`, and whatever the services raise.
    """
    if ask and (request.path == _STREAM or not sys.stdin.isatty()):
        raise ConfirmationNeeded
    sources = _sources(request.path)
    async with _service(settings, request.message) as service:
        wanted = read_sources(sources, service.kinds)
        agreed: Plan | None = None
        if ask:
            agreed = await service.plan(request.org_id, wanted, prune=request.prune)
            print(as_text(agreed), flush=True)
            if not changes_anything(agreed):
                return 0
            if not await _is_agreed():
                print("Nothing was applied.")
                return 1
        applied = await service.apply(
            request.org_id,
            wanted,
            prune=request.prune,
            agreed=agreed,
            about_to=lambda found: None if ask else print(as_text(found), flush=True),
        )
        reminders = await service.reminders(request.org_id, wanted)
    for warning in applied.warnings:
        print(f"tieline: {warning}", file=sys.stderr)
    if changes_anything(applied.plan):
        print("Applied.")
    for reminder in reminders:
        print(reminder)
    return 0


async def _is_agreed() -> bool:
    """Whether the person at the terminal says yes."""
    print("Apply this? [y/N] ", end="", flush=True)
    loop = asyncio.get_running_loop()
    # Waiting here and not in `input`, Ctrl-C ends it at once.
    typed = asyncio.Event()
    loop.add_reader(sys.stdin, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _sources(path: Path) -> list[Source]:
    if path == _STREAM:
        return [read_stream(sys.stdin.buffer)]
    return read_files(path)


@contextlib.asynccontextmanager
async def _service(
    settings: Settings, message: str | None = None, *, verifying: bool = True
) -> AsyncIterator[ConfigurationService]:
    """The service with all kinds; it can look at use cases that come only when `verifying`."""
    sandbox = SandboxPool(handler=HANDLER, limits=limits_from(settings))
    async with migrated(settings) as database:
        secrets = RehearsingSecretStore(await open_secret_store(settings, database))
        try:
            if verifying:
                await sandbox.start()
            kinds = all_kinds(settings, database, Mapper(sandbox), secrets, message)
            yield ConfigurationService(database, kinds, secrets)
        finally:
            await sandbox.close()
            await secrets.close()


def all_kinds(
    settings: Settings,
    database: Database,
    mapper: Mapper,
    secrets: SecretStore,
    message: str | None,
) -> Sequence[TopKind]:
    """All kinds in the order in which things of them are created: what is named comes first."""
    integrations = IntegrationService(database, mapper, sample_seconds=settings.sample_seconds)
    samples = SampleService(
        database,
        mapper,
        max_payload_bytes=settings.max_payload_bytes,
        seconds=settings.sample_seconds,
    )
    environment = EnvironmentService(database, secrets)
    connectors = ConnectorService(database, paths=secrets.paths, webhook_exists=webhook_exists)
    webhooks = WebhookService(database, secrets, mapper, queue, connector_exists=connector_exists)
    return (
        GroupKind(environment),
        VariableKind(environment),
        ApplicationKind(ApplicationService(database), secrets.paths),
        ConnectorKind(connectors, secrets.paths),
        WebhookKind(webhooks, secrets),
        IntegrationKind(database, integrations, samples, mapper, message),
    )
