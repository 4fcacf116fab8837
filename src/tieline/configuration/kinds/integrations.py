"""Integrations in files, and the components of applications that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from tieline.configuration.kinds.kind import (
    Document,
    Kind,
    Parents,
    Report,
    Stored,
    TopKind,
    checked,
)
from tieline.configuration.kinds.use_cases import UseCaseKind, use_case_thing
from tieline.configuration.models import Thing
from tieline.database import Database
from tieline.http.erp_integration.app_mapping import ComponentBody
from tieline.http.erp_integration.wire import CreateIntegrationBody
from tieline.integrations.app_mappings import AppMappings
from tieline.integrations.models import IntegrationWithUseCases
from tieline.integrations.samples.audited import samples_viewed
from tieline.integrations.samples.models import StoredSample
from tieline.integrations.samples.service import SampleService
from tieline.integrations.service import IntegrationService, merged
from tieline.kit import json
from tieline.kit.ids import parse_uuid
from tieline.mapping.mapper import Mapper

_PROPERTIES = (
    "name",
    "description",
    "access_token_ids",
    "app_ids",
    "environment_config",
    "settings",
)
_REST = "additional"  # what clients of the API said besides


class _IntegrationText(CreateIntegrationBody):
    """What a file says of an integration."""

    model_config = ConfigDict(extra="forbid")

    additional: dict[str, Any] | None = Field(None, description="Properties of other names.")


class _AppMappingText(ComponentBody):
    """What a file says of a component."""

    model_config = ConfigDict(extra="forbid")


class AppMappingKind(Kind):
    """Components of applications whose events belong to an integration."""

    noun = "app mapping"
    section = "app_mappings"

    def __init__(self, app_mappings: AppMappings) -> None:
        self._app_mappings = app_mappings

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """Both ids, in their usual form."""
        text = checked(_AppMappingText, raw, report)
        return raw if text is None else text.model_dump(mode="json")

    def key(self, document: Document) -> str:
        """Both ids."""
        return f"{document.get('app_id')}/{document.get('component_id')}"

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Let the component belong to the integration, unless it belongs to another one."""
        app_id, component_id = _ids(wanted)
        await self._app_mappings.put(
            org_id, UUID(parents[0]), app_id, component_id, overwrite=False
        )
        return Stored(wanted.key)

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Nothing of it can change: it is nothing but its ids."""
        return Stored(current.key)

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Let the component belong to no integration."""
        await self._app_mappings.delete(org_id, UUID(parents[0]), *_ids(current))


class IntegrationKind(TopKind):
    """Integrations."""

    noun = "integration"
    section = "integrations"
    group = "integrations"
    a_file_each = True
    rehearsed = False  # storing a use case may index all entities of a schema
    has_ids = True

    def __init__(
        self,
        database: Database,
        integrations: IntegrationService,
        samples: SampleService,
        mapper: Mapper,
        change_description: str | None = None,
    ) -> None:
        self._database = database
        self.parts: Sequence[Kind] = (
            AppMappingKind(integrations.app_mappings),
            UseCaseKind(integrations, samples, mapper, change_description),
        )
        self._integrations = integrations
        self._samples = samples

    async def current(self, org_id: str) -> list[Thing]:
        """All integrations, oldest first."""
        samples = await self._samples.list_all_samples(org_id)
        components = await self._integrations.app_mappings.list_components(org_id)
        return [
            _thing(found, samples, components.get(found.integration.id, ()))
            for found in await self._integrations.list_with_use_cases(org_id)
        ]

    async def note_export(self, org_id: str, things: Sequence[Thing]) -> None:
        """Note that somebody is shown the samples."""
        for thing in things:
            for use_case in thing.parts["use_cases"]:
                names = [sample.key for sample in use_case.parts["samples"]]
                assert use_case.id is not None
                await samples_viewed(self._database, org_id, UUID(use_case.id), names)

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of an integration."""
        text = checked(_IntegrationText, raw, report)
        if text is None:
            return raw
        known = {*_PROPERTIES, *(part.section for part in self.parts), "id"}
        for key in set(text.additional or ()) & known:
            report((_REST, key), "belongs beside the others, not here")
        return _arranged(json.loads(json.dumps(merged({}, text.document()))))

    def usual_id(self, text: str) -> str | None:
        """A UUID in lower case."""
        found = parse_uuid(text)
        return str(found) if found else None

    def key(self, document: Document) -> str:
        """Its name; several integrations may have the same."""
        return str(document.get("name"))

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a new integration."""
        created = await self._integrations.create_integration(
            org_id,
            _flat(wanted.document),
            integration_id=UUID(wanted.id) if wanted.id else None,
        )
        return Stored(str(created.integration.id))

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Give an integration these properties, and no others."""
        assert current.id is not None
        gone = dict.fromkeys(_flat(current.document))
        changes = {**gone, **_flat(wanted.document)}
        await self._integrations.update_integration(org_id, UUID(current.id), changes)
        return Stored(current.id)

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove an integration and its use cases."""
        assert current.id is not None
        await self._integrations.delete_integration(org_id, UUID(current.id))


def _thing(
    found: IntegrationWithUseCases,
    samples: Mapping[UUID, Sequence[StoredSample]],
    components: Sequence[tuple[UUID, UUID]],
) -> Thing:
    stored = found.integration
    ids = (
        {"app_id": str(app_id), "component_id": str(component_id)}
        for app_id, component_id in components
    )
    parts = {
        "app_mappings": tuple(Thing(None, "/".join(each.values()), each) for each in ids),
        "use_cases": tuple(
            use_case_thing(use_case, samples.get(use_case.id, ())) for use_case in found.use_cases
        ),
    }
    known = {key: value for key, value in stored.document.items() if key in _PROPERTIES}
    rest = {key: value for key, value in stored.document.items() if key not in _PROPERTIES}
    document = _arranged({**known, _REST: rest})
    return Thing(str(stored.id), str(document.get("name")), document, parts)


def _arranged(document: Mapping[str, Any]) -> dict[str, Any]:
    arranged = {key: document[key] for key in _PROPERTIES if key in document}
    rest = document.get(_REST)
    return {**arranged, _REST: dict(sorted(rest.items()))} if rest else arranged


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: document[key] for key in document if key != _REST}, **document.get(_REST, {})}


def _ids(thing: Thing) -> tuple[UUID, UUID]:
    return UUID(thing.document["app_id"]), UUID(thing.document["component_id"])
