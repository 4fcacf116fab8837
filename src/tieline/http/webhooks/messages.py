"""Messages that a consumer pulls, in place of being called."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ConfigDict, Field, StrictFloat, StrictInt, StrictStr, model_validator

from tieline.http.auth import require
from tieline.http.bodies import BoundedBody
from tieline.http.responses import reply
from tieline.http.route import AskingRoute, TielineRoute
from tieline.http.services import Use
from tieline.http.webhooks.dead_letters import LetterCursorPart
from tieline.http.webhooks.dead_letters_wire import DeadDeliveriesReply, RedriveReply
from tieline.http.webhooks.messages_wire import PulledReply, SettledReply
from tieline.http.webhooks.parts import refusals
from tieline.http.webhooks.texts import refuse_nul
from tieline.http.webhooks.wire import ConfigId, webhook_id
from tieline.identity.models import Principal, Scope
from tieline.outbound.dead_letters.documents import letters_document, redrive_document
from tieline.outbound.dead_letters.models import LetterFilter
from tieline.outbound.dead_letters.service import HIGHEST_RATE
from tieline.outbound.pulling.documents import pulled_document, settled_document
from tieline.outbound.pulling.service import (
    LONGEST_DELAY,
    LONGEST_LEASE,
    LONGEST_WAIT,
    MOST_MESSAGES,
)

_MESSAGES = "/v1/webhooks/configs/{configId}/messages"
_MOST_IDS = 1_000
_LONGEST_ID = 100

# A pull may wait: no transaction may be open meanwhile, nor would a stored answer be of any use.
waiting_router = APIRouter(route_class=AskingRoute, tags=["messages"])
router = APIRouter(route_class=TielineRoute, tags=["messages"])

Consumer = Annotated[Principal, Depends(require(Scope.WEBHOOK_CONSUME))]
Seconds = StrictInt | StrictFloat
LeaseId = Annotated[StrictStr, Field(max_length=_LONGEST_ID)]


class PullBody(BoundedBody):
    """How many messages are wanted, how long to wait for them, and for how long."""

    model_config = ConfigDict(extra="forbid")

    max: StrictInt = Field(10, ge=1, le=MOST_MESSAGES, description="How many at most.")
    wait_seconds: Seconds = Field(
        0,
        ge=0,
        le=LONGEST_WAIT.total_seconds(),
        description="How long to wait for the first one when there is none.",
    )
    lease_seconds: Seconds = Field(
        60,
        ge=1,
        le=LONGEST_LEASE.total_seconds(),
        description="How long to keep them from other consumers.",
    )


class NamedBody(BoundedBody):
    """Which messages are meant."""

    model_config = ConfigDict(extra="forbid")

    ids: list[LeaseId] = Field(
        min_length=1, max_length=MOST_MESSAGES, description="The ids under which they were pulled."
    )

    _refuse_nul = model_validator(mode="before")(refuse_nul)


class NackBody(NamedBody):
    """Which messages to give back, and when they are to come again."""

    delay_seconds: Seconds | None = Field(
        None,
        ge=0,
        le=LONGEST_DELAY.total_seconds(),
        description="When they come again; left out, after the delay of a retry.",
    )
    reason: StrictStr | None = Field(
        None, min_length=1, max_length=2_000, description="Why; it is in the log."
    )


class ExtendBody(NamedBody):
    """Which messages to keep for longer."""

    lease_seconds: Seconds = Field(
        60, ge=1, le=LONGEST_LEASE.total_seconds(), description="For how long from now on."
    )


class DeadBody(BoundedBody):
    """Which part of the list is wanted."""

    model_config = ConfigDict(extra="forbid")

    limit: StrictInt = Field(50, ge=1, le=100, description="Entries per answer.")
    cursor: LetterCursorPart | None = None


class RedriveMessagesBody(BoundedBody):
    """Which dead messages are to come again."""

    model_config = ConfigDict(extra="forbid")

    event_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=_MOST_IDS, description="These; left out, all of them."
    )


@waiting_router.post(
    f"{_MESSAGES}/pull",
    operation_id="pullMessages",
    response_model=PulledReply,
    responses=refusals(404, 409, 422, 503),
)
async def pull_messages(
    config_id: ConfigId, request: Request, caller: Consumer, use: Use, body: PullBody | None = None
) -> Response:
    """Take the next messages, the oldest first, and of each entity one after the other.

    Nobody else gets them while the lease lasts. Acknowledge them when they are worked on: they come
    again otherwise. An empty list means that there are none.
    """
    wanted = body or PullBody.model_validate({})
    pulled = await use.pulling.pull(
        caller,
        webhook_id(config_id),
        count=wanted.max,
        wait=timedelta(seconds=wanted.wait_seconds),
        lease=timedelta(seconds=wanted.lease_seconds),
        gone=request.is_disconnected,
    )
    return reply(pulled_document(pulled), headers={"cache-control": "no-store"})


@router.post(
    f"{_MESSAGES}/ack",
    operation_id="acknowledgeMessages",
    response_model=SettledReply,
    responses=refusals(404, 409),
)
async def acknowledge_messages(
    config_id: ConfigId, body: NamedBody, caller: Consumer, use: Use
) -> Response:
    """Say that messages are worked on. The answer tells for each whether that came in time."""
    settled = await use.pulling.acknowledge(caller, webhook_id(config_id), body.ids)
    return reply(settled_document(settled))


@router.post(
    f"{_MESSAGES}/nack",
    operation_id="returnMessages",
    response_model=SettledReply,
    responses=refusals(404, 409),
)
async def return_messages(
    config_id: ConfigId, body: NackBody, caller: Consumer, use: Use
) -> Response:
    """Give messages back that could not be worked on. They come again, or are dead by that."""
    delay = None if body.delay_seconds is None else timedelta(seconds=body.delay_seconds)
    settled = await use.pulling.give_back(
        caller, webhook_id(config_id), body.ids, delay=delay, reason=body.reason
    )
    return reply(settled_document(settled))


@router.post(
    f"{_MESSAGES}/extend",
    operation_id="extendMessages",
    response_model=SettledReply,
    responses=refusals(404, 409),
)
async def extend_messages(
    config_id: ConfigId, body: ExtendBody, caller: Consumer, use: Use
) -> Response:
    """Keep messages for longer, since working on them takes its time."""
    lease = timedelta(seconds=body.lease_seconds)
    settled = await use.pulling.extend(caller, webhook_id(config_id), body.ids, lease)
    return reply(settled_document(settled))


@router.post(
    f"{_MESSAGES}/dead",
    operation_id="listDeadMessages",
    response_model=DeadDeliveriesReply,
    responses=refusals(404, 409),
)
async def list_dead_messages(
    config_id: ConfigId, caller: Consumer, use: Use, body: DeadBody | None = None
) -> Response:
    """List the messages whose attempts are used up, newest first."""
    wanted = body or DeadBody.model_validate({})
    webhook = await use.pulling.pulled_webhook(caller, webhook_id(config_id))
    page = await use.dead_deliveries.query(
        caller,
        LetterFilter(webhook_id=webhook.id),
        cursor=wanted.cursor.position() if wanted.cursor else None,
        limit=wanted.limit,
    )
    return reply(letters_document(page))


@router.post(
    f"{_MESSAGES}/redrive",
    operation_id="redriveDeadMessages",
    status_code=202,
    response_model=RedriveReply,
    responses=refusals(404, 409),
)
async def redrive_dead_messages(
    config_id: ConfigId, caller: Consumer, use: Use, body: RedriveMessagesBody | None = None
) -> Response:
    """Have dead messages come again, with all their attempts; all of them unless some are named."""
    webhook = await use.pulling.pulled_webhook(caller, webhook_id(config_id))
    ids = None if body is None or body.event_ids is None else tuple(dict.fromkeys(body.event_ids))
    redrive = await use.dead_deliveries.redrive(
        caller,
        LetterFilter(delivery_ids=ids, webhook_id=webhook.id),
        rate_per_second=HIGHEST_RATE,
        by=caller.name,
    )
    return reply(redrive_document(redrive), 202)
