"""Events that failed: as a list, by reason, replayed in bulk, discarded."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from pydantic import ConfigDict, Field, StrictInt, StrictStr, model_validator

from tieline.http.auth import require
from tieline.http.bodies import BoundedBody
from tieline.http.erp_integration.dead_letters_wire import (
    DeadLetterGroupsReply,
    DeadLettersReply,
    DiscardReply,
    RedriveReply,
    RedrivesReply,
)
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, Part, refusals
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.inbound.dead_letters.documents import (
    groups_document,
    letters_document,
    redrive_document,
)
from tieline.inbound.dead_letters.models import LetterCursor, LetterFilter, LetterStatus
from tieline.inbound.dead_letters.service import DEFAULT_RATE, HIGHEST_RATE
from tieline.kit.errors import InvalidInput
from tieline.monitoring.models import ErrorCategory

router = APIRouter(route_class=TielineRoute, tags=["dead letters"])

Watcher = Annotated[Principal, Depends(require(Scope.ERP_MONITORING))]
Sender = Annotated[Principal, Depends(require(Scope.ERP_EVENTS))]
RedriveId = Annotated[UUID, Path(alias="redriveId", description="The id of the mass replay.")]
_MOST_IDS = 1_000


class FilterFields(BoundedBody):
    """Which dead letters are meant; every filter that is left out lets all pass."""

    use_case_id: UUID | None = Field(None, description="Events of this use case.")
    event_name: str | None = Field(None, description="The event's name.")
    error_code: str | None = Field(None, description="The code of the error.")
    error_category: ErrorCategory | None = Field(None, description="Where its cause is.")
    reason: str | None = Field(None, description="The reason, as the groups show it.")
    correlation_id: str | None = Field(None, description="Events of one request or process.")
    from_date: Moment | None = Field(None, description="Failed at this moment or later.")
    to_date: Moment | None = Field(None, description="Failed at this moment or before.")

    def letter_filter(self, event_ids: tuple[str, ...] | None = None) -> LetterFilter:
        """The same for the service."""
        fields = {name: getattr(self, name) for name in FilterFields.model_fields}
        return LetterFilter(event_ids=event_ids, **fields)


class LetterCursorPart(Part):
    """Where the page before ended: its `next_cursor`, or the same of its last letter."""

    model_config = ConfigDict(extra="forbid")

    failed_at: Moment | None = None
    event_id: str | None = None

    def position(self) -> LetterCursor | None:
        """The place in the list; None for its beginning. Raises `InvalidInput`."""
        if self.failed_at is None:
            if self.event_id is not None:
                raise InvalidInput("cursor.failed_at: is required beside event_id. Send both.")
            return None
        return LetterCursor(self.failed_at, self.event_id or "")


class WantedBody(Body, FilterFields):
    """Which dead letters are wanted."""

    status: Literal["open", "replayed", "discarded", "any"] = Field(
        "open", description="What was done about them."
    )
    event_id: str | None = Field(None, description="One event.")
    limit: StrictInt = Field(50, ge=1, le=100, description="Entries per answer.")

    def letter_status(self) -> LetterStatus | None:
        """The status that is asked for; None means any."""
        return None if self.status == "any" else LetterStatus(self.status)

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


class SelectionBody(Body):
    """Which open dead letters to act on: those of some events, or all that fit a filter."""

    model_config = ConfigDict(extra="forbid")

    event_ids: list[StrictStr] | None = Field(
        None, min_length=1, max_length=_MOST_IDS, description="Ids of failed events."
    )
    filter: FilterPart | None = Field(None, description="`{}` means all that are open.")

    @model_validator(mode="after")
    def _refuse_both_or_none(self) -> Self:
        if (self.event_ids is None) == (self.filter is None):
            raise ValueError("send either event_ids or filter; the filter {} means all")
        return self

    def wanted(self) -> LetterFilter:
        """What is selected."""
        if self.filter is not None:
            return self.filter.letter_filter()
        return LetterFilter(event_ids=tuple(dict.fromkeys(self.event_ids or ())))


class ReplayLettersBody(SelectionBody):
    """Which open dead letters to replay, and how fast."""

    rate_per_second: StrictInt = Field(
        DEFAULT_RATE, ge=1, le=HIGHEST_RATE, description="Events per second, at most."
    )


class DiscardBody(SelectionBody):
    """Which open dead letters to discard, and why."""

    note: StrictStr = Field(
        min_length=1, max_length=2_000, pattern=r"\S", description="Why; it stays with them."
    )


@router.post(
    "/v1/integrations/{integrationId}/dead-letters",
    operation_id="queryDeadLetters",
    response_model=DeadLettersReply,
    responses=refusals(404, 409),
)
async def query_dead_letters(
    integration_id: IntegrationId, body: DeadLettersBody, caller: Watcher, use: Use
) -> Response:
    """List the events of an integration that failed, newest failure first."""
    page = await use.dead_letters.query(
        caller.org_id,
        integration_id,
        body.wanted(),
        status=body.letter_status(),
        cursor=body.cursor.position() if body.cursor else None,
        limit=body.limit,
    )
    return reply(letters_document(page))


@router.post(
    "/v1/integrations/{integrationId}/dead-letters/groups",
    operation_id="queryDeadLetterGroups",
    response_model=DeadLetterGroupsReply,
    responses=refusals(404, 409),
)
async def query_dead_letter_groups(
    integration_id: IntegrationId, body: WantedBody, caller: Watcher, use: Use
) -> Response:
    """Count the failed events of an integration by reason, the most frequent first."""
    page = await use.dead_letters.groups(
        caller.org_id,
        integration_id,
        body.wanted(),
        status=body.letter_status(),
        limit=body.limit,
    )
    return reply(groups_document(page))


@router.post(
    "/v1/integrations/{integrationId}/dead-letters/replay",
    operation_id="replayDeadLetters",
    status_code=202,
    response_model=RedriveReply,
    responses=refusals(404, 409),
)
async def replay_dead_letters(
    integration_id: IntegrationId, body: ReplayLettersBody, caller: Sender, use: Use
) -> Response:
    """Begin to replay the selected letters that are open now, in the order of acceptance.

    A worker carries it out. `getRedrive` tells how far it is, `cancelRedrive` ends it.
    """
    redrive = await use.dead_letters.redrive(
        caller.org_id,
        integration_id,
        body.wanted(),
        rate_per_second=body.rate_per_second,
        by=caller.name,
    )
    return reply(redrive_document(redrive), 202)


@router.post(
    "/v1/integrations/{integrationId}/dead-letters/discard",
    operation_id="discardDeadLetters",
    response_model=DiscardReply,
    responses=refusals(404, 409),
)
async def discard_dead_letters(
    integration_id: IntegrationId, body: DiscardBody, caller: Sender, use: Use
) -> Response:
    """Close the selected open letters with a note: their events need not be applied."""
    discarded = await use.dead_letters.discard(
        caller.org_id, integration_id, body.wanted(), note=body.note, by=caller.name
    )
    return reply({"discarded": discarded})


@router.get(
    "/v1/integrations/{integrationId}/redrives",
    operation_id="listRedrives",
    response_model=RedrivesReply,
    responses=refusals(404),
)
async def list_redrives(integration_id: IntegrationId, caller: Watcher, use: Use) -> Response:
    """List the mass replays of an integration, the last hundred, newest first."""
    redrives = await use.dead_letters.list_redrives(caller.org_id, integration_id)
    return reply({"redrives": [redrive_document(redrive) for redrive in redrives]})


@router.get(
    "/v1/integrations/{integrationId}/redrives/{redriveId}",
    operation_id="getRedrive",
    response_model=RedriveReply,
    responses=refusals(404),
)
async def get_redrive(
    integration_id: IntegrationId, redrive_id: RedriveId, caller: Watcher, use: Use
) -> Response:
    """See how far a mass replay is."""
    redrive = await use.dead_letters.get_redrive(caller.org_id, integration_id, redrive_id)
    return reply(redrive_document(redrive))


@router.post(
    "/v1/integrations/{integrationId}/redrives/{redriveId}/cancel",
    operation_id="cancelRedrive",
    response_model=RedriveReply,
    responses=refusals(404, 409),
)
async def cancel_redrive(
    integration_id: IntegrationId, redrive_id: RedriveId, caller: Sender, use: Use
) -> Response:
    """End a mass replay before its time. What it has replayed stays replayed."""
    redrive = await use.dead_letters.cancel_redrive(caller.org_id, integration_id, redrive_id)
    return reply(redrive_document(redrive))
