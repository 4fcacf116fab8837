"""Samples of use cases on the wire: bodies, replies and the way between them and the models."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tieline.http.bodies import BoundedBody
from tieline.http.erp_integration.parts import Body
from tieline.http.erp_integration.use_case_wire import Configuration
from tieline.integrations.samples.comparison import ABSENT, Difference
from tieline.integrations.samples.models import (
    MAX_SAMPLES,
    Sample,
    SampleResult,
    SampleStatus,
    StoredSample,
)
from tieline.integrations.samples.running import UPDATES
from tieline.kit.errors import InvalidInput
from tieline.kit.time import to_wire
from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import EventType

LONGEST_NAME = 100
NAME_PATTERN = r"^[^\s/\\](?:[^/\\\x00-\x1f]*[^\s/\\\x00-\x1f])?$"

SampleName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=NAME_PATTERN,
        description="Unique in its use case.",
    ),
]


class SentEventType(StrEnum):
    """What the earlier ingest versions say about an event."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class ExpectedPart(BoundedBody):
    """What the simulation has to answer; its other keys, such as `warnings`, have no effect.

    Updates that are left out are expected to be none. With `error` the mapping has to fail.
    """

    model_config = ConfigDict(extra="ignore")

    entity_updates: list[dict[str, Any]] | None = Field(
        None, description="The entity updates, in this order."
    )
    meter_readings_updates: list[dict[str, Any]] | None = Field(
        None, description="The updates of meter readings, in this order."
    )
    prune_scopes: list[dict[str, Any]] | None = Field(
        None, description="Where entities would be pruned; not looked at if left out."
    )
    meter_reading_prune_scopes: list[dict[str, Any]] | None = Field(
        None, description="Where meter readings would be pruned; not looked at if left out."
    )
    error: str | None = Field(
        None, min_length=1, description="Code of the error with which the mapping has to fail."
    )

    def document(self) -> dict[str, Any]:
        """What is said. Raises `InvalidInput` when both an error and updates are expected."""
        lists = self.model_dump(exclude={"error"}, exclude_none=True)
        if self.error is not None:
            if any(lists.values()):
                raise InvalidInput("expected.error: excludes updates. Expect one or the other.")
            return {"error": self.error}
        return {**{key: [] for key in UPDATES}, **lists}


class PayloadBody(Body):
    """A payload as an event has it."""

    format: PayloadFormat = Field(PayloadFormat.JSON, description="How the payload is written.")
    event_type: SentEventType | None = Field(
        None, description="As of an event of an earlier ingest version; DELETE maps differently."
    )

    def sample(self, name: str, payload: Any, expected: dict[str, Any]) -> Sample:
        """The sample of that name. Raises `InvalidInput` for XML that is no text."""
        if self.format is PayloadFormat.XML and not isinstance(payload, str):
            raise InvalidInput("payload: is a JSON object, but the format is xml. Send a text.")
        event_type = EventType(self.event_type) if self.event_type else None
        return Sample(name, self.format, payload, expected, event_type)


class SampleBody(PayloadBody):
    """What a sample is to be."""

    payload: str | dict[str, Any] = Field(
        description="The payload as text, or a JSON object as it is.",
        examples=[{"customerId": "4711"}],
    )
    expected: ExpectedPart

    def named(self, name: str) -> Sample:
        """The sample under a name. Raises `InvalidInput`."""
        return self.sample(name, self.payload, self.expected.document())


class RecordSampleBody(PayloadBody):
    """A new sample that expects what comes out now: of a stored event, or of a payload."""

    name: SampleName
    event_id: str | None = Field(
        None, description="A stored event of the integration; it brings payload, format and type."
    )
    payload: str | dict[str, Any] | None = Field(None, description="The payload, if no event is.")


class FileSampleBody(SampleBody):
    """A sample in a file."""

    name: SampleName


class SampleFile(Body):
    """A file with the configuration of an inbound use case and samples of it."""

    configuration: Configuration
    samples: list[FileSampleBody]


class RunSamplesBody(Body):
    """What to run against what."""

    configuration: Configuration | None = Field(
        None, description="A draft to run them against instead of what is stored."
    )
    names: list[str] | None = Field(
        None, max_length=MAX_SAMPLES, description="Only these samples; all if left out."
    )


class SampleReply(BaseModel):
    """A sample."""

    name: str
    format: PayloadFormat
    payload: str | dict[str, Any]
    event_type: SentEventType | None = None
    expected: ExpectedPart
    created_at: datetime
    updated_at: datetime


class SampleList(BaseModel):
    """The samples of a use case."""

    samples: list[SampleReply]


class DifferenceReply(BaseModel):
    """A place where the result is not what was expected.

    Without `expected` nothing was expected there, without `actual` nothing came.
    """

    path: str
    expected: Any = None
    actual: Any = None
    message: str = Field(description="The same in words.")


class SampleResultReply(BaseModel):
    """How one sample fared."""

    name: str
    status: SampleStatus
    differences: list[DifferenceReply]
    message: str | None = Field(None, description="Why the mapping failed, if it did.")
    actual: ExpectedPart | None = Field(None, description="What came, if it differs.")


class SampleRunReply(BaseModel):
    """How the samples fared."""

    passed: int
    failed: int
    not_run: int = Field(description="Left out because the time for all was used up.")
    results: list[SampleResultReply]


def sample_reply(stored: StoredSample) -> dict[str, Any]:
    """A sample as it is answered."""
    sample = stored.sample
    found = {
        "name": sample.name,
        "format": sample.format,
        "payload": sample.payload,
        "event_type": sample.event_type,
        "expected": sample.expected,
        "created_at": to_wire(stored.created_at),
        "updated_at": to_wire(stored.updated_at),
    }
    return {key: value for key, value in found.items() if value is not None}


def run_reply(results: list[SampleResult]) -> dict[str, Any]:
    """How samples fared, as it is answered."""
    tally = {status: sum(result.status is status for result in results) for status in SampleStatus}
    return {
        **{status.value: count for status, count in tally.items()},
        "results": [_result_reply(result) for result in results],
    }


def _result_reply(result: SampleResult) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": result.name,
        "status": result.status,
        "differences": [_difference_reply(difference) for difference in result.differences],
    }
    if result.message is not None:
        found["message"] = result.message
    if result.differences:
        found["actual"] = result.actual
    return found


def _difference_reply(difference: Difference) -> dict[str, Any]:
    found: dict[str, Any] = {"path": difference.path, "message": str(difference)}
    if difference.expected is not ABSENT:
        found["expected"] = difference.expected
    if difference.actual is not ABSENT:
        found["actual"] = difference.actual
    return found
