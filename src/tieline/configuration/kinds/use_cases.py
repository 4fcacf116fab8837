"""Use cases in files, and their samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from tieline.configuration.kinds.kind import Document, Kind, Parents, Report, Stored, checked
from tieline.configuration.models import Thing, path_from
from tieline.http.erp_integration.parts import Part
from tieline.http.erp_integration.samples_wire import FileSampleBody
from tieline.http.erp_integration.use_case_wire import Configuration, Enabled, Name, Slug, Type
from tieline.integrations.mapping_stamps import without_stamps
from tieline.integrations.models import UseCase, UseCaseChange, UseCaseType
from tieline.integrations.samples.models import Sample, StoredSample
from tieline.integrations.samples.service import SampleService
from tieline.integrations.service import IntegrationService
from tieline.integrations.validation import check_configuration
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.mapper import Mapper
from tieline.mapping.models import PayloadFormat


class _UseCaseText(Part):
    """What a file says of a use case."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    slug: Slug | None = None
    type: Type
    enabled: Enabled
    configuration: Configuration | None = None


class _SampleText(FileSampleBody):
    """What a file says of a sample."""

    model_config = ConfigDict(extra="forbid")


class SampleKind(Kind):
    """Samples: what payloads are expected to be mapped to."""

    noun = "sample"
    section = "samples"
    holds_configuration = False

    def __init__(self, samples: SampleService) -> None:
        self._samples = samples

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a sample, with all that it expects."""
        text = checked(_SampleText, raw, report)
        if text is None:
            return raw
        try:
            return sample_document(text.named(text.name))
        except InvalidInput as error:
            report((), error.message)
        return raw

    def key(self, document: Document) -> str:
        """Its name, which is unique in the use case."""
        return str(document.get("name"))

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a sample."""
        integration_id, use_case_id = map(UUID, parents)
        text = _SampleText.model_validate(wanted.document)
        await self._samples.put_sample(org_id, integration_id, use_case_id, text.named(text.name))
        return Stored(wanted.key)

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Store a sample in place of the present one."""
        return await self.create(org_id, parents, wanted)

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove a sample."""
        integration_id, use_case_id = map(UUID, parents)
        await self._samples.delete_sample(org_id, integration_id, use_case_id, current.key)


class UseCaseKind(Kind):
    """Use cases of all types. What is said about a change of one is no part of it.

    `change_description` is what the history says of each change that is applied.
    """

    noun = "use case"
    section = "use_cases"
    has_ids = True

    def __init__(
        self,
        integrations: IntegrationService,
        samples: SampleService,
        mapper: Mapper,
        change_description: str | None,
    ) -> None:
        self.parts: Sequence[Kind] = (SampleKind(samples),)
        self._change_description = change_description
        self._integrations = integrations
        self._mapper = mapper

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a use case."""
        text = checked(_UseCaseText, raw, report)
        return raw if text is None else _said(text.model_dump())

    def usual_id(self, text: str) -> str | None:
        """A UUID in lower case."""
        found = parse_uuid(text)
        return str(found) if found else None

    def key(self, document: Document) -> str:
        """Its slug, or its name if it has none."""
        return str(document.get("slug") or document.get("name"))

    async def verify(
        self, current: Thing | None, wanted: Thing, fault: Report, warn: Report
    ) -> None:
        """Compile the expressions, and report what can never change."""
        document = wanted.document
        if current is not None:
            _report_lasting(current.document, document, fault)
        samples = wanted.parts.get("samples")
        use_case_type = UseCaseType(document["type"])
        if samples and use_case_type is not UseCaseType.INBOUND:
            fault(("samples",), "only inbound use cases have samples. Leave them out")
        if document.get("configuration") is None:
            return
        try:
            found = await check_configuration(
                use_case_type, document["configuration"], self._mapper
            )
        except InvalidConfiguration as error:
            message = error.message.removeprefix(error.path).removeprefix(":").strip()
            fault(("configuration", *path_from(error.path)), message)
            return
        for warning in found.warnings:
            warn(("configuration", *path_from(warning.path)), warning.message)

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a new use case."""
        change = self._change(wanted, UUID(wanted.id) if wanted.id else None)
        use_case = await self._integrations.create_use_case(org_id, UUID(parents[0]), change)
        return Stored(str(use_case.id))

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Store the next version of a use case."""
        assert current.id is not None
        change = self._change(wanted, None)
        use_case = await self._integrations.update_use_case(
            org_id, UUID(parents[0]), UUID(current.id), change
        )
        broken = [one for one in use_case.warnings if one.path.startswith("samples")]
        return Stored(current.id, tuple(f"{current.key}: {one.message}" for one in broken))

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove a use case."""
        assert current.id is not None
        await self._integrations.delete_use_case(org_id, UUID(parents[0]), UUID(current.id))

    def _change(self, wanted: Thing, use_case_id: UUID | None) -> UseCaseChange:
        document = wanted.document
        return UseCaseChange(
            id=use_case_id,
            type=UseCaseType(document["type"]),
            name=document["name"],
            slug=document.get("slug"),
            enabled=document["enabled"],
            change_description=self._change_description,
            configuration=document.get("configuration"),
        )


def use_case_thing(use_case: UseCase, samples: Sequence[StoredSample]) -> Thing:
    """A use case as it is stored."""
    document = _said(
        {
            "name": use_case.name,
            "slug": use_case.slug,
            "type": use_case.type.value,
            "enabled": use_case.enabled,
            "configuration": use_case.configuration,
        }
    )
    parts = (Thing(None, stored.sample.name, sample_document(stored.sample)) for stored in samples)
    return Thing(
        str(use_case.id), use_case.slug or use_case.name, document, {"samples": tuple(parts)}
    )


def sample_document(sample: Sample) -> dict[str, Any]:
    """A sample as files describe it."""
    document: dict[str, Any] = {"name": sample.name}
    if sample.format is not PayloadFormat.JSON:
        document["format"] = sample.format.value
    if sample.event_type is not None:
        document["event_type"] = sample.event_type.value
    return {**document, "payload": sample.payload, "expected": sample.expected}


def _said(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what is not set; also the types that only Python knows are gone.

    The ids of mappings are the store's affair, in which a mapping goes by its name: the same file
    means the same everywhere.
    """
    said = {key: value for key, value in document.items() if value is not None}
    if said.get("type") == UseCaseType.OUTBOUND and "configuration" in said:
        said["configuration"] = without_stamps(said["configuration"])
    plain: dict[str, Any] = json.loads(json.dumps(said))
    return plain


def _report_lasting(current: Mapping[str, Any], wanted: Mapping[str, Any], fault: Report) -> None:
    if wanted["type"] != current["type"]:
        fault(("type",), f"is {current['type']!r} and cannot be changed. Create another use case")
    slug = current.get("slug")
    if slug is not None and wanted.get("slug") != slug:
        fault(("slug",), f"is {slug!r} and cannot be changed. Create another use case")
    if "configuration" in current and "configuration" not in wanted:
        fault((), "a configuration cannot be taken away. Say what it is to be")
