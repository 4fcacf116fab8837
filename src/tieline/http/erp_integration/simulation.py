"""The mapping simulation: try a configuration on a payload, storing nothing."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Part, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.kit import json
from tieline.kit.errors import Unprocessable
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.errors import (
    InvalidConfiguration,
    MalformedPayload,
    MappingError,
    SandboxFailed,
)
from tieline.mapping.formats import Selection, select, whole
from tieline.mapping.mapper import Mapper
from tieline.mapping.models import (
    METER_READING,
    ConfigurationWarning,
    EntityMode,
    MeterReadingMode,
    PayloadFormat,
)
from tieline.mapping.pruning import ScopeMode

router = APIRouter(route_class=AskingRoute, tags=["erp"])

Reader = Annotated[Principal, Depends(require(Scope.ERP_READ))]


class UnusableConfiguration(InvalidConfiguration):
    """The configuration cannot work. Correct it at the path named and try again."""

    http_status = 422


class SimulationCrashed(SandboxFailed):
    """The expressions brought down the process that evaluates them. Simplify them."""

    http_status = 422


_REFUSALS: dict[type[MappingError], type[MappingError]] = {
    InvalidConfiguration: UnusableConfiguration,
    SandboxFailed: SimulationCrashed,
}


class PayloadTooLarge(Unprocessable):
    """The payload is larger than an event's may be. Try a smaller one."""

    code = "PAYLOAD_TOO_LARGE"


class SimulatedEvent(Part):
    """The event to try a configuration on."""

    format: PayloadFormat = Field(PayloadFormat.JSON, description="How the payload is written.")
    payload: str | dict[str, Any] = Field(
        description="The payload as text, or a JSON object as it is.",
        examples=['{"customerId": "4711"}', {"customerId": "4711"}],
    )

    def payload_text(self, limit: int) -> bytes:
        """The payload as an ERP would send it. Raises `MalformedPayload` and `PayloadTooLarge`."""
        if isinstance(self.payload, str):
            text = self.payload.encode()
        elif self.format is PayloadFormat.XML:
            raise MalformedPayload(
                "The format is xml, but the payload is a JSON object. Send the XML as text."
            )
        else:
            text = json.dumps(self.payload)
        if len(text) > limit:
            raise PayloadTooLarge(
                f"payload: has {len(text)} bytes; {limit} are allowed (TIELINE_MAX_PAYLOAD_BYTES)."
            )
        return text


class DocumentBody(SimulatedEvent):
    """A mapping document, one of its types of object, and an event to try it on."""

    mapping_configuration: dict[str, Any] = Field(
        description="A document of format 1.0 or 2.0: see docs/mapping.md.",
        examples=[
            {
                "version": "2.0",
                "mapping": {
                    "events": {
                        "CustomerChanged": {
                            "entities": [
                                {
                                    "entity_schema": "contact",
                                    "unique_ids": ["customer_number"],
                                    "fields": [
                                        {"attribute": "customer_number", "field": "customerId"}
                                    ],
                                }
                            ]
                        }
                    }
                },
            }
        ],
    )
    object_type: str = Field(
        description="Which object or event of the document to try.", examples=["CustomerChanged"]
    )


class SimulationBody(SimulatedEvent):
    """A configuration and an event to try it on."""

    event_configuration: dict[str, Any] = Field(
        description="The configuration of an inbound use case: see docs/mapping.md.",
        examples=[
            {
                "entities": [
                    {
                        "entity_schema": "contact",
                        "unique_ids": ["customer_number"],
                        "fields": [{"attribute": "customer_number", "field": "customerId"}],
                    }
                ]
            }
        ],
    )


class EntityUpdateReply(BaseModel):
    """What would become of an entity. Relations name their targets by unique ids."""

    entity_slug: str
    unique_identifiers: dict[str, Any]
    attributes: dict[str, Any]
    mode: EntityMode | None = Field(
        None, description="Absent where the entity would be created or updated."
    )


class IdentifiedReply(BaseModel):
    """What identifies a meter or a counter."""

    model_config = ConfigDict(populate_by_name=True)

    unique_ids: dict[str, Any] = Field(alias="$entity_unique_ids")


