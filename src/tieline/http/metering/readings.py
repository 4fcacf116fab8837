"""Single readings: creating one, reading those of an interval, changing and deleting one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from tieline.entities.readings.days import bounds, local_day
from tieline.entities.readings.errors import InvalidReading
from tieline.entities.readings.matching import Identifiers
from tieline.entities.readings.meters import MeterPlace
from tieline.entities.readings.models import reading_document
from tieline.entities.readings.parsing import parse_timestamp
from tieline.entities.readings.queries import IntervalQuery
from tieline.entities.readings.repository import MAX_SCOPE
from tieline.entities.readings.service import SentReading
from tieline.http.metering.parts import (
    CounterId,
    MeterId,
    OneReading,
    Reader,
    ReadingBody,
    ReadingReply,
    ReadingValues,
    Writer,
    counter_or_none,
    reading_options,
    reasons,
    refusals,
    write_options,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["readings"])

_EARLIEST = date(2000, 1, 1)
_ALL = -1
_CREATING = ("timestamp_future", "less_than_previous", "greater_than_subsequent")
_MAX_OFFSET = 2**31 - 1


class Kind(StrEnum):
    """What an interval shows: the readings, or what was consumed between them."""

    CUMULATIVE = "cumulative"
    RELATIVE = "relative"


class Sorting(StrEnum):
    """The order of time."""

    ASCENDING = "asc"
    DESCENDING = "desc"


class Direction(StrEnum):
    """Whether energy comes from or goes to the customer."""

    FEED_IN = "feed-in"
    FEED_OUT = "feed-out"


class ReadingWithMeterBody(ReadingValues):
    """A reading, and what identifies its meter and counter."""

    meter_id: UUID | None = None
    ma_lo_id: str | None = None
    obis_number: str | None = None
    tariff_type: Any = None


class IntervalReply(BaseModel):
    """A page of readings, how many there are, and when the counter's first one was taken."""

    results: list[ReadingReply]
    hits: int
    firstRecordCreatedAt: str | None = None  # noqa: N815 - the reference's name


class DeletedPlace(BaseModel):
    """Where a reading was."""

    meterId: str  # noqa: N815 - the reference's name
    counterId: str  # noqa: N815 - the reference's name
    timestamp: str


class DeletedReply(BaseModel):
    """Where the deleted reading was."""

    data: DeletedPlace


Moment = Annotated[
    str, Query(alias="timestamp", description="When the reading was taken; any form of the moment.")
]
Day = Annotated[str | None, Query(description="A day in Germany, or a moment.")]


@router.post(
    "/v1/metering/reading/with-meter",
    operation_id="createReadingWithMeter",
    response_model=OneReading,
    responses=refusals(404, 409),
)
async def create_reading_with_meter(
    body: ReadingWithMeterBody, caller: Writer, use: Use
) -> Response:
    """Create a reading of a meter known by its market location and a counter by its OBIS code.

    Both come into being when they are missing.
    """
    known = {"unit": body.unit, "direction": body.direction, "tariff_type": body.tariff_type}
    place = MeterPlace(
        meter_id=body.meter_id,
        ma_lo_id=body.ma_lo_id,
        obis_number=body.obis_number,
        counter={name: value for name, value in known.items() if value is not None},
    )
    attributes = body.model_dump(
        exclude={"meter_id", "counter_id", "ma_lo_id", "obis_number"}, exclude_unset=True
    )
    # A counter that is named needs no OBIS code.
    named = counter_or_none(body.counter_id)
    with reasons("missing_params", *_CREATING):
        async with use.meters.placed(caller.org_id, place, write_options(caller)) as found:
            sent = SentReading(found[0], named or found[1], attributes)
            [created] = await use.readings.apply(
                caller.org_id, [sent], reading_options(None), Identifiers()
            )
    return reply({"data": reading_document(created)})


@router.post(
    "/v1/metering/reading",
    operation_id="createMeterReading",
    response_model=OneReading,
    responses=refusals(404, 409),
)
async def create_reading(body: ReadingBody, caller: Writer, use: Use) -> Response:
    """Create a reading that fits those before and after it."""
    with reasons(*_CREATING):
        [created] = await use.readings.apply(
            caller.org_id, [body.sent()], reading_options(None), Identifiers()
        )
    return reply({"data": reading_document(created)})


