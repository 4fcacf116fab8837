"""Deliveries that failed for good: as a list, by cause, redriven in bulk, discarded."""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, model_validator

from tieline.http.bodies import BoundedBody
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.http.webhooks.dead_letters_wire import (
    DeadDeliveriesReply,
    DeadDeliveryGroupsReply,
    DiscardedReply,
    RedriveReply,
    RedrivesReply,
)
from tieline.http.webhooks.parts import Deliverer, Reader, refusals
from tieline.http.webhooks.texts import Moment, refuse_nul
from tieline.kit.errors import InvalidInput
from tieline.outbound.dead_letters.documents import (
    groups_document,
    letters_document,
    redrive_document,
)
from tieline.outbound.dead_letters.models import LetterCursor, LetterFilter, LetterStatus
from tieline.outbound.dead_letters.service import DEFAULT_RATE, HIGHEST_RATE
from tieline.outbound.webhooks.models import WEBHOOKS

router = APIRouter(route_class=TielineRoute, tags=["dead letters"])

_LETTERS = "/v1/webhooks/dead-letters"
_REDRIVES = "/v1/webhooks/redrives"
_MOST_IDS = 1_000

RedriveId = Annotated[UUID, Path(alias="redriveId", description="The id of the mass redrive.")]
Rate = Annotated[
    StrictInt, Field(ge=1, le=HIGHEST_RATE, description="Deliveries per second, at most.")
]


def _stored_webhook_id(value: Any) -> Any:
    return (WEBHOOKS.id_form.from_wire(value) or value) if isinstance(value, str) else value


WebhookId = Annotated[UUID, BeforeValidator(_stored_webhook_id)]


class FilterFields(BoundedBody):
    """Which dead letters are meant; every filter that is left out lets all pass."""

    webhook_id: WebhookId | None = Field(
        None,
        alias="webhook_config_id",
        description="Those of this webhook: a UUID or `whk_...`.",
    )
    event_name: StrictStr | None = Field(None, description="The name of the event.")
    error_code: StrictStr | None = Field(None, description="The code of the error.")
    entity_id: UUID | None = Field(None, description="The entity that the event is about.")
    from_date: Moment | None = Field(None, description="Failed at this moment or later.")
    to_date: Moment | None = Field(None, description="Failed at this moment or before.")

    _refuse_nul = model_validator(mode="before")(refuse_nul)

    def letter_filter(self, delivery_ids: tuple[UUID, ...] | None = None) -> LetterFilter:
        """The same for the service."""
        fields = {name: getattr(self, name) for name in FilterFields.model_fields}
        return LetterFilter(delivery_ids=delivery_ids, **fields)


class LetterCursorPart(BoundedBody):
    """Where the page before ended: its `next_cursor`, or the same of its last letter."""

    model_config = ConfigDict(extra="forbid")

    created_at: Moment | None = None
    event_id: UUID | None = None

    def position(self) -> LetterCursor | None:
        """The place in the list; None for its beginning. Raises `InvalidInput`."""
        if self.created_at is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.created_at: is required beside event_id. Send both.")
            return None
        return LetterCursor(self.created_at, self.event_id or UUID(int=0))


class WantedBody(FilterFields):
    """Which dead letters are wanted."""

    model_config = ConfigDict(extra="forbid")

    status: LetterStatus = Field(LetterStatus.OPEN, description="What was done about them.")
    event_id: UUID | None = Field(None, description="One delivery.")
    limit: StrictInt = Field(50, ge=1, le=100, description="Entries per answer.")

    def wanted(self) -> LetterFilter:
        """What is asked for."""
        return self.letter_filter(None if self.event_id is None else (self.event_id,))


class DeadLettersBody(WantedBody):
    """Which dead letters are wanted, and from where on."""

    cursor: LetterCursorPart | None = None


