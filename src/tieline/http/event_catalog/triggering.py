"""Letting an event happen by hand, and trying out what it would carry."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.catalogue.models import TriggerSource
from tieline.catalogue.triggering import ManualTrigger
from tieline.http.bodies import BoundedBody
from tieline.http.event_catalog.parts import (
    EventName,
    Part,
    Reader,
    Triggering,
    refusals,
)
from tieline.http.responses import reply
from tieline.http.route import AskingRoute, TielineRoute
from tieline.http.services import Use, services
from tieline.identity.models import Principal


class TriggerRoute(TielineRoute):
    """An event is made of expressions: whoever waits for them in a transaction waits in turn."""

    def turn(self, request: Request, org_id: str) -> AbstractAsyncContextManager[None]:
        """The turn of the organisation in the catalogue."""
        return services(request).catalogue.turn(org_id)


router = APIRouter(route_class=TriggerRoute, tags=["triggering"])
asking = APIRouter(route_class=AskingRoute, tags=["triggering"])


class SeedPart(BoundedBody):
    """The entity at which the event's graph begins."""

    model_config = ConfigDict(extra="forbid")

    entity_id: UUID
    node_id: str = Field(max_length=80, description="The node of the graph that it stands for.")


class TriggerBody(Part):
    """What the event is about."""

    seed: SeedPart | None = Field(None, description="Required for an event with an entity graph.")
    fields: dict[str, Any] = Field({}, description="Values of fields, by their names.")
    skip_hydration: list[str] = Field(
        [], max_length=100, description="Nodes of the graph that are left out."
    )
    trigger_source_type: str | None = Field(
        None,
        alias="_trigger_source_type",
        min_length=1,
        max_length=64,
        description="What triggers the event: api, unless it is automation or something else.",
    )
    trigger_source: str | None = Field(
        None,
        alias="_trigger_source",
        min_length=1,
        max_length=255,
        description="Which one of these it is; the caller, unless it is sent.",
    )

    def trigger(self, caller: Principal) -> ManualTrigger:
        """What is wanted, as the service takes it."""
        return ManualTrigger(
            source=self.trigger_source or caller.actor_id,
            source_type=self.trigger_source_type or TriggerSource.API,
            seed_id=self.seed.entity_id if self.seed else None,
            seed_node=self.seed.node_id if self.seed else None,
            fields=self.fields,
            skip_hydration=frozenset(self.skip_hydration),
        )


class TriggeredReply(BaseModel):
    """The event happened."""

    success: bool
    event_id: str = Field(description="The ULID under which the history has it.")


class FaultReply(BaseModel):
    """What keeps the event from happening."""

    path: str
    message: str


class PreviewReply(BaseModel):
    """What the event would carry."""

    payload: dict[str, Any]
    errors: list[FaultReply]


@router.post(
    "/v1/events/{event_name}:trigger",
    operation_id="triggerEvent",
    response_model=TriggeredReply,
    responses=refusals(404, 409, 413),
)
async def trigger_event(
    name: EventName, body: TriggerBody, caller: Triggering, use: Use
) -> Response:
    """Let an event happen now."""
    event = await use.catalogue.trigger(caller.org_id, name, body.trigger(caller))
    return reply({"success": True, "event_id": event.id})


@asking.post(
    "/v1/events/{event_name}:preview",
    operation_id="previewCustomEvent",
    response_model=PreviewReply,
    responses=refusals(404, 413),
)
async def preview_event(name: EventName, body: TriggerBody, caller: Reader, use: Use) -> Response:
    """See what an event would carry, a draft too. Nothing happens."""
    preview = await use.catalogue.preview(caller.org_id, name, body.trigger(caller))
    faults = [{"path": place, "message": fault} for place, fault in preview.faults]
    return reply({"payload": preview.document, "errors": faults})
