"""What became of signed links: why a file came, or why it did not."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from tieline.fileproxy.models import Download, DownloadCursor, DownloadQuery
from tieline.http.erp_integration.monitoring.parts import Watcher, exact
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, refusals
from tieline.http.pagination import decode_place, encode_place
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid

router = APIRouter(route_class=AskingRoute, tags=["monitoring"])


class FileDownloadsBody(Body):
    """Which downloads are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    use_case_id: UUID | None = Field(None, description="Of this file proxy.")
    code: str | None = Field(None, description="That ended with this code.")
    failed: StrictBool | None = Field(
        None, description="That did not bring the whole file; or did."
    )
    request_id: str | None = Field(None, description="The one whose answer had this request id.")
    from_date: Moment | None = Field(None, description="Begun at this moment or later.")
    to_date: Moment | None = Field(None, description="Begun at this moment or before.")
    limit: StrictInt = Field(50, ge=1, le=100, description="Entries per page.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")

    def query(self) -> DownloadQuery:
        """What is asked for. Raises `InvalidInput`."""
        return DownloadQuery(
            use_case_id=self.use_case_id,
            code=self.code,
            failed=self.failed,
            request_id=self.request_id,
            from_date=self.from_date,
            to_date=self.to_date,
            cursor=None if self.cursor is None else _place(self.cursor),
            limit=self.limit,
        )


class FileDownloadReply(BaseModel):
    """One use of a signed link."""

    id: UUID
    timestamp: datetime = Field(description="When it began.")
    integration_id: UUID
    use_case_id: UUID | None = Field(description="None if the link named no file proxy.")
    use_case_slug: str | None
    params: dict[str, str] = Field(description="Those of the link, without what may be secret.")
    code: str = Field(description="`FILE_PROXY_OK`, or why the whole file did not arrive.")
    message: str | None = Field(description="What happened, and what to do next.")
    step: int | None = Field(description="The step that failed, from 1.")
    upstream_status: int | None = Field(description="What the document system answered then.")
    filename: str | None
    content_type: str | None
    bytes: int = Field(description="How many were sent.")
    duration_ms: int
    request_id: str
    source_ip: str | None


class FileDownloadsReply(BaseModel):
    """A page of downloads, newest first; `next_cursor` is null on the last one."""

    data: list[FileDownloadReply]
    next_cursor: str | None
    has_more: bool


@router.post(
    "/v1/integrations/{integrationId}/monitoring/file-downloads",
    operation_id="queryFileDownloads",
    response_model=FileDownloadsReply,
    responses=refusals(404),
)
async def query_file_downloads(
    integration_id: IntegrationId, body: FileDownloadsBody, caller: Watcher, use: Use
) -> Response:
    """See how the signed links of an integration were used, newest first."""
    await use.integrations.get_integration(caller.org_id, integration_id)
    page = await use.file_downloads.query(caller.org_id, integration_id, body.query())
    last = page.next_cursor
    return reply(
        {
            "data": [_entry(download) for download in page.downloads],
            "next_cursor": None if last is None else encode_place(last.at, str(last.id)),
            "has_more": last is not None,
        }
    )


def _place(cursor: str) -> DownloadCursor:
    at, identifier = decode_place(cursor)
    found = parse_uuid(identifier)
    if found is None:
        raise InvalidInput("cursor: not a cursor of this list. Start without one.")
    return DownloadCursor(at, found)


def _entry(download: Download) -> dict[str, Any]:
    return {
        "id": download.id,
        "timestamp": exact(download.at),
        "integration_id": download.integration_id,
        "use_case_id": download.use_case_id,
        "use_case_slug": download.use_case_slug,
        "params": download.params,
        "code": download.code,
        "message": download.message,
        "step": download.step,
        "upstream_status": download.upstream_status,
        "filename": download.filename,
        "content_type": download.content_type,
        "bytes": download.bytes,
        "duration_ms": download.milliseconds,
        "request_id": download.request_id,
        "source_ip": download.source_ip,
    }
