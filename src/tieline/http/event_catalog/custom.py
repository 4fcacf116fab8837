"""Events of an organisation's own: drafted, tried, published, deprecated."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import Field, StrictBool

from tieline.http.event_catalog.parts import (
    EventName,
    EventReply,
    Part,
    Writer,
    event_reply,
    refusals,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["events of one's own"])

_EXAMPLE = {
    "event_name": "ContractSigned",
    "event_title": "Contract signed",
    "schema_fields": {
        "contract_number": {
            "json_schema": {"type": "string"},
            "required": True,
            "graph_source": "contract.contract_number",
        }
    },
    "entity_graph": {
        "nodes": [
            {"id": "contract", "schema": "contract", "cardinality": "one"},
            {"id": "contact", "schema": "contact", "cardinality": "one"},
        ],
        "edges": [{"from": "contract", "to": "contact"}],
    },
    "entity_operation": {
        "operation": ["updateEntity"],
        "schema": ["contract"],
        "attribute": ["signed_at"],
    },
}
Definition = Annotated[
    dict[str, Any],
    Body(description="The definition: see docs/event-catalog.md.", examples=[_EXAMPLE]),
]


class PublishBody(Part):
    """How the event is switched from now on."""

    enabled: StrictBool | None = Field(None, description="True unless it is sent.")
    auto_trigger: StrictBool | None = Field(None, description="True unless it is sent.")
    base_auto_trigger_enabled: StrictBool | None = Field(
        None, description="False: changes do not trigger the event named by `lineage` any more."
    )


@router.post(
    "/v1/events",
    operation_id="createCustomEvent",
    status_code=201,
    response_model=EventReply,
    responses=refusals(409, 413, 422),
)
async def create_custom_event(body: Definition, caller: Writer, use: Use) -> Response:
    """Draft an event. It can happen once it is published."""
    await use.catalogue.custom.create(caller.org_id, body)
    created = await use.catalogue.get_event(caller.org_id, str(body["event_name"]))
    return reply(event_reply(created), 201)


@router.put(
    "/v1/events/{event_name}",
    operation_id="replaceCustomEventDraft",
    response_model=EventReply,
    responses=refusals(404, 409, 413, 422),
)
async def replace_custom_event_draft(
    name: EventName, body: Definition, caller: Writer, use: Use
) -> Response:
    """Store another definition of an event that is still a draft."""
    await use.catalogue.custom.replace_draft(caller.org_id, name, body)
    return reply(event_reply(await use.catalogue.get_event(caller.org_id, name)))


@router.post(
    "/v1/events/{event_name}:publish",
    operation_id="publishCustomEventDefinition",
    response_model=EventReply,
    responses=refusals(404, 409),
)
async def publish_custom_event_definition(
    name: EventName, caller: Writer, use: Use, body: PublishBody | None = None
) -> Response:
    """Let a drafted event happen from now on. Its definition does not change any more."""
    wanted = body or PublishBody(enabled=None, auto_trigger=None, base_auto_trigger_enabled=None)
    given = {"enabled": wanted.enabled, "auto_trigger": wanted.auto_trigger}
    await use.catalogue.custom.publish(
        caller.org_id,
        name,
        {key: value for key, value in given.items() if value is not None},
        base_auto=wanted.base_auto_trigger_enabled,
    )
    return reply(event_reply(await use.catalogue.get_event(caller.org_id, name)))


@router.delete(
    "/v1/events/{event_name}",
    operation_id="deprecateCustomEvent",
    status_code=204,
    responses=refusals(404, 409),
)
async def deprecate_custom_event(name: EventName, caller: Writer, use: Use) -> Response:
    """End an event: it does not happen any more. Its definition and history can still be read."""
    await use.catalogue.custom.deprecate(caller.org_id, name)
    return Response(status_code=204)
