"""`tieline mappings test`: runs samples, stored ones or those of files, and shows what differs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tieline.cli.database import migrated
from tieline.cli.documents import read_document
from tieline.cli.errors import UnreadableFile
from tieline.expressions.limits import limits_from
from tieline.expressions.sandbox import SandboxPool
from tieline.http.erp_integration.samples_wire import SampleFile, run_reply
from tieline.http.errors import describe
from tieline.integrations.errors import IntegrationNotFound, UseCaseNotFound
from tieline.integrations.models import IntegrationWithUseCases, UseCase, UseCaseType
from tieline.integrations.samples.models import SampleResult, SampleStatus
from tieline.integrations.samples.running import Budget, run_samples
from tieline.integrations.samples.service import SampleService
from tieline.integrations.service import IntegrationService
from tieline.integrations.validation import check_configuration
from tieline.kit import json
from tieline.kit.errors import TielineError
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.settings import Settings

_UNHURRIED = 3600.0  # seconds; here nobody waits for an answer but who typed the command


@dataclass(frozen=True)
class Selection:
    """Whose samples to run: those of files, else stored ones; None means any."""

    org_id: str
    integration: str | None
    use_case: str | None
    files: Sequence[Path]


@dataclass(frozen=True)
class Tested:
    """The results of one use case or file, which `title` names."""

    title: str
    results: list[SampleResult]


async def run(settings: Settings, selection: Selection, *, as_json: bool) -> int:
    """Run samples and print how they fared; 0 if all pass, 1 otherwise.

    Raises `UnreadableFile`, `InvalidConfiguration`, `IntegrationNotFound` and `UseCaseNotFound`.
    """
    async with _mapper(settings) as mapper:
        if selection.files:
            tested = [await _test_file(path, mapper) for path in selection.files]
        else:
            tested = await _test_stored(settings, selection, mapper)
    print(_as_json(tested) if as_json else _as_text(tested))
    return 0 if all(_passes(result) for test in tested for result in test.results) else 1


@contextlib.asynccontextmanager
async def _mapper(settings: Settings) -> AsyncIterator[Mapper]:
    sandbox = SandboxPool(handler=HANDLER, limits=limits_from(settings))
    await sandbox.start()
    try:
        yield Mapper(sandbox)
    finally:
        await sandbox.close()


async def _test_file(path: Path, mapper: Mapper) -> Tested:
    try:
        document = SampleFile.model_validate(read_document(path))
    except ValidationError as error:
        raise UnreadableFile(f"{path}: {describe(error.errors())}") from None
    try:
        samples = [sample.named(sample.name) for sample in document.samples]
        await check_configuration(UseCaseType.INBOUND, document.configuration, mapper)
    except TielineError as error:
        raise UnreadableFile(f"{path}: {error.message}") from None
    results = await run_samples(
        mapper, json.dumps(document.configuration), samples, Budget(_UNHURRIED)
    )
    return Tested(str(path), results)


async def _test_stored(settings: Settings, selection: Selection, mapper: Mapper) -> list[Tested]:
    async with migrated(settings) as database:
        integrations = IntegrationService(database, mapper)
        samples = SampleService(
            database,
            mapper,
            max_payload_bytes=settings.max_payload_bytes,
            seconds=_UNHURRIED,
        )
        tested: list[Tested] = []
        for integration, use_case in await _chosen(integrations, selection):
            results = await samples.run(selection.org_id, integration.integration.id, use_case.id)
            if results:
                name = integration.integration.document.get("name", "")
                tested.append(Tested(f"{name} / {use_case.slug or use_case.name}", results))
    return tested


async def _chosen(
    integrations: IntegrationService, selection: Selection
) -> list[tuple[IntegrationWithUseCases, UseCase]]:
    found = await integrations.list_with_use_cases(selection.org_id)
    if selection.integration is not None:
        found = [one for one in found if selection.integration in _names_of_integration(one)]
        if not found:
            raise IntegrationNotFound(
                f"Organisation {selection.org_id} has no integration {selection.integration!r}. "
                "Name its id or its name."
            )
    chosen = [
        (one, use_case)
        for one in found
        for use_case in one.use_cases
        if selection.use_case is None or selection.use_case in _names_of_use_case(use_case)
    ]
    if selection.use_case is not None and not chosen:
        raise UseCaseNotFound(
            f"There is no use case {selection.use_case!r}. Name its id, its slug or its name."
        )
    return chosen


def _names_of_integration(found: IntegrationWithUseCases) -> tuple[Any, ...]:
    return str(found.integration.id), found.integration.document.get("name")


def _names_of_use_case(use_case: UseCase) -> tuple[Any, ...]:
    return str(use_case.id), use_case.slug, use_case.name


def _passes(result: SampleResult) -> bool:
    return result.status is SampleStatus.PASSED


def _as_json(tested: Sequence[Tested]) -> str:
    return json.dumps_str(
        {"tested": [{"title": test.title, **run_reply(test.results)} for test in tested]}
    )


def _as_text(tested: Sequence[Tested]) -> str:
    lines: list[str] = []
    for test in tested:
        lines.append(test.title)
        for result in test.results:
            lines.append(f"  {result.status.value.upper().replace('_', ' '):7}  {result.name}")
            lines += [f"           {difference}" for difference in result.differences]
            if result.message and not _passes(result):
                lines.append(f"           {result.message}")
    results = [result for test in tested for result in test.results]
    passed = sum(map(_passes, results))
    lines.append(f"{len(results)} samples: {passed} passed, {len(results) - passed} did not.")
    return "\n".join(lines)
