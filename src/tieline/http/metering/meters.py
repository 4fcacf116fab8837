"""Meters and counters, as those see them who deal with readings."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.readings.meters import Counter
from tieline.entities.readings.models import METER
from tieline.http.metering.parts import (
    Reader,
    Writer,
    entity_document,
    refusals,
    write_options,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["meters"])


class StoredEntityReply(BaseModel):
    """A meter, a counter or what they are related to: stamps and attributes."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(alias="_id")
    org: str = Field(alias="_org")
    schema_: str = Field(alias="_schema")
    title: str = Field(alias="_title")
    created_at: str = Field(alias="_created_at")
    updated_at: str = Field(alias="_updated_at")


class OneEntity(BaseModel):
    """A meter or a counter."""

    data: StoredEntityReply


class ManyEntities(BaseModel):
    """Meters or counters."""

    data: list[StoredEntityReply]


class MeterWithRelations(BaseModel):
    """A meter and the entities that it is related to."""

    entity: StoredEntityReply
    relations: list[StoredEntityReply]


class MeterReply(BaseModel):
    """A meter and the entities that it is related to."""

    data: MeterWithRelations


MeterIdParameter = Annotated[UUID, Path(alias="id", description="The id of the meter.")]


@router.get(
    "/v1/metering/meter",
    operation_id="getCustomerMeters",
    response_model=ManyEntities,
    responses=refusals(404),
)
async def customer_meters(
    customer_id: Annotated[UUID, Query(description="The id of the customer.")],
    caller: Reader,
    use: Use,
) -> Response:
    """List the meters of a customer. An API key stands for none, so it names the customer."""
    found = await use.meters.meters_of(caller.org_id, customer_id)
    return reply({"data": [entity_document(caller.org_id, item) for item in found]})


@router.get(
    "/v1/metering/contract/meters/{contract_id}",
    operation_id="getMetersByContractId",
    response_model=ManyEntities,
    responses=refusals(404),
)
async def contract_meters(
    contract_id: Annotated[UUID, Path(description="The id of the contract.")],
    caller: Reader,
    use: Use,
) -> Response:
    """List the meters that are related to a contract, either way."""
    found = await use.meters.meters_of(caller.org_id, contract_id)
    return reply({"data": [entity_document(caller.org_id, item) for item in found]})


@router.get(
    "/v1/metering/meter/{id}",
    operation_id="getMeter",
    response_model=MeterReply,
    responses=refusals(404),
)
async def get_meter(meter_id: MeterIdParameter, caller: Reader, use: Use) -> Response:
    """Read a meter and the entities that it is related to."""
    meter = await use.meters.get(caller.org_id, meter_id)
    related = [entity_document(caller.org_id, item) for item in meter.related]
    entity = entity_document(caller.org_id, meter.found)
    return reply({"data": {"entity": entity, "relations": related}})


@router.patch(
    "/v1/metering/meter/{id}",
    operation_id="updateMeter",
    response_model=OneEntity,
    responses=refusals(404, 409),
)
async def update_meter(
    meter_id: MeterIdParameter,
    body: Annotated[Any, Body(description="The attributes to change, a JSON object.")],
    caller: Writer,
    use: Use,
) -> Response:
    """Change some attributes; with `_updated_at`, only if nobody changed the meter since (409)."""
    written = await use.entities.patch(caller.org_id, METER, meter_id, body, write_options(caller))
    return reply({"data": entity_document(caller.org_id, written.found)})


@router.get(
    "/v1/metering/counter",
    operation_id="getMeterCounters",
    response_model=ManyEntities,
    responses=refusals(404),
)
async def meter_counters(
    meter_id: Annotated[UUID, Query(description="The id of the meter.")],
    caller: Reader,
    use: Use,
) -> Response:
    """List the counters of a meter, each with its latest reading."""
    found = await use.meters.counters(caller.org_id, meter_id)
    return reply({"data": [_counter(caller.org_id, counter) for counter in found]})


@router.get(
    "/v1/metering/counter/{counter_id}",
    operation_id="getCounterDetails",
    response_model=OneEntity,
    responses=refusals(404),
)
async def get_counter(
    counter_id: Annotated[UUID, Path(description="The id of the counter.")],
    caller: Reader,
    use: Use,
) -> Response:
    """Read a counter with its latest reading."""
    counter = await use.meters.counter(caller.org_id, counter_id)
    return reply({"data": _counter(caller.org_id, counter)})


def _counter(org_id: str, counter: Counter) -> dict[str, Any]:
    content = entity_document(org_id, counter.found)
    if counter.latest is not None:
        content["last_reading"] = counter.latest.timestamp
        if counter.latest.consumption is not None:
            content["current_consumption"] = counter.latest.consumption
    return content
