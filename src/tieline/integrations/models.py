"""Integrations, use cases, their versions, and the routes of inbound events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tieline.kit import json
from tieline.mapping.models import ConfigurationWarning


class UseCaseType(StrEnum):
    """What a use case is for; it decides the shape of its configuration."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    FILE_PROXY = "file_proxy"


@dataclass(frozen=True)
class Integration:
    """A connection to one ERP. `document` is what the client sent: name, settings and so on."""

    org_id: str
    id: UUID
    document: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class UseCase:
    """A use case as it is now. `configuration` is what the client sent, unknown keys included.

    `warnings` is filled only in the answer to a change.
    """

    id: UUID
    integration_id: UUID
    version: int
    name: str
    slug: str | None
    type: UseCaseType
    enabled: bool
    change_description: str | None
    configuration: Mapping[str, Any] | None
    created_at: datetime
    updated_at: datetime
    warnings: tuple[ConfigurationWarning, ...] = field(default=(), compare=False)

    def says_the_same_as(self, other: UseCase) -> bool:
        """Whether everything that a client can set is equal, the order of keys included."""
        return self._content() == other._content()

    def _content(self) -> tuple[Any, ...]:
        configuration = json.dumps(self.configuration)
        return self.name, self.slug, self.enabled, self.change_description, configuration


@dataclass(frozen=True)
class UseCaseVersion:
    """A use case as it was before a change; `id` is that of the history entry."""

    id: UUID
    use_case: UseCase
    archived_at: datetime


@dataclass(frozen=True)
class IntegrationWithUseCases:
    """An integration and all its use cases, oldest first."""

    integration: Integration
    use_cases: list[UseCase]


@dataclass(frozen=True)
class UseCaseChange:
    """What a client wants a use case to be. None leaves a part as it is."""

    id: UUID | None = None
    type: UseCaseType | None = None
    name: str | None = None
    slug: str | None = None
    enabled: bool | None = None
    change_description: str | None = None
    configuration: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class HistoryPage:
    """Earlier versions of a use case, newest first; `before` continues the list, None ends it."""

    versions: list[UseCaseVersion]
    before: int | None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an inbound event goes: a use case in the version that is in force now."""

    use_case_id: UUID
    version: int
    enabled: bool
    slug: str | None
    name: str


@dataclass(frozen=True)
class IntegrationRoutes:
    """The inbound use cases of an integration, by slug, by event name and by id.

    An event name stands for the use case whose slug it is, else for the one whose name it is; of
    several use cases with that name the enabled ones come first, then the oldest.
    """

    org_id: str
    integration_id: UUID
    by_slug: Mapping[str, Route]
    by_event_name: Mapping[str, Route]
    by_id: Mapping[UUID, Route]