@router.get(
    "/v1/metering/reading/{meter_id}/{counter_id}",
    operation_id="getReadingsByInterval",
    response_model=IntervalReply,
    responses=refusals(404, 413),
)
async def readings_by_interval(
    meter_id: MeterId,
    counter_id: CounterId,
    caller: Reader,
    use: Use,
    start_date: Day = None,
    end_date: Day = None,
    direction: Annotated[Direction | None, Query()] = None,
    size: Annotated[
        int, Query(ge=_ALL, le=MAX_SCOPE, description="How many results; -1 for all.")
    ] = 20,
    offset: Annotated[
        int, Query(alias="from", ge=0, le=_MAX_OFFSET, description="How many to pass over.")
    ] = 0,
    kind: Annotated[
        Kind,
        Query(alias="type", description="`relative`: what was consumed since the reading before."),
    ] = Kind.CUMULATIVE,
    sort: Annotated[Sorting, Query(description="The order of time.")] = Sorting.ASCENDING,
) -> Response:
    """Read a counter's readings from the beginning of one day to the end of another."""
    query = IntervalQuery(
        meter_id=meter_id,
        counter_id=counter_or_none(counter_id),
        first=_edge("start_date", start_date, _EARLIEST)[0],
        end=_edge("end_date", end_date, local_day(datetime.now(UTC)))[1],
        direction=direction,
        relative=kind is Kind.RELATIVE,
        descending=sort is Sorting.DESCENDING,
        offset=offset,
        size=MAX_SCOPE + 1 if size == _ALL else size,
    )
    if query.first >= query.end:
        raise InvalidReading("start_date: lies after end_date. Exchange them.")
    page = await use.readings.interval(caller.org_id, query)
    content = {"results": [reading_document(r) for r in page.readings], "hits": page.hits}
    if page.earliest is not None:
        content["firstRecordCreatedAt"] = page.earliest
    return reply(content)


@router.put(
    "/v1/metering/reading/{meter_id}/{counter_id}",
    operation_id="updateMeterReading",
    response_model=OneReading,
    responses=refusals(404, 409),
)
async def update_reading(
    meter_id: MeterId,
    counter_id: CounterId,
    timestamp: Moment,
    body: ReadingBody,
    caller: Writer,
    use: Use,
) -> Response:
    """Change a reading. What is not sent stays as it is; another `timestamp` moves it."""
    given = body.counter_id
    if body.meter_id != meter_id or (given is not None and given != counter_id):
        raise InvalidReading(
            "meter_id and counter_id: a reading stays with its counter. Send those of the path."
        )
    sent = SentReading(meter_id, counter_or_none(counter_id), body.sent().attributes)
    with reasons(*_CREATING):
        changed = await use.readings.update(
            caller.org_id, sent, parse_timestamp(timestamp)[1], reading_options(None)
        )
    return reply({"data": reading_document(changed)})


@router.delete(
    "/v1/metering/reading/{meter_id}/{counter_id}",
    operation_id="deleteMeterReading",
    response_model=DeletedReply,
    responses=refusals(404, 409),
)
async def delete_reading(
    meter_id: MeterId,
    counter_id: CounterId,
    timestamp: Moment,
    caller: Writer,
    use: Use,
    direction: Annotated[
        Direction | None, Query(description="Needed where both directions have one.")
    ] = None,
) -> Response:
    """Delete a reading for good."""
    place = SentReading(meter_id, counter_or_none(counter_id), {"direction": direction})
    gone = await use.readings.delete(
        caller.org_id,
        place,
        parse_timestamp(timestamp)[1],
        reading_options(None, skip_validation=True),
    )
    where = {
        "meterId": str(meter_id),
        "counterId": str(counter_id),
        "timestamp": gone.timestamp,
    }
    return reply({"data": where})


def _edge(name: str, text: str | None, default: date) -> tuple[datetime, datetime]:
    """What a bound of an interval covers: a day from beginning to end, or a single moment."""
    try:
        if text is None:
            return bounds(default)
        moment = parse_timestamp(text)[1]
    except InvalidReading as error:
        raise InvalidReading(error.message.replace("timestamp", name, 1)) from None
    if len(text) == len("2026-01-31"):
        return bounds(date.fromisoformat(text))
    return moment, moment + timedelta(microseconds=1)
