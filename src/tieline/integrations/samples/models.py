"""A sample, what it is compared with, and what came of running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tieline.integrations.samples.comparison import Difference
from tieline.kit import json
from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import EventType

MAX_SAMPLES = 100  # per use case
MAX_BYTES = 8_000_000  # of all samples of a use case: payloads and what is expected of them


@dataclass(frozen=True)
class Sample:
    """A payload and what the mapping is to make of it.

    `payload` is a text in the format, or a JSON object. `expected` holds the lists
    `entity_updates` and `meter_readings_updates` as the simulation answers them, perhaps those of
    the scopes in which it would prune too, or `error`, the code with which the mapping has to fail.
    An `event_type` is that of the earlier ingest versions.
    """

    name: str
    format: PayloadFormat
    payload: str | Mapping[str, Any]
    expected: Mapping[str, Any]
    event_type: EventType | None = None

    def payload_bytes(self) -> bytes:
        """The payload as an ERP would send it."""
        if isinstance(self.payload, str):
            return self.payload.encode("utf-8", "surrogatepass")
        return json.dumps(self.payload)

    def size(self) -> int:
        """Bytes of the payload and of what is expected."""
        return len(self.payload_bytes()) + len(json.dumps(self.expected))


@dataclass(frozen=True)
class StoredSample:
    """A sample of a use case."""

    sample: Sample
    created_at: datetime
    updated_at: datetime


class SampleStatus(StrEnum):
    """How a sample fared."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"  # the time for all samples was used up


@dataclass(frozen=True)
class SampleResult:
    """What came of one sample.

    `actual` is what the mapping yields, in the form of `Sample.expected`; None when it was not run.
    `message` explains an error of the mapping.
    """

    name: str
    status: SampleStatus
    actual: Mapping[str, Any] | None = None
    differences: tuple[Difference, ...] = ()
    message: str | None = None
