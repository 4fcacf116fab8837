"""What the bodies of the ERP surface are made of: checked values, and the form of an error."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from tieline.http.bodies import BoundedBody
from tieline.http.refusals import CodedError, Refusals
from tieline.kit.errors import InvalidInput
from tieline.kit.json import nul_place
from tieline.kit.time import stated_moment

SLUG_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"

IntegrationId = Annotated[
    UUID, Path(alias="integrationId", description="The id of the integration.")
]
UseCaseId = Annotated[UUID, Path(alias="useCaseId", description="The id of the use case.")]


class UnstorableValue(InvalidInput):
    """The request holds the character U+0000, which cannot be stored. Remove it."""

    code = "UNSTORABLE_VALUE"


class Part(BoundedBody):
    """An object inside a body; keys that Tieline does not know are kept."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Body(Part):
    """A whole request body. Raises `UnstorableValue` for a text that the database refuses."""

    @model_validator(mode="before")
    @classmethod
    def refuse_nul(cls, value: Any) -> Any:
        """Pass the body on unless a NUL character is anywhere in it."""
        place = nul_place(value, "")
        if place is not None:
            raise UnstorableValue(
                f"{place or 'A key'} holds the character U+0000, which cannot be stored. Remove it."
            )
        return value


Moment = Annotated[datetime, BeforeValidator(stated_moment)]


class MessageReply(BaseModel):
    """A sentence about what was done."""

    message: str


refusals = Refusals(CodedError)
