"""What the demo posts, and what it expects to find afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Key = tuple[str, ...]
"""The values of an entity's unique ids, in the order in which its use case names them."""


class System(StrEnum):
    """The programs of the invented utility that send events."""

    CRM = "crm"
    BILLING = "billing"
    GRID = "grid"


class Change(StrEnum):
    """What an event does to one entity."""

    WRITE = "write"
    REFER = "refer"
    DELETE = "delete"
    PURGE = "purge"


class Status(StrEnum):
    """How an event ends, in the words of the monitoring API."""

    SUCCESS = "success"
    WARNING = "warning"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True)
class Effect:
    """One entity that an event writes, refers to or removes."""

    change: Change
    schema: str
    key: Key


@dataclass(frozen=True)
class Ending:
    """How an event ends: its status and, unless all went well, the code that says why."""

    status: Status = Status.SUCCESS
    code: str | None = None


@dataclass(frozen=True)
class DemoEvent:
    """One event as an ERP program would send it. `route` names the use case by slug or name."""

    system: System
    route: Mapping[str, str]
    payload: str | Mapping[str, Any]
    format: str
    timestamp: datetime
    deduplication_id: str
    effects: tuple[Effect, ...] = ()
    ending: Ending = Ending()

    def body(self) -> dict[str, Any]:
        """The event in the form of the ingest API."""
        return {
            **self.route,
            "timestamp": self.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "format": self.format,
            "payload": self.payload,
            "deduplication_id": self.deduplication_id,
        }


@dataclass(frozen=True)
class Batch:
    """The events of one request."""

    system: System
    correlation_id: str
    events: tuple[DemoEvent, ...]


@dataclass(frozen=True)
class Sample:
    """One entity whose attributes are compared, digit by digit, with what was sent last."""

    schema: str
    attribute: str
    value: str
    attributes: Mapping[str, Any]
    relation: tuple[str, str, str, str] | None = None
    """Relation attribute, and schema, unique attribute and value of the entity it must name."""


@dataclass(frozen=True)
class Served:
    """Where Tieline listens, and a key that may do everything."""

    address: str
    key: str
    org_id: str = "default"


@dataclass
class Expectation:
    """What must be true once every event has been applied."""

    endings: Counter[Ending] = field(default_factory=Counter)
    entities: Counter[str] = field(default_factory=Counter)
    stubs_created: int = 0
    stubs_left: int = 0
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True)
class Dataset:
    """All requests in the order in which they are posted, and what must come of them.

    The last one holds a single event, whose way the report follows once all others are applied.
    """

    batches: tuple[Batch, ...]
    expectation: Expectation
    showcase_key: Key
    """The unique ids of the entity that the last event changes."""

    @property
    def showcase(self) -> DemoEvent:
        """The last event."""
        (event,) = self.batches[-1].events
        return event

    def events(self) -> Iterator[DemoEvent]:
        """Every event in posting order."""
        for batch in self.batches:
            yield from batch.events

    def __len__(self) -> int:
        return sum(len(batch.events) for batch in self.batches)
