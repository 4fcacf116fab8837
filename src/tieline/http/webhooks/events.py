"""The log of a webhook's deliveries, which this surface calls events; sending them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ConfigDict, Field, StrictInt, StrictStr, model_validator

from tieline.http import metrics
from tieline.http.bodies import BoundedBody
from tieline.http.pagination import decode_cursor, encode_cursor
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.http.webhooks.events_wire import (
    AttemptsReply,
    EventPageReply,
    EventReply,
    EventsReply,
    ReplaysReply,
)
from tieline.http.webhooks.parts import Deliverer, Reader, refusals
from tieline.http.webhooks.texts import Moment, refuse_nul
from tieline.http.webhooks.wire import ConfigId, webhook_id
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.kit.time import from_wire, to_exact_wire
from tieline.outbound.deliveries.errors import DeliveryNotFound
from tieline.outbound.log.documents import (
    attempts_document,
    cursor_document,
    delivery_document,
)
from tieline.outbound.log.models import LogCursor, LogQuery, LogStatus

router = APIRouter(route_class=TielineRoute, tags=["webhook events"])

_EVENTS = "/v1/webhooks/configs/{configId}/events"
_EVENT = f"{_EVENTS}/{{eventId}}"
_MOST_REPLAYED = 100
_PAGE = 25

# RFC 9745: since when, as a structured date. It was succeeded before Tieline's first release.
_SINCE = "@1767225600"  # 2026-01-01

EventId = Annotated[
    str, Path(alias="eventId", description="The id of the delivery, as the lists show it.")
]
Status = Annotated[
    Literal["succeeded", "failed", "in_progress"] | None,
    Query(description="Only those that are so far."),
]
Cursor = Annotated[str | None, Query(description="The `cursor` of the page before.")]


class CursorPart(BoundedBody):
    """Where the page before ended: its `next_cursor`, or the same of its last event."""

    model_config = ConfigDict(extra="forbid")

    created_at: Moment | None = None
    event_id: StrictStr | None = None

    def position(self) -> LogCursor | None:
        """The place in the log; None for its beginning. Raises `InvalidInput`."""
        if self.created_at is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.created_at: is required beside event_id. Send both.")
            return None
        found = parse_uuid(self.event_id or "")
        if self.event_id is not None and found is None:
            raise InvalidInput("cursor.event_id: must be the id of an event of this list.")
        return LogCursor(self.created_at, found or UUID(int=0))


class RangePart(BoundedBody):
    """A range of moments; both ends belong to it."""

    model_config = ConfigDict(populate_by_name=True)

    from_date: Moment | None = Field(None, alias="from", description="Made then or later.")
    to_date: Moment | None = Field(None, alias="to", description="Made then or before.")


class EventsBody(BoundedBody):
    """Which events are wanted; every filter that is left out lets all pass."""

    limit: StrictInt = Field(_PAGE, ge=1, le=_PAGE, description="Events per page.")
    cursor: CursorPart | None = None
    timestamp: RangePart | None = Field(None, description="When the event was made.")
    event_id: StrictStr | None = Field(None, description="One event.")
    status: Literal["succeeded", "failed", "skipped"] | None = Field(
        None, description="Only those that ended so."
    )

    _refuse_nul = model_validator(mode="before")(refuse_nul)


class ReplaysBody(BoundedBody):
    """Which events to send again."""

    model_config = ConfigDict(populate_by_name=True)

    event_ids: list[StrictStr] = Field(
        alias="eventIds", min_length=1, max_length=_MOST_REPLAYED, description="Ids of events."
    )

    _refuse_nul = model_validator(mode="before")(refuse_nul)


@router.get(
    _EVENTS,
    operation_id="getWehookEvents",  # so it is called by the published client
    deprecated=True,
    response_model=EventsReply,
    responses=refusals(404),
)
async def get_webhook_events(
    config_id: ConfigId,
    request: Request,
    caller: Reader,
    use: Use,
    status: Status = None,
    cursor: Cursor = None,
) -> Response:
    """List the events of a webhook, newest first. Use version 2 instead."""
    hook = webhook_id(config_id)
    query = LogQuery(
        status=LogStatus(status) if status else None,
        cursor=_decoded(cursor) if cursor else None,
        limit=_PAGE,
    )
    page = await use.delivery_log.query(caller, hook, query)
    content: dict[str, Any] = {"data": [delivery_document(each) for each in page.deliveries]}
    if page.next_cursor is not None:
        content["cursor"] = _encoded(page.next_cursor)
    metrics.DEPRECATED_REQUESTS.labels("getWehookEvents").inc()
    base = request.scope.get("root_path", "")
    headers = {
        "deprecation": _SINCE,
        "link": f'<{base}/v2/webhooks/configs/{hook}/events>; rel="successor-version"',
    }
    return reply(content, headers=headers)


@router.post(
    "/v2/webhooks/configs/{configId}/events",
    operation_id="getWebhookEventsV2",
    response_model=EventPageReply,
    responses=refusals(404, 409),
)
async def get_webhook_events_v2(
    config_id: ConfigId, caller: Reader, use: Use, body: EventsBody | None = None
) -> Response:
    """List the events of a webhook, newest first, with what was sent and what came of it."""
    asked = body or EventsBody.model_validate({})
    delivery_id = parse_uuid(asked.event_id) if asked.event_id is not None else None
    moments = asked.timestamp or RangePart.model_validate({})
    query = LogQuery(
        status=LogStatus(asked.status) if asked.status else None,
        # What is no id of a delivery is that of none.
        delivery_id=delivery_id or (UUID(int=0) if asked.event_id is not None else None),
        from_date=moments.from_date,
        to_date=moments.to_date,
        cursor=asked.cursor.position() if asked.cursor else None,
        limit=asked.limit,
    )
    page = await use.delivery_log.query(caller, webhook_id(config_id), query)
    content = {
        "data": [delivery_document(each) for each in page.deliveries],
        "next_cursor": cursor_document(page.next_cursor),
        "has_more": page.next_cursor is not None,
    }
    return reply(content)


@router.get(_EVENT, operation_id="getEventById", response_model=EventReply, responses=refusals(404))
async def get_event_by_id(
    config_id: ConfigId, event_id: EventId, caller: Reader, use: Use
) -> Response:
    """See one event: what was sent, and what came of it."""
    [wanted] = _ids([event_id])
    found = await use.delivery_log.get(caller, webhook_id(config_id), wanted)
    return reply(delivery_document(found))


@router.get(
    f"{_EVENT}/attempts",
    operation_id="getEventAttempts",
    response_model=AttemptsReply,
    responses=refusals(404),
)
async def get_event_attempts(
    config_id: ConfigId, event_id: EventId, caller: Reader, use: Use
) -> Response:
    """See every attempt to deliver an event and, if it is on its way, why it waits."""
    [wanted] = _ids([event_id])
    shown = await use.delivery_log.attempts(caller, webhook_id(config_id), wanted)
    return reply(attempts_document(shown))


@router.post(
    f"{_EVENT}/replay",
    operation_id="replayEvent",
    status_code=204,
    responses=refusals(404, 409),
)
async def replay_event(
    config_id: ConfigId, event_id: EventId, caller: Deliverer, use: Use
) -> Response:
    """Send an event again: the identical bytes under the same `webhook-id`, as a new event."""
    await use.delivery_log.replay(caller, webhook_id(config_id), _ids([event_id]))
    return Response(status_code=204)


@router.post(
    f"{_EVENTS}/replay-batch",
    operation_id="batchReplayEvents",
    status_code=202,
    response_model=ReplaysReply,
    responses=refusals(404, 409),
)
async def batch_replay_events(
    config_id: ConfigId, body: ReplaysBody, caller: Deliverer, use: Use
) -> Response:
    """Send several events again, all of them or none."""
    ids = _ids(body.event_ids)
    replayed = await use.delivery_log.replay(caller, webhook_id(config_id), ids)
    content = {
        "replayed_event_ids": [str(each.delivery_id) for each in replayed],
        "replays": [
            {"event_id": str(each.delivery_id), "replay_event_id": str(each.replay_id)}
            for each in replayed
        ],
    }
    return reply(content, 202)


def _ids(texts: Sequence[str]) -> list[UUID]:
    """The ids of deliveries. Raises `DeliveryNotFound` for a text that is none."""
    found = [parse_uuid(text) for text in texts]
    strange = [text[:60] for text, each in zip(texts, found, strict=True) if each is None]
    if strange:
        raise DeliveryNotFound(
            f"These are no ids of events: {', '.join(strange)}. List the webhook's events."
        )
    return [each for each in found if each is not None]


def _encoded(cursor: LogCursor) -> str:
    return encode_cursor([to_exact_wire(cursor.created_at), str(cursor.id), cursor.seq])


def _decoded(text: str) -> LogCursor:
    match decode_cursor(text):
        case [str() as at, str() as identifier, int() | None as seq] if not isinstance(seq, bool):
            found = parse_uuid(identifier)
            try:
                moment = from_wire(at)
            except (ValueError, OverflowError):
                moment = None
            if found is not None and moment is not None and (seq is None or 0 <= seq < 2**63):
                return LogCursor(moment, found, seq)
    raise InvalidInput("cursor: not a cursor of this list. Start without one.")
