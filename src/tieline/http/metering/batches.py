"""Many readings at once."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.readings.errors import InvalidReading
from tieline.entities.readings.matching import Identifiers
from tieline.entities.readings.parsing import parse_external_id
from tieline.entities.readings.service import ReadingOperation, SentReading
from tieline.http.bodies import BoundedBody
from tieline.http.metering.parts import (
    ActivityIdParameter,
    Async,
    Ignored,
    ManyReadings,
    ReadingBody,
    SkipValidation,
    Writer,
    counter_or_none,
    reading_documents,
    reading_options,
    reasons,
    refusals,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.mapping.readings import SOURCES

router = APIRouter(route_class=TielineRoute, tags=["readings"])

MAX_READINGS = 100
MAX_KEPT = 10_000
_WRITING = (
    "timestamp_future",
    "duplicate_reading",
    "less_than_previous",
    "invalid_identifiers",
    "multiple_readings_found",
)


class ReadingsBody(BoundedBody):
    """Readings to create."""

    model_config = ConfigDict(extra="forbid")

    readings: list[ReadingBody] = Field(description=f"At most {MAX_READINGS}.")


class WrittenReadingBody(ReadingBody):
    """A reading, and what is to happen to it."""

    operation: ReadingOperation = ReadingOperation.CREATE


class WritesBody(BoundedBody):
    """Readings to create, update or delete."""

    model_config = ConfigDict(extra="forbid")

    identifiers: list[str] = Field(
        default=[],
        description="Which values identify a reading of a meter: `external_id`, `metadata.<name>`, "
        "`timestamp`, `direction`. None: counter, direction and timestamp.",
    )
    readings: list[WrittenReadingBody] = Field(description=f"At most {MAX_READINGS}.")


class PruneBody(BoundedBody):
    """Which readings of a meter are to stay."""

    model_config = ConfigDict(extra="forbid")

    meter_id: UUID
    counter_id: UUID | None = Field(default=None, description="Only those of this counter.")
    keep_external_ids: list[Any] = Field(description=f"At most {MAX_KEPT}; all others go.")
    source: str | None = Field(default=None, description="Only those of this source.")


class PruneCounts(BaseModel):
    """How many readings of the scope went, and how many stayed."""

    deleted_count: int
    kept_count: int


class PruneReply(BaseModel):
    """What became of the scope."""

    data: PruneCounts


@router.post(
    "/v1/metering/readings",
    operation_id="createMeterReadings",
    response_model=ManyReadings,
    responses=refusals(404, 409),
)
async def create_readings(
    body: ReadingsBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    skip_validation: SkipValidation = False,
    no_wait: Async = True,
) -> Response:
    """Create readings: all of them, or none."""
    _refuse_too_many(len(body.readings))
    sent = [item.sent(f"readings[{n}].") for n, item in enumerate(body.readings)]
    options = reading_options(activity_id, skip_validation=skip_validation)
    with reasons(*_WRITING):
        created = await use.readings.apply(caller.org_id, sent, options, Identifiers())
    return reply(reading_documents(created))


@router.post(
    "/v2/metering/readings",
    operation_id="batchWriteMeterReadings",
    response_model=ManyReadings,
    responses=refusals(404, 409, 413),
)
async def write_readings(
    body: WritesBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    skip_validation: SkipValidation = False,
    no_wait: Async = True,
) -> Response:
    """Create, update and delete readings: all of it, or none. Answers those that there were."""
    _refuse_too_many(len(body.readings))
    sent = [item.sent(f"readings[{n}].", item.operation) for n, item in enumerate(body.readings)]
    options = reading_options(activity_id, skip_validation=skip_validation)
    identifiers = Identifiers.of(body.identifiers)
    with reasons(*_WRITING):
        changed = await use.readings.apply(caller.org_id, sent, options, identifiers)
    return reply(reading_documents(changed))


@router.post(
    "/v2/metering/readings/prune",
    operation_id="pruneMeterReadings",
    response_model=PruneReply,
    responses=refusals(404, 409, 413),
)
async def prune_readings(
    body: PruneBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    dry_run: Annotated[bool, Query(description="Only count.")] = False,
    no_wait: Async = True,
    create_ticket: Ignored = True,
) -> Response:
    """Delete, for good, the readings of a meter whose external id is not to be kept.

    Those without an external id go when a source is named, and stay otherwise.
    """
    if len(body.keep_external_ids) > MAX_KEPT:
        raise InvalidReading(f"keep_external_ids: more than {MAX_KEPT:,}. Prune by counter.")
    if body.source is not None and body.source not in SOURCES:
        raise InvalidReading(f"source: {body.source!r:.60} is not one of {', '.join(SOURCES)}.")
    keep = {text for value in body.keep_external_ids if (text := parse_external_id(value))}
    scope = SentReading(body.meter_id, counter_or_none(body.counter_id), {})
    pruned = await use.readings.prune(
        caller.org_id,
        scope,
        keep,
        body.source,
        reading_options(activity_id, skip_validation=True),
        dry_run=dry_run,
    )
    counts = {"deleted_count": pruned.deleted, "kept_count": pruned.kept}
    return reply({"data": counts})


def _refuse_too_many(count: int) -> None:
    if count > MAX_READINGS:
        raise InvalidReading(
            f"readings: {count} are more than {MAX_READINGS}. Send them in several requests.",
            reason="too_many_records",
        )
