"""The audit log: who changed what, and who looked at what must not be looked at unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from tieline.audit.actor import ActorKind
from tieline.audit.documents import entry_document
from tieline.audit.models import AuditCursor, AuditEntry, AuditQuery
from tieline.http.auth import require
from tieline.http.erp_integration.parts import Moment, refusals
from tieline.http.pagination import decode_place, encode_place
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.identity.models import Principal, Scope
from tieline.kit import json

router = APIRouter(route_class=AskingRoute, tags=["audit log"])

Reader = Annotated[Principal, Depends(require(Scope.AUDIT_READ))]
JSON_LINES = "application/x-ndjson"
_LONGEST = 500


class AuditFilters(BaseModel):
    """Which entries are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(None, max_length=_LONGEST, description="Done by this id.")
    action: str | None = Field(
        None, max_length=_LONGEST, description="What was done, such as `webhook.updated`."
    )
    target_type: str | None = Field(
        None, max_length=_LONGEST, description="Done to things of this type, such as `webhook`."
    )
    target_id: str | None = Field(
        None, max_length=_LONGEST, description="Done to the thing with this id."
    )
    request_id: str | None = Field(
        None, max_length=_LONGEST, description="Done by the request with this `X-Request-Id`."
    )
    search: str | None = Field(
        None, max_length=_LONGEST, description="In a name, an id or a document, in any case."
    )
    from_: Moment | None = Field(None, alias="from", description="At this moment or later.")
    to: Moment | None = Field(None, description="At this moment or before.")

    def query(self) -> AuditQuery:
        """What is asked for."""
        return AuditQuery(
            actor=self.actor,
            action=self.action,
            target_type=self.target_type,
            target_id=self.target_id,
            request_id=self.request_id,
            search=self.search,
            from_date=self.from_,
            to_date=self.to,
        )


class AuditListing(AuditFilters):
    """Which entries are wanted, and which page of them."""

    cursor: str | None = Field(None, description="The `nextCursor` of the page before.")
    limit: int = Field(50, ge=1, le=100, description="Entries per page.")


class ActorReply(BaseModel):
    """Who did it."""

    kind: ActorKind
    id: str = Field(description="Of the key, user or application; a name of the system's user.")
    name: str


class TargetReply(BaseModel):
    """What it was done to."""

    type: str
    id: str = Field(description="`*` when there were several.")


class ChangeReply(BaseModel):
    """One value that differs; `old` or `new` is missing where there was or is none."""

    path: str = Field(description="A JSON pointer.")
    old: Any = None
    new: Any = None


class AuditEntryReply(BaseModel):
    """One entry. What looked like a secret reads `<redacted>`."""

    id: str
    tenant_id: str
    at: datetime
    actor: ActorReply
    source_ip: str | None = Field(description="Where the call came from.")
    request_id: str | None
    action: str
    target: TargetReply
    before: dict[str, Any] | None = Field(description="The target before; null if there was none.")
    after: dict[str, Any] | None = Field(description="The target after; null if there is none.")
    changes: list[ChangeReply]
    left_out: str | None = Field(description="What is missing because it was too large.")


class AuditLogReply(BaseModel):
    """Entries, newest first; `nextCursor` is null on the last page."""

    items: list[AuditEntryReply]
    nextCursor: str | None  # noqa: N815 - the envelope of this surface


@router.get(
    "/audit-log",
    operation_id="listAuditLog",
    response_model=AuditLogReply,
    responses=refusals(),
)
async def list_audit_log(
    wanted: Annotated[AuditListing, Query()], caller: Reader, use: Use
) -> Response:
    """List what was changed and looked at, newest first."""
    position = None if wanted.cursor is None else AuditCursor(*decode_place(wanted.cursor))
    page = await use.audit.query(caller.org_id, wanted.query(), cursor=position, limit=wanted.limit)
    cursor = page.next_cursor
    return reply(
        {
            "items": [entry_document(entry) for entry in page.entries],
            "nextCursor": encode_place(cursor.at, cursor.id) if cursor else None,
        }
    )


@router.get(
    "/audit-log/export",
    operation_id="exportAuditLog",
    response_class=StreamingResponse,
    responses={**refusals(), 200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}},
)
async def export_audit_log(
    wanted: Annotated[AuditFilters, Query()], caller: Reader, use: Use
) -> Response:
    """Take all entries that fit, oldest first: one JSON document per line.

    The export is noted in the log itself.
    """
    entries = await use.audit.export(caller.org_id, wanted.query())
    return StreamingResponse(_lines(entries), media_type=JSON_LINES)


@router.get(
    "/audit-log/{entryId}",
    operation_id="getAuditEntry",
    response_model=AuditEntryReply,
    responses=refusals(404),
)
async def get_audit_entry(
    entry_id: Annotated[str, Path(alias="entryId", description="The id of the entry.")],
    caller: Reader,
    use: Use,
) -> Response:
    """Read one entry."""
    return reply(entry_document(await use.audit.get(caller.org_id, entry_id)))


async def _lines(entries: AsyncIterator[AuditEntry]) -> AsyncIterator[bytes]:
    async for entry in entries:
        yield json.dumps(entry_document(entry)) + b"\n"
