"""The access log of the whole organisation: who called what, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.http.auth import require
from tieline.http.erp_integration.parts import Moment
from tieline.http.integration_domain.parts import refusals
from tieline.http.pagination import decode_place, encode_place
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.kit.time import to_exact_wire
from tieline.monitoring.access_models import AccessCursor, AccessEntry, AccessQuery, HttpMethod
from tieline.records.identifiers import ACTOR_ID

router = APIRouter(route_class=TielineRoute, tags=["access log"])

Reader = Annotated[Principal, Depends(require(Scope.AUDIT_READ))]
_LONGEST = 500


class AccessListing(BaseModel):
    """Which calls are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    caller: list[str] | None = Field(
        None, max_length=100, description="Made by one of these: `key_...`, `per_...`, `app_...`."
    )
    service: str | None = Field(
        None, max_length=_LONGEST, description="Of this API, by its base path, such as `entity`."
    )
    method: HttpMethod | None = None
    path: str | None = Field(None, max_length=_LONGEST, description="With this in its path.")
    status: int | None = Field(None, ge=100, le=599, description="Answered with this status.")
    from_: Moment | None = Field(None, alias="from", description="Begun then or later.")
    to: Moment | None = Field(None, description="Begun then or before.")
    cursor: str | None = Field(None, description="The `nextCursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Calls per page.")

    def query(self) -> AccessQuery:
        """What is asked for. Raises `InvalidInput`."""
        return AccessQuery(
            token_ids=tuple(map(ACTOR_ID.from_wire, self.caller)) if self.caller else None,
            service=self.service,
            method=self.method,
            path=self.path,
            status=self.status,
            from_date=self.from_,
            to_date=self.to,
            cursor=AccessCursor(*decode_place(self.cursor)) if self.cursor is not None else None,
            limit=self.limit,
        )


class CallReply(BaseModel):
    """One call of an API."""

    at: datetime = Field(description="When it began.")
    caller_id: str = Field(description="Of the key, person or application that called.")
    request_id: str = Field(description="By it the call is found in the audit log, too.")
    service: str = Field(description="The API, by its base path.")
    method: str
    path: str = Field(description="Without its query.")
    status: int
    milliseconds: int = Field(description="From the request to the end of the answer.")
    response_length: int = Field(description="Bytes of the answer's body.")
    origin: str | None = Field(description="What a browser said where it comes from.")
    source_ip: str | None = Field(description="The address that the call came from.")


class CallsReply(BaseModel):
    """Calls, newest first; `nextCursor` is null on the last page."""

    items: list[CallReply]
    nextCursor: str | None  # noqa: N815 - the envelope of this surface


@router.get(
    "/access-log",
    operation_id="listAccessLog",
    response_model=CallsReply,
    responses=refusals(),
)
async def list_access_log(
    wanted: Annotated[AccessListing, Query()], caller: Reader, use: Use
) -> Response:
    """List the calls of all APIs by whoever called them, newest first."""
    page = await use.access_log.query(caller.org_id, wanted.query())
    cursor = page.next_cursor
    return reply(
        {
            "items": [_call_reply(entry) for entry in page.entries],
            "nextCursor": encode_place(cursor.at, cursor.request_id) if cursor else None,
        }
    )


def _call_reply(entry: AccessEntry) -> dict[str, object]:
    return {
        "at": to_exact_wire(entry.at),
        "caller_id": ACTOR_ID.to_wire(entry.token_id),
        "request_id": entry.request_id,
        "service": entry.service,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "milliseconds": entry.latency_ms,
        "response_length": entry.response_length,
        "origin": entry.origin,
        "source_ip": entry.source_ip,
    }
