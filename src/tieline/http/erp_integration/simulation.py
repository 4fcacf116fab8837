"""The mapping simulation: try a configuration on a payload, storing nothing."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Part, refusals
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.kit import json
from tieline.kit.errors import Unprocessable
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.engine import METER_READING
from tieline.mapping.errors import InvalidConfiguration, MalformedPayload, SandboxFailed
from tieline.mapping.models import ConfigurationWarning, PayloadFormat

router = APIRouter(route_class=TielineRoute, tags=["erp"])

Reader = Annotated[Principal, Depends(require(Scope.ERP_READ))]


class UnusableConfiguration(InvalidConfiguration):
    """The configuration cannot work. Correct it at the path named and try again."""

    http_status = 422


class SimulationCrashed(SandboxFailed):
    """The expressions brought down the process that evaluates them. Simplify them."""

    http_status = 422


class PayloadTooLarge(Unprocessable):
    """The payload is larger than an event's may be. Try a smaller one."""

    code = "PAYLOAD_TOO_LARGE"


class SimulationBody(Part):
    """A configuration and a payload to try it on."""

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
    format: PayloadFormat = Field(PayloadFormat.JSON, description="How the payload is written.")
    payload: str | dict[str, Any] = Field(
        description="The payload as text, or a JSON object as it is.",
        examples=['{"customerId": "4711"}', {"customerId": "4711"}],
    )

    def payload_text(self) -> bytes:
        """The payload as an ERP would send it. Raises `MalformedPayload`."""
        if isinstance(self.payload, str):
            return self.payload.encode()
        if self.format is PayloadFormat.XML:
            raise MalformedPayload(
                "The format is xml, but the payload is a JSON object. Send the XML as text."
            )
        return json.dumps(self.payload)


class EntityUpdateReply(BaseModel):
    """What would become of an entity. Relations name their targets by unique ids."""

    entity_slug: str
    unique_identifiers: dict[str, Any]
    attributes: dict[str, Any]


class IdentifiedReply(BaseModel):
    """What identifies a meter or a counter."""

    model_config = ConfigDict(populate_by_name=True)

    unique_ids: dict[str, Any] = Field(alias="$entity_unique_ids")


class MeterReadingUpdateReply(BaseModel):
    """What would become of a meter reading."""

    meter: IdentifiedReply
    meter_counter: IdentifiedReply | None = None
    attributes: dict[str, Any]


class WarningReply(BaseModel):
    """Something that works, but perhaps not as intended."""

    entity_schema: str
    field: str
    message: str


class SimulationReply(BaseModel):
    """What an event with this payload would change."""

    entity_updates: list[EntityUpdateReply]
    meter_readings_updates: list[MeterReadingUpdateReply]
    warnings: list[WarningReply]


@router.post(
    "/v2/erp/updates/mapping_simulation",
    operation_id="simulateMappingV2",
    response_model=SimulationReply,
    responses=refusals(409, 413, 422),
)
async def simulate_mapping_v2(body: SimulationBody, caller: Reader, use: Use) -> Response:
    """Try a configuration on a payload. Nothing is stored, and relations are not looked up."""
    payload = body.payload_text()
    limit = use.settings.max_payload_bytes
    if len(payload) > limit:
        raise PayloadTooLarge(
            f"payload: has {len(payload)} bytes; {limit} are allowed (TIELINE_MAX_PAYLOAD_BYTES)."
        )
    try:
        _, warnings = parse_configuration(body.event_configuration)
        simulated = await use.mapper.simulate(
            json.dumps(body.event_configuration), payload, body.format
        )
    except InvalidConfiguration as error:
        raise UnusableConfiguration(error.message, error.path) from None
    except SandboxFailed as error:
        raise SimulationCrashed(error.message, error.path) from None
    unknown = [_warning(warning, body.event_configuration) for warning in warnings]
    return reply({**simulated, "warnings": [*unknown, *simulated["warnings"]]})


def _warning(warning: ConfigurationWarning, configuration: dict[str, Any]) -> dict[str, str]:
    """A warning about the configuration in the words of the simulation."""
    place = re.match(r"entities\[(\d+)\]", warning.path)
    if place is not None:
        schema = str(configuration["entities"][int(place[1])]["entity_schema"])
    else:
        schema = METER_READING if warning.path.startswith("meter_readings") else ""
    return {"entity_schema": schema, "field": warning.path, "message": warning.message}
