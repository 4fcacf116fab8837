"""What callers write about which events a webhook sends."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tieline.kit.time import stated_moment
from tieline.outbound.comparisons import as_number
from tieline.outbound.conditions import MOST_CONDITIONS, FieldType, LogicalOperator, Operation
from tieline.records.drafts import Flag

_MOST_VALUES = 100

Path = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Values = Annotated[
    list[Annotated[str, StringConstraints(max_length=2_000)]], Field(max_length=_MOST_VALUES)
]


class FilterDraft(BaseModel):
    """Only events go out in which a field has one of these values."""

    model_config = ConfigDict(extra="forbid")

    keyToFilter: Path = Field(  # noqa: N815 - the names of the published client
        description="The path of the field in the message, such as `entity.status`."
    )
    supportedValues: Values = Field(  # noqa: N815
        description="The values with which an event goes out."
    )


class ConditionDraft(BaseModel):
    """A condition on a field of the message."""

    model_config = ConfigDict(extra="forbid")

    field: Path = Field(description="The path of the field, such as `entity.status`.")
    operation: Operation = Field(description="How it is compared.")
    values: Values | None = Field(
        default=None, description="With what; needed unless it is about being empty."
    )
    field_type: FieldType = Field(default=FieldType.STRING, description="What it is compared as.")
    is_array_field: Flag = Field(default=False, description="Whether the field is a list.")
    repeatable_item_op: Flag = Field(
        default=False, description="Whether the entries of a list are looked at one by one."
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """There are values where they are needed, and each is of the type."""
        if self.operation.needs_values and not self.values:
            raise ValueError(f"values: {self.operation} needs at least one")
        for value in self.values or ():
            if not _is_of_type(value, self.field_type):
                raise ValueError(f"values: {value[:40]!r} is no {self.field_type}")
        return self


class ConditionsDraft(BaseModel):
    """Only events go out that meet these conditions."""

    model_config = ConfigDict(extra="forbid")

    conditions: list[ConditionDraft] = Field(
        default=[], max_length=MOST_CONDITIONS, description="Without any, all events go out."
    )
    logical_operator: LogicalOperator = Field(
        default=LogicalOperator.AND, description="Whether all have to be met, or one of them."
    )


def _is_of_type(text: str, field_type: FieldType) -> bool:
    match field_type:
        case FieldType.STRING:
            return True
        case FieldType.BOOLEAN:
            return text.strip().lower() in ("true", "false")
        case FieldType.NUMBER:
            return as_number(text) is not None
        case FieldType.DATE | FieldType.DATETIME:
            try:
                stated_moment(text)
            except ValueError:
                return False
            return True
