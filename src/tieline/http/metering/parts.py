"""What the operations of the metering surface share: parameters, bodies, replies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.activities import checked_activity_id
from tieline.entities.models import document
from tieline.entities.readings.models import Reading, reading_document
from tieline.entities.readings.repository import NO_COUNTER
from tieline.entities.readings.service import ReadingOperation, ReadingOptions, SentReading
from tieline.entities.search.models import TitledEntity
from tieline.entities.service import WriteOptions
from tieline.http.auth import require
from tieline.http.bodies import BoundedBody
from tieline.http.refusals import CodedError, Refusals
from tieline.identity.models import Principal, Scope
from tieline.kit.errors import TielineError

Reader = Annotated[Principal, Depends(require(Scope.METERING_READ))]
Writer = Annotated[Principal, Depends(require(Scope.METERING_WRITE))]

MeterId = Annotated[UUID, Path(alias="meter_id", description="The id of the meter.")]
CounterId = Annotated[
    UUID, Path(alias="counter_id", description="The counter's id; the nil UUID stands for none.")
]
ActivityIdParameter = Annotated[
    str | None,
    Query(alias="activity_id", description="The activity to show in the feeds of the meters."),
]
SkipValidation = Annotated[
    bool, Query(description="Do not compare the readings with those around them.")
]
# Changes are readable as soon as they are answered: there is nothing to wait for or not.
Async = Annotated[bool, Query(alias="async", description="Accepted, without effect.")]
Ignored = Annotated[bool, Query(description="Accepted, without effect.")]


class ReadingValues(BoundedBody):
    """What is known of a reading; what else is sent is kept with it."""

    model_config = ConfigDict(extra="allow")

    counter_id: UUID | None = None
    direction: Any = Field(default=None, description="`feed-in` or `feed-out`.")
    timestamp: Any = Field(default=None, description="ISO 8601. Without one: now.")
    value: Any = Field(default=None, description="A number, kept digit by digit.")
    source: Any = Field(default=None, description="`ECP`, `ERP`, `360` or `journey-submission`.")
    external_id: Any = Field(default=None, description="The reading's id in its source.")
    reason: Any = Field(default=None, description="Why it was read, such as `regular`.")
    status: Any = Field(default=None, description="`valid`, `in-validation` or `implausible`.")
    read_by: Any = Field(default=None, description="Who read it.")
    unit: Any = None
    remark: Any = None
    note: Any = None
    metadata: Any = Field(default=None, description="An object of texts.")


class ReadingBody(ReadingValues):
    """A reading of a meter."""

    meter_id: UUID

    def sent(
        self, place: str = "", operation: ReadingOperation = ReadingOperation.CREATE
    ) -> SentReading:
        """The reading as the service takes it."""
        return SentReading(
            meter_id=self.meter_id,
            counter_id=counter_or_none(self.counter_id),
            attributes=self.model_dump(
                exclude={"meter_id", "counter_id", "operation"}, exclude_unset=True
            ),
            operation=operation,
            place=place,
        )


class ReadingReply(BaseModel):
    """A reading as stored."""

    model_config = ConfigDict(extra="allow")

    meter_id: str
    counter_id: str | None = None
    direction: str | None = None
    timestamp: str
    value: float
    source: str
    external_id: str | None = None


class OneReading(BaseModel):
    """A reading."""

    data: ReadingReply


class ManyReadings(BaseModel):
    """Readings."""

    data: list[ReadingReply]


class ReadingError(CodedError):
    """Why a request was refused."""

    reason: str | None = Field(default=None, description="Of a refused reading: which rule.")


refusals = Refusals(ReadingError, {413: "There are more readings than can be handled at once."})


@contextlib.contextmanager
def reasons(*known: str) -> Iterator[None]:
    """Leaves out of a refusal a reason that the reference does not know for the operation."""
    try:
        yield
    except TielineError as error:
        if error.details.get("reason") in (None, *known):
            raise
        rest = {name: value for name, value in error.details.items() if name != "reason"}
        raise type(error)(error.message, **rest) from None


def counter_or_none(counter_id: UUID | None) -> UUID | None:
    """The counter, or None when the nil UUID says that there is none."""
    return None if counter_id == NO_COUNTER else counter_id


def reading_options(activity_id: str | None, *, skip_validation: bool = False) -> ReadingOptions:
    """The options of a change. An empty activity id stands for none. Raises `InvalidInput`."""
    known = checked_activity_id(activity_id) if activity_id else None
    return ReadingOptions(activity_id=known, validate=not skip_validation)


def write_options(caller: Principal) -> WriteOptions:
    """The options of a change of a meter or a counter."""
    return WriteOptions(caller={"name": caller.name, "key_id": caller.id})


def reading_documents(readings: Sequence[Reading]) -> dict[str, Any]:
    """Readings in their wire form."""
    return {"data": [reading_document(reading) for reading in readings]}


def entity_document(org_id: str, found: TitledEntity) -> dict[str, Any]:
    """A meter or a counter in its wire form; one without a title is called by its id."""
    return document(found.entity, org_id, found.title or str(found.entity.id))
