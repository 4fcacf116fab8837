"""What has happened: the history of an event."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from tieline.audit.models import Shown
from tieline.audit.recording import viewed
from tieline.catalogue.past import MAX_PAGE, HistoryCursor, HistoryPage, HistoryQuery
from tieline.entities.projection import MAX_FIELD_LENGTH, MAX_FIELDS
from tieline.http.bodies import BoundedBody
from tieline.http.event_catalog.parts import EventName, Part, Reader, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Services, Use
from tieline.identity.models import Principal
from tieline.kit.errors import InvalidInput
from tieline.kit.time import stated_moment, to_wire

router = APIRouter(route_class=AskingRoute, tags=["history"])

Moment = Annotated[datetime, BeforeValidator(stated_moment)]
FieldName = Annotated[str, Field(min_length=1, max_length=MAX_FIELD_LENGTH)]


class CursorPart(BoundedBody):
    """Where the page before ended: its `next_cursor`."""

    model_config = ConfigDict(extra="forbid")

    event_time: Moment | None = None
    event_id: str | None = Field(None, max_length=64)

    def position(self) -> HistoryCursor | None:
        """The place in the history; None for its beginning. Raises `InvalidInput`."""
        if self.event_time is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.event_time: is required beside event_id. Send both.")
            return None
        return HistoryCursor(self.event_time, self.event_id or "")


class SpanPart(BoundedBody):
    """A span of time; both ends belong to it."""

    model_config = ConfigDict(populate_by_name=True)

    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")


class HistoryBody(Part):
    """Which past events are wanted; what is left out lets all pass."""

    limit: StrictInt = Field(10, ge=1, le=MAX_PAGE, description="Events per page.")
    cursor: CursorPart | None = None
    timestamp: SpanPart | None = Field(None, description="When they happened.")
    event_id: str | None = Field(None, max_length=64, description="One event.")

    def query(self, name: str) -> HistoryQuery:
        """What is asked for. Raises `InvalidInput`."""
        return HistoryQuery(
            name=name,
            limit=self.limit,
            cursor=self.cursor.position() if self.cursor else None,
            since=self.timestamp.since if self.timestamp else None,
            until=self.timestamp.until if self.timestamp else None,
            event_id=self.event_id,
        )


class SummariesBody(HistoryBody):
    """Which past events are wanted, and which of their fields."""

    fields: list[FieldName] = Field(
        [],
        max_length=MAX_FIELDS,
        description="Fields to show, or with a leading ! to hide; paths, * and ** may be used.",
    )


class PastEventReply(BaseModel):
    """An event that happened."""

    model_config = ConfigDict(extra="allow")

    org_id: str = Field(alias="_org_id")
    event_time: datetime = Field(alias="_event_time")
    event_id: str = Field(alias="_event_id")
    event_name: str = Field(alias="_event_name")
    event_version: str = Field(alias="_event_version")
    event_source: str = Field(alias="_event_source")
    trigger_source_type: str = Field(alias="_trigger_source_type")
    trigger_source: str = Field(alias="_trigger_source")
    ack_id: str | None = Field(None, alias="_ack_id", description="Absent unless it is awaited.")
    fault: str | None = Field(
        None, alias="_fault", description="Why nobody got it; absent where it was published."
    )


class CursorReply(BaseModel):
    """Where the page ended."""

    event_time: datetime
    event_id: str


class HistoryReply(BaseModel):
    """A page of events, newest first; `next_cursor` is null on the last one."""

    results: list[PastEventReply]
    next_cursor: CursorReply | None


@router.post(
    "/v1/events/{event_name}:history",
    operation_id="searchEventHistory",
    response_model=HistoryReply,
    responses=refusals(404),
)
async def search_event_history(
    name: EventName, caller: Reader, use: Use, body: HistoryBody | None = None
) -> Response:
    """See what has happened, newest first."""
    page = await _page(use, caller, (body or HistoryBody.model_validate({})).query(name))
    return reply(_page_reply(page, [past.document() for past in page.events]))


@router.post(
    "/v2/events/{event_name}:history",
    operation_id="searchEventHistoryV2",
    response_model=HistoryReply,
    responses=refusals(404),
)
async def search_event_history_v2(
    name: EventName, caller: Reader, use: Use, body: SummariesBody | None = None
) -> Response:
    """See what has happened, newest first, with entities reduced to their ids and titles."""
    wanted = body or SummariesBody.model_validate({})
    page = await _page(use, caller, wanted.query(name))
    return reply(_page_reply(page, [past.summary(wanted.fields) for past in page.events]))


@router.get(
    "/v2/events/{event_name}/history/{event_id}",
    operation_id="getHistoricalEvent",
    response_model=PastEventReply,
    responses=refusals(404),
)
async def get_historical_event(
    name: EventName,
    event_id: Annotated[str, Path(max_length=64, description="The event's ULID.")],
    caller: Reader,
    use: Use,
) -> Response:
    """Read one event that has happened."""
    past = await use.catalogue.history.get(caller.org_id, name, event_id)
    await viewed(use.database, caller.org_id, Shown.CATALOGUE_EVENT, [event_id])
    return reply(past.document())


async def _page(use: Services, caller: Principal, query: HistoryQuery) -> HistoryPage:
    page = await use.catalogue.history.search(caller.org_id, query)
    ids = [past.event.id for past in page.events]
    await viewed(
        use.database, caller.org_id, Shown.CATALOGUE_EVENT, ids, {"event_name": query.name}
    )
    return page


def _page_reply(page: HistoryPage, results: list[dict[str, Any]]) -> dict[str, Any]:
    cursor = page.next_cursor
    return {
        "results": results,
        "next_cursor": cursor and {"event_time": to_wire(cursor.time), "event_id": cursor.id},
    }
