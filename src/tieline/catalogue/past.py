"""Events that have happened, and what one can ask about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tieline.catalogue.models import Event
from tieline.entities.projection import Projection

MAX_PAGE = 25

_STUB = ("_schema", "_id", "_title")


@dataclass(frozen=True)
class PastEvent:
    """An event of the history. One with a `fault` should have happened, and could not."""

    event: Event
    fault: str | None = None

    def document(self) -> dict[str, Any]:
        """The event as it is shown."""
        shown = self.event.document()
        return shown if self.fault is None else {**shown, "_fault": self.fault}

    def summary(self, fields: Sequence[str] = ()) -> dict[str, Any]:
        """The event with its entities reduced to what names them, and only the fields wanted."""
        chosen = Projection(fields)(dict(self.event.fields)) if fields else self.event.fields
        stubs = {name: _reduced(value) for name, value in chosen.items()}
        return PastEvent(replace(self.event, fields=stubs), self.fault).document()


@dataclass(frozen=True)
class HistoryCursor:
    """The place of an event in the history."""

    time: datetime
    id: str


@dataclass(frozen=True, kw_only=True)
class HistoryQuery:
    """Which past events are wanted; both ends of the time are inclusive."""

    name: str
    limit: int = 10
    cursor: HistoryCursor | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class HistoryPage:
    """Events, newest first; `next_cursor` is None on the last page."""

    events: Sequence[PastEvent]
    next_cursor: HistoryCursor | None


def _reduced(value: Any) -> Any:
    """The value with every entity in it, at whatever depth, replaced by its stub."""
    if isinstance(value, Mapping):
        if "_schema" in value or "_id" in value:
            return {name: value[name] for name in _STUB if name in value}
        return {name: _reduced(inner) for name, inner in value.items()}
    return [_reduced(inner) for inner in value] if isinstance(value, list) else value
