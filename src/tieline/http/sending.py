"""Calls that send a message and wait for its answer."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from tieline.http.auth import authenticate
from tieline.http.responses import JsonResponse, reply
from tieline.http.route import TielineRoute
from tieline.http.services import services
from tieline.kit import json
from tieline.outbound.triggering.documents import call_document


class SendingRoute(TielineRoute):
    """Stores what is to be sent, and sends it once that is committed.

    The handler answers with `stored`. With an `Idempotency-Key` a repetition sends nothing again:
    it is told what came of the first call.
    """

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
