"""Environment variables and groups as they are sent and answered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tieline.http.auth import require
from tieline.http.bodies import BoundedBody
from tieline.http.refusals import Refusals, StatusError
from tieline.identity.models import Principal, Scope
from tieline.kit.time import to_wire
from tieline.secrets.environments.models import (
    ABSENT,
    KEY_PATTERN,
    MAX_GROUP_NAME,
    MAX_TEXT,
    MAX_VALUE_BYTES,
    Group,
    ValueType,
    Variable,
    VariableChange,
)
from tieline.secrets.material import SecretText

Reader = Annotated[Principal, Depends(require(Scope.ENVIRONMENT_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ENVIRONMENT_WRITE))]

Key = Annotated[str, Path(alias="key", pattern=KEY_PATTERN, description="The variable's key.")]
GroupName = Annotated[
    str, Path(alias="name", min_length=1, max_length=MAX_GROUP_NAME, description="Its name.")
]

_OPTIONAL = "Absent: it stays as it is."


class VariableUpdate(BoundedBody):
    """What is to become of a variable."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: ValueType | None = Field(
        default=None, description=f"{_OPTIONAL} For a new variable: `String`."
    )
    value: str | None = Field(
        default=None,
        max_length=MAX_VALUE_BYTES,
        description="Without one a new variable is a name only. Of a secret it never comes back.",
    )
    description: str | None = Field(
        default=None, max_length=MAX_TEXT, description=f"{_OPTIONAL} null removes it."
    )
    group: str | None = Field(
        default=None,
        max_length=MAX_GROUP_NAME,
        description=f"{_OPTIONAL} null takes the variable out of its group. Made if it is new.",
    )
    protected: bool | None = Field(
        default=None,
        description="While it is true, no change is accepted that does not make it false.",
    )

    @field_validator("type", "value", "protected", mode="before")
    @classmethod
    def _refuse_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null. Leave it out")
        return value

    def change(self) -> VariableChange:
        """The change as the service takes it."""
        sent = self.model_fields_set
        return VariableChange(
            type=self.type,
            value=None if self.value is None else SecretText(self.value),
            description=self.description if "description" in sent else ABSENT,
            group=self.group if "group" in sent else ABSENT,
            protected=self.protected,
        )


class VariableCreate(VariableUpdate):
    """A new variable."""

    key: str = Field(pattern=KEY_PATTERN)
    type: ValueType


class VariableReply(BaseModel):
    """A variable. A secret one has no `value` here, and neither has one without a value."""

    key: str
    type: ValueType
    description: str | None = None
    group: str | None = None
    value: str | None = None
    protected: bool
    created_at: str
    updated_at: str


class VariableList(BaseModel):
    """All variables, by key."""

    items: list[VariableReply]


class GroupUpdate(BoundedBody):
    """What is to become of a group."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = Field(
        default=None, max_length=MAX_TEXT, description=f"{_OPTIONAL} null removes it."
    )


class GroupReply(BaseModel):
    """A group of variables."""

    name: str
    description: str | None = None
    created_at: str
    updated_at: str


class GroupList(BaseModel):
    """All groups, by name."""

    items: list[GroupReply]


refusals = Refusals(
    StatusError, {403: "The caller lacks the scope for this call, or the variable is protected."}
)


def variable_document(variable: Variable) -> dict[str, Any]:
    """A variable in its wire form. What it does not have, and a secret's value, is left out."""
    stated = {
        "key": variable.key,
        "type": variable.type.value,
        "description": variable.description,
        "group": variable.group,
        "value": variable.value,
        "protected": variable.protected,
        "created_at": to_wire(variable.created_at),
        "updated_at": to_wire(variable.updated_at),
    }
    return {name: member for name, member in stated.items() if member is not None}


def group_document(group: Group) -> dict[str, Any]:
    """A group in its wire form."""
    description = {} if group.description is None else {"description": group.description}
    return {
        "name": group.name,
        **description,
        "created_at": to_wire(group.created_at),
        "updated_at": to_wire(group.updated_at),
    }
