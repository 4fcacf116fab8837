"""Integrations on the wire: bodies, replies and the way between them and the models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StrictInt

from tieline.http.erp_integration.parts import Body, Part
from tieline.http.erp_integration.use_case_wire import (
    EmbeddedUseCaseBody,
    UseCaseReply,
    use_case_reply,
)
from tieline.integrations.models import Integration, IntegrationWithUseCases, UseCaseChange
from tieline.kit.time import to_wire

# Stamped by the server; ignored when a client sends them back.
_STAMPED = frozenset({"id", "orgId", "created_at", "updated_at", "use_cases"})

IntegrationName = Annotated[
    str, Field(min_length=1, max_length=255, description="Name for people to read.")
]


class VariableType(StrEnum):
    """Whether the value of a variable can be read again."""

    STRING = "String"
    SECRET_STRING = "SecretString"  # noqa: S105 - the name of a type


class EnvironmentField(Part):
    """A variable that the integration needs; its value is kept elsewhere."""

    key: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.\-]{0,127}$", description="Name of the environment variable."
    )
    label: str = Field(min_length=1, max_length=255, description="Caption of the input field.")
    type: VariableType = Field(description="Plain text, or a secret that is written only.")
    description: str | None = Field(None, max_length=1000, description="Text below the field.")
    required: StrictBool = Field(default=False, description="Whether it must have a value.")
    order: StrictInt | None = Field(None, ge=0, description="Place among the other fields.")


class AutoRefresh(Part):
    """When data that the ERP sent counts as stale."""

    enabled: StrictBool = Field(default=False, description="Whether stale data is asked for again.")
    freshness: StrictInt | None = Field(
        None,
        alias="freshnessThresholdMinutes",
        ge=1,
        description="Age in minutes from which data is stale.",
    )


class IntegrationSettings(Part):
    """Settings of an integration."""

    auto_refresh: AutoRefresh | None = Field(None, alias="autoRefresh")


class IntegrationFields(Body):
    """What a client can say about an integration; null removes what was said before."""

    description: str | None = Field(None, max_length=1000, description="What it is for.")
    access_token_ids: list[str] | None = Field(
        None, description="Ids of the API keys that the ERP uses."
    )
    app_ids: list[str] | None = Field(None, description="Ids of the apps that belong to it.")
    environment_config: list[EnvironmentField] | None = Field(
        None, description="Variables that the integration needs."
    )
    settings: IntegrationSettings | None = None

    def document(self) -> dict[str, Any]:
        """What was sent, as sent, without what only the server sets."""
        sent = self.model_dump(mode="python", by_alias=True, exclude_unset=True)
        return {key: value for key, value in sent.items() if key not in _STAMPED}


class CreateIntegrationBody(IntegrationFields):
    """A new integration."""

    name: IntegrationName


class UpdateIntegrationBody(IntegrationFields):
    """A change of an integration; what is left out stays as it is."""

    name: IntegrationName = Field(default_factory=str)


class UpsertIntegrationBody(CreateIntegrationBody):
    """An integration with the use cases that it is to have."""

    use_cases: list[EmbeddedUseCaseBody] | None = Field(
        None,
        description="All use cases: those with a known id are updated, others created, and those "
        "not listed deleted. Left out, all stay as they are.",
    )

    def changes(self) -> list[UseCaseChange] | None:
        """The use cases that are wanted, or None when nothing is said about them."""
        if self.use_cases is None:
            return None
        return [use_case.change() for use_case in self.use_cases]


class IntegrationReply(IntegrationFields):
    """An integration."""

    id: UUID
    org_id: str = Field(alias="orgId", description="The organisation that it belongs to.")
    name: str
    created_at: datetime
    updated_at: datetime


class IntegrationWithUseCasesReply(IntegrationReply):
    """An integration and its use cases."""

    use_cases: list[UseCaseReply]


class IntegrationList(BaseModel):
    """All integrations of the organisation."""

    integrations: list[IntegrationReply]


class IntegrationWithUseCasesList(BaseModel):
    """All integrations of the organisation with their use cases."""

    integrations: list[IntegrationWithUseCasesReply]


def integration_reply(integration: Integration) -> dict[str, Any]:
    """An integration as it is answered."""
    document: Mapping[str, Any] = integration.document
    return {
        "id": str(integration.id),
        "orgId": integration.org_id,
        **document,
        "created_at": to_wire(integration.created_at),
        "updated_at": to_wire(integration.updated_at),
    }


def with_use_cases_reply(found: IntegrationWithUseCases) -> dict[str, Any]:
    """An integration with its use cases as it is answered."""
    return {
        **integration_reply(found.integration),
        "use_cases": [use_case_reply(use_case) for use_case in found.use_cases],
    }
