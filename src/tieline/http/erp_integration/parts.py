"""What the bodies of the ERP surface are made of: checked values, and the form of an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tieline.http.bodies import BoundedBody
from tieline.kit.errors import InvalidInput
from tieline.kit.json import nul_place
from tieline.kit.time import from_wire

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


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a text such as 2026-01-31T08:00:00Z")  # noqa: TRY004 - for pydantic
    try:
        return from_wire(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{value[:40]!r} is no date and time such as 2026-01-31T08:00:00Z"
        ) from None


Moment = Annotated[datetime, BeforeValidator(_moment)]


class ErrorReply(BaseModel):
    """Why a request was refused."""

    code: str = Field(description="Stable code; docs/errors.md has a paragraph on each.")
    message: str = Field(description="What is wrong and what to do next.")
    request_id: str = Field(description="The id under which this request stands in the log.")


class MessageReply(BaseModel):
    """A sentence about what was done."""

    message: str


_REASONS = {
    400: "The request is not valid; `message` names the field.",
    401: "No valid API key was sent.",
    403: "The API key lacks the scope for this call.",
    404: "There is no such thing in this organisation.",
    409: "The Idempotency-Key was used for another request.",
    413: "The body is larger than the configured limit.",
    422: "The request is well-formed but cannot be carried out.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of refusals; 400, 401 and 403 can always happen."""
    wanted = sorted({400, 401, 403, *statuses})
    return {status: {"model": ErrorReply, "description": _REASONS[status]} for status in wanted}
