"""Use cases on the wire: bodies, replies and the way between them and the models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool

from tieline.http.erp_integration.parts import SLUG_PATTERN, Body, Part
from tieline.http.pagination import encode_cursor
from tieline.integrations.models import HistoryPage, UseCase, UseCaseChange, UseCaseType
from tieline.kit.time import to_wire

Name = Annotated[str, Field(min_length=1, max_length=255, description="Name for people to read.")]
Slug = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=SLUG_PATTERN,
        description="Name for machines, unique in the integration; cannot be changed once set.",
    ),
]
Type = Annotated[
    UseCaseType,
    Field(description="Direction of the data; decides the shape of the configuration."),
]
Enabled = Annotated[StrictBool, Field(description="Whether the use case works at all.")]
ChangeDescription = Annotated[
    str, Field(max_length=2000, description="What this change is for, like a commit message.")
]
Configuration = Annotated[
    dict[str, Any],
    Field(
        description="What the use case does, in the shape of its type: see docs/mapping.md for "
        "inbound and docs/integrations.md for outbound and file_proxy. Keys that Tieline does not "
        "know are kept and named in `warnings`.",
        examples=[
            {
                "entities": [
                    {
                        "entity_schema": "contact",
                        "unique_ids": ["customer_number"],
                        "fields": [
                            {"attribute": "customer_number", "field": "customerId"},
                            {"attribute": "full_name", "jsonataExpression": "first & ' ' & last"},
                        ],
                    }
                ]
            }
        ],
    ),
]


class CreateUseCaseBody(Body):
    """A new use case."""

    name: Name
    slug: Slug | None = None
    type: Type
    enabled: Enabled
    change_description: ChangeDescription | None = None
    configuration: Configuration | None = None

    def change(self) -> UseCaseChange:
        """What is wanted."""
        return UseCaseChange(
            type=self.type,
            name=self.name,
            slug=self.slug,
            enabled=self.enabled,
            change_description=self.change_description,
            configuration=self.configuration,
        )


class EmbeddedUseCaseBody(Part):
    """A use case inside its integration; a known id means an update, any other a new one."""

    id: UUID | None = Field(None, description="Id to find it by, or to give to a new one.")
    name: Name
    slug: Slug | None = None
    type: Type
    enabled: Enabled
    change_description: ChangeDescription | None = None
    configuration: Configuration | None = None

    def change(self) -> UseCaseChange:
        """What is wanted."""
        return UseCaseChange(
            id=self.id,
            type=self.type,
            name=self.name,
            slug=self.slug,
            enabled=self.enabled,
            change_description=self.change_description,
            configuration=self.configuration,
        )


class UpdateUseCaseBody(Body):
    """A change of a use case; what is left out stays as it is."""

    name: Name | None = None
    slug: Slug | None = None
    type: Type | None = None
    enabled: Enabled | None = None
    change_description: ChangeDescription | None = None
    configuration: Configuration | None = None

    def change(self) -> UseCaseChange:
        """What is wanted."""
        return UseCaseChange(
            type=self.type,
            name=self.name,
            slug=self.slug,
            enabled=self.enabled,
            change_description=self.change_description,
            configuration=self.configuration,
        )


class ConfigurationWarningReply(BaseModel):
    """A part of a configuration that has no effect."""

    path: str
    message: str


class UseCaseState(BaseModel):
    """What a use case and each of its versions have in common."""

    id: UUID
    integration_id: UUID = Field(alias="integrationId")
    name: str
    slug: str | None = None
    type: UseCaseType
    enabled: bool
    change_description: str | None = None
    configuration: dict[str, Any] | None = None
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="Grows with each change; outcomes name it.")


class UseCaseReply(UseCaseState):
    """A use case. `warnings` appears in the answer to a change only."""

    warnings: list[ConfigurationWarningReply] | None = None


class HistoryEntryReply(UseCaseState):
    """A use case as it was before a change; `id` is that of the entry."""

    use_case_id: UUID = Field(alias="useCaseId")
    history_created_at: datetime = Field(description="When this state was replaced.")


class UseCaseList(BaseModel):
    """The use cases of an integration."""

    use_cases: list[UseCaseReply]


class HistoryReply(BaseModel):
    """Earlier states, newest first; `next_cursor` is absent on the last page."""

    history: list[HistoryEntryReply]
    next_cursor: str | None = None


def use_case_reply(use_case: UseCase) -> dict[str, Any]:
    """A use case as it is answered; what is not set is absent."""
    reply = {
        "id": str(use_case.id),
        "integrationId": str(use_case.integration_id),
        "name": use_case.name,
        "slug": use_case.slug,
        "type": use_case.type,
        "version": use_case.version,
        "enabled": use_case.enabled,
        "change_description": use_case.change_description,
        "configuration": use_case.configuration,
        "created_at": to_wire(use_case.created_at),
        "updated_at": to_wire(use_case.updated_at),
        "warnings": [
            {"path": warning.path, "message": warning.message} for warning in use_case.warnings
        ]
        or None,
    }
    return {key: value for key, value in reply.items() if value is not None}


def history_reply(page: HistoryPage) -> dict[str, Any]:
    """A page of a use case's history as it is answered."""
    reply: dict[str, Any] = {
        "history": [
            {
                **use_case_reply(version.use_case),
                "id": str(version.id),
                "useCaseId": str(version.use_case.id),
                "history_created_at": to_wire(version.archived_at),
            }
            for version in page.versions
        ]
    }
    if page.before is not None:
        reply["next_cursor"] = encode_cursor([page.before])
    return reply
