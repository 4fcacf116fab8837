"""The events of the catalogue: looked at, and switched."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StrictBool

from tieline.catalogue.payloads import payload_example, payload_schema
from tieline.http.event_catalog.parts import (
    EventName,
    EventReply,
    Part,
    Reader,
    Writer,
    event_reply,
    refusals,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["events"])


class EventList(BaseModel):
    """All events of the organisation."""

    results: list[EventReply]


class SwitchesBody(Part):
    """Switches to set; a definition may be sent whole, of which only these count."""

    enabled: StrictBool | None = Field(None, description="Whether the event can happen at all.")
    auto_trigger: StrictBool | None = Field(
        None, description="Whether changes make the event happen."
    )
    automation_trigger: StrictBool | None = Field(
        None, description="Whether automations may trigger the event."
    )


@router.get("/v1/events", operation_id="listEvents", response_model=EventList, responses=refusals())
async def list_events(caller: Reader, use: Use) -> Response:
    """List the events that there are: built-in ones, then the organisation's own."""
    events = await use.catalogue.list_events(caller.org_id)
    return reply({"results": [event_reply(event) for event in events]})


@router.get(
    "/v1/events/{event_name}",
    operation_id="getEvent",
    response_model=EventReply,
    responses=refusals(404),
)
async def get_event(name: EventName, caller: Reader, use: Use) -> Response:
    """Read an event."""
    return reply(event_reply(await use.catalogue.get_event(caller.org_id, name)))


@router.patch(
    "/v1/events/{event_name}",
    operation_id="patchEvent",
    response_model=EventReply,
    responses=refusals(404, 409),
)
async def patch_event(name: EventName, body: SwitchesBody, caller: Writer, use: Use) -> Response:
    """Switch an event on or off. Whoever does wants it, even when nobody waits for it yet."""
    event = await use.catalogue.patch_event(
        caller.org_id,
        name,
        enabled=body.enabled,
        auto_trigger=body.auto_trigger,
        automation_trigger=body.automation_trigger,
    )
    return reply(event_reply(event))


@router.get(
    "/v1/events/{event_name}/json_schema",
    operation_id="getEventJSONSchema",
    response_model=dict[str, Any],
    responses=refusals(404),
)
async def get_event_json_schema(name: EventName, caller: Reader, use: Use) -> Response:
    """Read the JSON Schema of what an event carries."""
    shown = await use.catalogue.get_event(caller.org_id, name)
    return reply(payload_schema(shown.event.definition))


@router.get(
    "/v1/events/{event_name}/example",
    operation_id="getEventExample",
    response_model=dict[str, Any],
    responses=refusals(404),
)
async def get_event_example(name: EventName, caller: Reader, use: Use) -> Response:
    """See what an event could look like."""
    shown = await use.catalogue.get_event(caller.org_id, name)
    return reply(payload_example(shown.event.definition))