class MeterReadingUpdateReply(BaseModel):
    """What would become of a meter reading."""

    meter: IdentifiedReply
    meter_counter: IdentifiedReply | None = None
    attributes: dict[str, Any]
    mode: MeterReadingMode | None = Field(None, description="Present where it would be deleted.")


class WarningReply(BaseModel):
    """Something that works, but perhaps not as intended."""

    entity_schema: str
    field: str
    message: str


class PruneScopeReply(BaseModel):
    """Entities that would be removed unless an update names them."""

    model_config = ConfigDict(populate_by_name=True)

    entity_slug: str
    mode: EntityMode = Field(description="How they would be removed: delete or purge.")
    scope_mode: ScopeMode
    anchor_schema: str | None = Field(
        None, alias="schema", description="The schema of the entity that they are related to."
    )
    unique_identifiers: dict[str, Any]


class ReadingPruneScopeReply(BaseModel):
    """Readings that would be removed unless an update names them."""

    meter: IdentifiedReply
    meter_counter: IdentifiedReply | None = None
    source: str | None = Field(None, description="Only those of this source.")


class SimulationReply(BaseModel):
    """What an event with this payload would change."""

    entity_updates: list[EntityUpdateReply]
    meter_readings_updates: list[MeterReadingUpdateReply]
    warnings: list[WarningReply]
    prune_scopes: list[PruneScopeReply] = Field([], description="Absent when nothing is pruned.")
    meter_reading_prune_scopes: list[ReadingPruneScopeReply] = Field(
        [], description="Absent when no readings are pruned."
    )


@router.post(
    "/v2/erp/updates/mapping_simulation",
    operation_id="simulateMappingV2",
    response_model=SimulationReply,
    responses=refusals(409, 413, 422),
)
async def simulate_mapping_v2(body: SimulationBody, caller: Reader, use: Use) -> Response:
    """Try a configuration on a payload. Nothing is stored, and relations are not looked up."""
    payload = body.payload_text(use.settings.max_payload_bytes)
    return reply(await _simulated(use.mapper, whole(body.event_configuration), payload, body))


@router.post(
    "/v1/erp/updates/mapping_simulation",
    operation_id="simulateMapping",
    response_model=SimulationReply,
    responses=refusals(409, 413, 422),
)
async def simulate_mapping(body: DocumentBody, caller: Reader, use: Use) -> Response:
    """Try a mapping document on a payload. Nothing is stored, and relations are not looked up."""
    payload = body.payload_text(use.settings.max_payload_bytes)
    try:
        selection = select(body.mapping_configuration, body.object_type)
    except InvalidConfiguration as error:
        raise UnusableConfiguration(error.message, error.path) from None
    return reply(await _simulated(use.mapper, selection, payload, body))


async def _simulated(
    mapper: Mapper, selection: Selection, payload: bytes, event: SimulatedEvent
) -> dict[str, Any]:
    """The body to answer with; places are those of what the caller sent."""
    try:
        _, warnings = parse_configuration(selection.configuration)
        simulated = await mapper.simulate(
            json.dumps(selection.configuration), payload, event.format
        )
    except MappingError as error:
        kind = _REFUSALS.get(type(error), type(error))
        place = selection.place(error.path) if error.path else ""
        raise kind(selection.translated(error.message), place) from None
    about = [_warning(warning, "") for warning in selection.warnings]
    for warning in warnings:
        schema = _schema(warning.path, selection.configuration)
        place = selection.place(warning.path)
        message = warning.message.replace(warning.path, place, 1)
        about.append(_warning(ConfigurationWarning(place, message), schema))
    return {**simulated, "warnings": [*about, *simulated["warnings"]]}


def _schema(path: str, configuration: dict[str, Any]) -> str:
    """The schema of the entities that a place in a configuration is about."""
    place = re.match(r"entities\[(\d+)\]", path)
    if place is not None:
        return str(configuration["entities"][int(place[1])]["entity_schema"])
    return METER_READING if path.startswith("meter_readings") else ""


def _warning(warning: ConfigurationWarning, schema: str) -> dict[str, str]:
    """A warning about the configuration in the words of the simulation."""
    return {"entity_schema": schema, "field": warning.path, "message": warning.message}