class FilterPart(FilterFields):
    """A filter; an unknown name or a null is refused, since it would select too much."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _refuse_null(self) -> Self:
        for name in sorted(self.model_fields_set):
            if getattr(self, name) is None:
                raise ValueError(f"{name} is null. Send a value, or leave it out to select all.")
        return self


class SelectionBody(BoundedBody):
    """Which open dead letters to act on: some deliveries, or all that fit a filter."""

    model_config = ConfigDict(extra="forbid")

    event_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=_MOST_IDS, description="Ids of deliveries."
    )
    filter: FilterPart | None = Field(None, description="`{}` means all that are open.")

    _refuse_nul = model_validator(mode="before")(refuse_nul)

    @model_validator(mode="after")
    def _refuse_both_or_none(self) -> Self:
        if (self.event_ids is None) == (self.filter is None):
            raise ValueError("send either event_ids or filter; the filter {} means all")
        return self

    def wanted(self) -> LetterFilter:
        """What is selected."""
        if self.filter is not None:
            return self.filter.letter_filter()
        return LetterFilter(delivery_ids=tuple(dict.fromkeys(self.event_ids or ())))


class RedriveBody(SelectionBody):
    """Which open dead letters to send again, and how fast."""

    rate_per_second: Rate = DEFAULT_RATE


class DiscardBody(SelectionBody):
    """Which open dead letters to discard, and why."""

    note: StrictStr = Field(
        min_length=1, max_length=2_000, pattern=r"\S", description="Why; it stays with them."
    )


@router.post(
    _LETTERS,
    operation_id="queryDeadDeliveries",
    response_model=DeadDeliveriesReply,
    responses=refusals(409),
)
async def query_dead_deliveries(body: DeadLettersBody, caller: Reader, use: Use) -> Response:
    """List the deliveries that failed for good, of all webhooks, newest delivery first."""
    page = await use.dead_deliveries.query(
        caller,
        body.wanted(),
        status=body.status,
        cursor=body.cursor.position() if body.cursor else None,
        limit=body.limit,
    )
    return reply(letters_document(page))


@router.post(
    f"{_LETTERS}/groups",
    operation_id="queryDeadDeliveryGroups",
    response_model=DeadDeliveryGroupsReply,
    responses=refusals(409),
)
async def query_dead_delivery_groups(body: WantedBody, caller: Reader, use: Use) -> Response:
    """Count the deliveries that failed for good by webhook and error, the most frequent first."""
    page = await use.dead_deliveries.groups(
        caller, body.wanted(), status=body.status, limit=body.limit
    )
    return reply(groups_document(page))


@router.post(
    f"{_LETTERS}/redrive",
    operation_id="redriveDeadDeliveries",
    status_code=202,
    response_model=RedriveReply,
    responses=refusals(409),
)
async def redrive_dead_deliveries(body: RedriveBody, caller: Deliverer, use: Use) -> Response:
    """Begin to send the selected letters again that are open now, oldest first.

    A worker carries it out. `getDeliveryRedrive` tells how far it is, `cancelDeliveryRedrive` ends
    it.
    """
    redrive = await use.dead_deliveries.redrive(
        caller, body.wanted(), rate_per_second=body.rate_per_second, by=caller.name
    )
    return reply(redrive_document(redrive), 202)


@router.post(
    f"{_LETTERS}/discard",
    operation_id="discardDeadDeliveries",
    response_model=DiscardedReply,
    responses=refusals(409),
)
async def discard_dead_deliveries(body: DiscardBody, caller: Deliverer, use: Use) -> Response:
    """Close the selected open letters with a note: they need not be delivered."""
    count = await use.dead_deliveries.discard(caller, body.wanted(), note=body.note, by=caller.name)
    return reply({"discarded": count})


@router.get(
    _REDRIVES,
    operation_id="listDeliveryRedrives",
    response_model=RedrivesReply,
    responses=refusals(),
)
async def list_delivery_redrives(caller: Reader, use: Use) -> Response:
    """List the mass redrives of deliveries, the last hundred, newest first."""
    redrives = await use.dead_deliveries.list_redrives(caller)
    return reply({"redrives": [redrive_document(redrive) for redrive in redrives]})


@router.get(
    f"{_REDRIVES}/{{redriveId}}",
    operation_id="getDeliveryRedrive",
    response_model=RedriveReply,
    responses=refusals(404),
)
async def get_delivery_redrive(redrive_id: RedriveId, caller: Reader, use: Use) -> Response:
    """See how far a mass redrive is."""
    return reply(redrive_document(await use.dead_deliveries.get_redrive(caller, redrive_id)))


@router.post(
    f"{_REDRIVES}/{{redriveId}}/cancel",
    operation_id="cancelDeliveryRedrive",
    response_model=RedriveReply,
    responses=refusals(404, 409),
)
async def cancel_delivery_redrive(redrive_id: RedriveId, caller: Deliverer, use: Use) -> Response:
    """End a mass redrive before its time. What is on its way again stays so."""
    return reply(redrive_document(await use.dead_deliveries.cancel_redrive(caller, redrive_id)))
