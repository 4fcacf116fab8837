"""Calls that send a message and wait for its answer."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from tieline.http.auth import authenticate
from tieline.http.responses import JsonResponse, reply
from tieline.http.route import TielineRoute
from tieline.http.services import services
from tieline.kit import json
from tieline.outbound.triggering.documents import call_document


class TriggerReply(BaseModel):
    """What came of the call. What is not known, or does not apply, is absent."""

    event_id: str = Field(description="The delivery; the log of the webhook shows it.")
    status: str = Field(
        default="",
        description="`succeeded` or `failed`: how the request ended. Absent while there is none.",
    )
    status_code: str = Field(default="", description="The status that the webhook answered.")
    code: str = Field(default="", description="Why there was no success; see docs/outbound.md.")
    message: str = Field(default="", description="The same in words.")
    body: dict[str, Any] = Field(default={}, description="The beginning of the answer.")
    start_date: str = Field(default="", description="When the request was sent.")
    end_date: str = Field(default="", description="When the answer was there.")


class SendingRoute(TielineRoute):
    """Stores what is to be sent, and sends it once that is committed.

    The handler answers with `stored`. With an `Idempotency-Key` a repetition sends nothing again:
    it is told what came of the first call.
    """

    def turn(self, request: Request, org_id: str) -> AbstractAsyncContextManager[None]:
        """The turn of the organisation among those whose expressions run in a transaction."""
        return services(request).catalogue.turn(org_id)

    async def finish(self, request: Request, response: Response) -> Response:
        """What came of the message, after an attempt to send it unless nobody waits for that."""
        found = json.loads(bytes(response.body))
        caller = await authenticate(request)
        result = await services(request).triggering.result(
            caller.org_id, UUID(found["event_id"]), attempt=found["wait"]
        )
        replayed = response.headers.get("idempotent-replayed")
        headers = None if replayed is None else {"idempotent-replayed": replayed}
        return reply(call_document(result), headers=headers)


def stored(delivery_id: UUID, *, wait: bool) -> JsonResponse:
    """What the handler of such a call answers; `wait`: the caller waits for the first attempt."""
    return reply({"event_id": str(delivery_id), "wait": wait})
