"""What the operations of the event catalogue share: callers, names, events in their wire form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tieline.catalogue.definitions import Status
from tieline.catalogue.service import ShownEvent
from tieline.http.auth import require
from tieline.http.bodies import BoundedBody
from tieline.http.refusals import CodedError, Refusals
from tieline.identity.models import Principal, Scope
from tieline.kit.errors import InvalidInput
from tieline.kit.json import nul_place

Reader = Annotated[Principal, Depends(require(Scope.EVENT_READ))]
Writer = Annotated[Principal, Depends(require(Scope.EVENT_WRITE))]
Triggering = Annotated[Principal, Depends(require(Scope.EVENT_TRIGGER))]
EventName = Annotated[
    str, Path(alias="event_name", max_length=120, description="The name of the event.")
]

refusals = Refusals(
    CodedError,
    {
        400: "The request is not valid; the message names the field.",
        403: "The caller lacks the scope for this call, or the event is switched off.",
        404: "There is no such event in this organisation.",
        409: "The event is built in, published or deprecated already, or its name is taken.",
    },
)


class Part(BoundedBody):
    """An object in a body; what Tieline does not know is left to whoever reads it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def refuse_nul(cls, value: Any) -> Any:
        """Pass the body on unless a text in it cannot be stored."""
        place = nul_place(value, "")
        if place is not None:
            raise InvalidInput(f"{place or 'A key'} holds the character U+0000. Remove it.")
        return value


class EventReply(BaseModel):
    """An event of the catalogue: its definition, and how it is switched."""

    model_config = ConfigDict(extra="allow")

    event_name: str
    event_title: str
    event_description: str
    event_version: str
    event_status: Literal["active", "deprecated", "draft", "disabled"]
    event_origin: Literal["builtin", "custom"]
    event_tags: list[str]
    schema_fields: dict[str, Any]
    entity_graph: dict[str, Any] | None = Field(None, description="Absent without a graph.")
    entity_operation: dict[str, Any] | None = Field(
        None, description="Absent where no change triggers the event."
    )
    enabled: bool
    auto_trigger: bool
    automation_trigger: bool
    silence_reason: str | None = Field(
        None, description="Why changes do not make the event happen; absent where they do."
    )


def event_reply(shown: ShownEvent) -> dict[str, Any]:
    """An event in its wire form."""
    event = shown.event
    switches = event.switches
    off = event.status is Status.ACTIVE and not switches.enabled
    document = {
        **event.definition.document(),
        "event_version": event.definition.version,
        "event_status": "disabled" if off else event.status.value,
        "event_origin": "custom" if event.custom else "builtin",
        "enabled": switches.enabled,
        "auto_trigger": switches.auto_trigger,
        "automation_trigger": switches.automation_trigger,
    }
    if shown.silence_reason is not None:
        document["silence_reason"] = shown.silence_reason
    return document
