"""What one can do with the samples of a use case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from tieline.audit.recording import record_all
from tieline.database import Database, OrgTransaction
from tieline.integrations import repository as use_cases
from tieline.integrations.errors import (
    NotInbound,
    SampleExists,
    SampleNotFound,
    SampleTooLarge,
    TooManySamples,
    UseCaseNotFound,
)
from tieline.integrations.models import UseCase, UseCaseType
from tieline.integrations.samples import repository
from tieline.integrations.samples.audited import sample_action, samples_viewed
from tieline.integrations.samples.models import (
    MAX_BYTES,
    MAX_SAMPLES,
    Sample,
    SampleResult,
    StoredSample,
)
from tieline.integrations.samples.running import Budget, present_result, run_samples
from tieline.integrations.validation import check_sent_configuration
from tieline.kit import json
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper


class SampleService:
    """The samples of all use cases, and their runs. A run takes at most about `seconds`.

    That somebody is shown samples, or what they are mapped to, is noted in the audit log.
    """

    def __init__(
        self,
        database: Database,
        mapper: Mapper,
        *,
        max_payload_bytes: int,
        seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._mapper = mapper
        self._max_payload_bytes = max_payload_bytes
        self._seconds = seconds
        self._clock = clock

    async def list_samples(
        self, org_id: str, integration_id: UUID, use_case_id: UUID
    ) -> list[StoredSample]:
        """The samples of a use case by name. Raises `UseCaseNotFound`."""
        async with self._database.reading(org_id) as tx:
            await _use_case(tx, integration_id, use_case_id)
            found = (await repository.list_samples(tx, [use_case_id])).get(use_case_id, [])
        names = [stored.sample.name for stored in found]
        await samples_viewed(self._database, org_id, use_case_id, names)
        return found

    async def list_all_samples(self, org_id: str) -> dict[UUID, list[StoredSample]]:
        """The samples of each use case by name. Whoever shows them notes it: `samples_viewed`."""
        async with self._database.reading(org_id) as tx:
            return await repository.list_all_samples(tx)

    async def get_sample(
        self, org_id: str, integration_id: UUID, use_case_id: UUID, name: str
    ) -> StoredSample:
        """A sample. Raises `UseCaseNotFound` and `SampleNotFound`."""
        async with self._database.reading(org_id) as tx:
            await _use_case(tx, integration_id, use_case_id)
            found = await repository.find_sample(tx, use_case_id, name)
        if found is None:
            raise SampleNotFound
        await samples_viewed(self._database, org_id, use_case_id, [name])
        return found

    async def put_sample(
        self, org_id: str, integration_id: UUID, use_case_id: UUID, sample: Sample
    ) -> StoredSample:
        """Store a sample in place of the one of that name, if there is one.

        Raises `UseCaseNotFound`, `NotInbound`, `SampleTooLarge` and `TooManySamples`.
        """
        return await self._store(org_id, integration_id, use_case_id, sample, replacing=True)

    async def record_sample(
        self, org_id: str, integration_id: UUID, use_case_id: UUID, sample: Sample
    ) -> StoredSample:
        """Store a new sample that expects what its payload is mapped to at present.

        Raises what `put_sample` raises, `SampleExists`, and `MappingError` when the payload
        cannot be mapped.
        """
        async with self._database.reading(org_id) as tx:
            use_case = await _inbound(tx, integration_id, use_case_id)
        self._refuse_large_payload(sample)
        expected = await present_result(self._mapper, _configuration(use_case), sample)
        sample = replace(sample, expected=expected)
        return await self._store(org_id, integration_id, use_case_id, sample, replacing=False)

    async def delete_sample(
        self, org_id: str, integration_id: UUID, use_case_id: UUID, name: str
    ) -> None:
        """Remove a sample. Raises `UseCaseNotFound` and `SampleNotFound`."""
        async with self._database.organisation(org_id) as tx:
            await _use_case(tx, integration_id, use_case_id)
            found = await repository.find_sample(tx, use_case_id, name)
            if found is None or not await repository.delete_sample(tx, use_case_id, name):
                raise SampleNotFound
            await record_all(tx, [sample_action(use_case_id, found.sample, None)])

    async def run(
        self,
        org_id: str,
        integration_id: UUID,
        use_case_id: UUID,
        *,
        draft: Mapping[str, Any] | None = None,
        names: Sequence[str] | None = None,
    ) -> list[SampleResult]:
        """Run the samples of a use case, or those named, against its configuration or a draft.

        Raises `UseCaseNotFound`, `SampleNotFound` for a name that none has, and
        `InvalidConfiguration` for the draft.
        """
        async with self._database.reading(org_id) as tx:
            use_case = await _use_case(tx, integration_id, use_case_id)
            stored = (await repository.list_samples(tx, [use_case_id])).get(use_case_id, [])
        samples = _selected([entry.sample for entry in stored], names)
        if draft is not None:
            await check_sent_configuration(use_case.type, draft, self._mapper)
            use_case = replace(use_case, configuration=draft)
        if not samples:
            return []
        shown = [sample.name for sample in samples]
        await samples_viewed(self._database, org_id, use_case_id, shown)
        budget = Budget(self._seconds)
        return await run_samples(self._mapper, _configuration(use_case), samples, budget)

    async def _store(
        self,
        org_id: str,
        integration_id: UUID,
        use_case_id: UUID,
        sample: Sample,
        *,
        replacing: bool,
    ) -> StoredSample:
        self._refuse_large_payload(sample)
        async with self._database.organisation(org_id) as tx:
            # The lock makes counting safe: two that come at once do not both find room.
            await use_cases.find_integration(tx, integration_id, lock=True)
            await _inbound(tx, integration_id, use_case_id)
            before = await repository.find_sample(tx, use_case_id, sample.name)
            if before is not None and not replacing:
                raise SampleExists
            count, size = await repository.other_samples(tx, use_case_id, sample.name)
            if count >= MAX_SAMPLES:
                raise TooManySamples(
                    f"A use case has at most {MAX_SAMPLES} samples. Delete one that shows the "
                    "same as another."
                )
            if size + sample.size() > MAX_BYTES:
                raise SampleTooLarge(
                    f"The samples of a use case have at most {MAX_BYTES} bytes together. Cut "
                    "their payloads down to what they are to show."
                )
            earlier = before.sample if before else None
            await record_all(tx, [sample_action(use_case_id, earlier, sample)])
            return await repository.put_sample(tx, use_case_id, sample, self._clock())

    def _refuse_large_payload(self, sample: Sample) -> None:
        size = len(sample.payload_bytes())
        if size > self._max_payload_bytes:
            raise SampleTooLarge(
                f"payload: has {size} bytes; {self._max_payload_bytes} are allowed "
                "(TIELINE_MAX_PAYLOAD_BYTES)."
            )


def _selected(samples: list[Sample], names: Sequence[str] | None) -> list[Sample]:
    if names is None:
        return samples
    missing = sorted(set(names) - {sample.name for sample in samples})
    if missing:
        raise SampleNotFound(
            f"This use case has no sample {missing[0]!r}. GET .../samples lists those there are."
        )
    return [sample for sample in samples if sample.name in names]


def _configuration(use_case: UseCase) -> bytes:
    return json.dumps(use_case.configuration or {})


async def _use_case(tx: OrgTransaction, integration_id: UUID, use_case_id: UUID) -> UseCase:
    found = await use_cases.find_use_case(tx, integration_id, use_case_id)
    if found is None:
        raise UseCaseNotFound
    return found


async def _inbound(tx: OrgTransaction, integration_id: UUID, use_case_id: UUID) -> UseCase:
    use_case = await _use_case(tx, integration_id, use_case_id)
    if use_case.type is not UseCaseType.INBOUND:
        raise NotInbound
    return use_case
