"""Warns of configurations that break what samples show, as they are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from tieline.database import Database
from tieline.integrations import repository as use_cases
from tieline.integrations.models import UseCase
from tieline.integrations.samples import repository
from tieline.integrations.samples.models import Sample, SampleResult, SampleStatus
from tieline.integrations.samples.running import Budget, run_samples
from tieline.integrations.storing import CheckedChange
from tieline.kit import json
from tieline.mapping.mapper import Mapper
from tieline.mapping.models import ConfigurationWarning

_SHOWN = 3  # differences in one warning


class SampleGuard:
    """Runs the samples of use cases that are about to change. All together take about `seconds`."""

    def __init__(self, database: Database, mapper: Mapper, seconds: float) -> None:
        self._database = database
        self._mapper = mapper
        self._seconds = seconds

    async def warn(
        self, org_id: str, integration_id: UUID, changes: Sequence[CheckedChange]
    ) -> list[CheckedChange]:
        """The changes with a warning for each sample that their configurations break.

        Only configurations that differ from the stored ones are tried.
        """
        affected = await self._affected(org_id, integration_id, changes)
        if not affected:
            return list(changes)
        budget = Budget(self._seconds)
        warned: list[CheckedChange] = []
        for change in changes:
            use_case_id, wanted = change.wanted.id, change.wanted.configuration
            samples = affected.get(use_case_id) if use_case_id else None
            if samples is None or wanted is None:
                warned.append(change)
                continue
            results = await run_samples(self._mapper, json.dumps(wanted), samples, budget)
            warnings = (*change.configuration.warnings, *sample_warnings(results))
            configuration = replace(change.configuration, warnings=warnings)
            warned.append(replace(change, configuration=configuration))
        return warned

    async def _affected(
        self, org_id: str, integration_id: UUID, changes: Sequence[CheckedChange]
    ) -> dict[UUID, list[Sample]]:
        """The samples of the use cases whose configurations change."""
        wanted = {
            change.wanted.id: change.wanted.configuration
            for change in changes
            if change.wanted.id is not None and change.wanted.configuration is not None
        }
        if not wanted:
            return {}
        async with self._database.reading(org_id) as tx:
            stored = await repository.list_samples(tx, wanted)
            if not stored:
                return {}
            present = await use_cases.list_use_cases(tx, integration_id)
        return {
            use_case.id: [entry.sample for entry in stored[use_case.id]]
            for use_case in present
            if use_case.id in stored and _changes(use_case, wanted[use_case.id])
        }


def _changes(use_case: UseCase, configuration: Mapping[str, Any] | None) -> bool:
    return json.dumps(use_case.configuration) != json.dumps(configuration)


def sample_warnings(results: Sequence[SampleResult]) -> list[ConfigurationWarning]:
    """One warning for each sample that failed, and one for all that were not run. Pure."""
    warnings = [
        ConfigurationWarning(f"samples[{json.dumps_str(result.name)}]", _broken(result))
        for result in results
        if result.status is SampleStatus.FAILED
    ]
    left = sum(result.status is SampleStatus.NOT_RUN for result in results)
    if left:
        warnings.append(
            ConfigurationWarning(
                "samples",
                f"Samples that were not run: {left}. The time for them was used up "
                "(TIELINE_SAMPLE_SECONDS). Run them by `tieline mappings test`.",
            )
        )
    return warnings


def _broken(result: SampleResult) -> str:
    found = [str(difference) for difference in result.differences]
    shown = "; ".join(found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more differences" if len(found) > _SHOWN else ""
    reason = f" {result.message}" if result.message else ""
    return f'The sample "{result.name}" comes out differently: {shown}{more}.{reason}'
