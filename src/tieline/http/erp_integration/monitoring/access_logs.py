"""Who called the APIs with the keys of an integration."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from tieline.http.erp_integration.monitoring.parts import Watcher, exact
from tieline.http.erp_integration.parts import Body, IntegrationId, Moment, Part, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Use
from tieline.integrations.models import Integration
from tieline.kit.errors import InvalidInput
from tieline.monitoring.access_models import (
    AccessCursor,
    AccessEntry,
    AccessPage,
    AccessQuery,
    HttpMethod,
)
from tieline.records.identifiers import ACTOR_ID

router = APIRouter(route_class=AskingRoute, tags=["monitoring"])


class AccessCursorPart(Part):
    """Where the page before ended: its `next_cursor`, or the same of its last entry."""

    model_config = ConfigDict(extra="forbid")

    timestamp: Moment | None = None
    request_id: str | None = None

    def position(self) -> AccessCursor | None:
        """The place in the list; None for its beginning. Raises `InvalidInput`."""
        if self.timestamp is None:
            if self.request_id is not None:
                raise InvalidInput("cursor.timestamp: is required beside request_id. Send both.")
            return None
        return AccessCursor(self.timestamp, self.request_id or "")


class AccessLogsBody(Body):
    """Which calls are wanted; every filter that is left out lets all pass."""

    model_config = ConfigDict(extra="forbid")

    token_id: str | None = Field(
        None, description="Calls with this API key, one of the integration's `access_token_ids`."
    )
    service: str | None = Field(None, description="Calls of this API, by its base path.")
    method: HttpMethod | None = Field(None, description="Calls with this HTTP method.")
    path: str | None = Field(None, description="Calls of paths that contain this text.")
    status: StrictInt | None = Field(None, ge=100, le=599, description="The HTTP status.")
    from_date: Moment | None = Field(None, description="Made at this moment or later.")
    to_date: Moment | None = Field(None, description="Made at this moment or before.")
    limit: StrictInt = Field(50, ge=1, le=100, description="Entries per page.")
    cursor: AccessCursorPart | None = None

    def query(self, integration: Integration) -> AccessQuery:
        """What is asked for. Raises `InvalidInput`."""
        return AccessQuery(
            token_ids=self._token_ids(integration),
            service=self.service,
            method=self.method,
            path=self.path,
            status=self.status,
            from_date=self.from_date,
            to_date=self.to_date,
            cursor=self.cursor.position() if self.cursor else None,
            limit=self.limit,
        )

    def _token_ids(self, integration: Integration) -> tuple[str, ...]:
        ids = integration.document.get("access_token_ids") or ()
        linked = tuple(dict.fromkeys(map(ACTOR_ID.from_wire, ids)))
        if self.token_id is None:
            return linked
        token_id = ACTOR_ID.from_wire(self.token_id)
        if token_id not in linked:
            raise InvalidInput(
                "token_id: is not among the access_token_ids of the integration. Add it there, "
                "or name one that is."
            )
        return (token_id,)


class AccessLogReply(BaseModel):
    """One call of an API."""

    timestamp: datetime = Field(description="When it began.")
    environment: str = Field(description="What this installation is, such as `prod`.")
    service: str = Field(description="The API, by its base path.")
    request_id: str
    method: str
    path: str = Field(description="Without its query.")
    status: int
    response_latency_ms: int
    response_length: int = Field(description="Bytes of the answer's body.")
    token_id: str = Field(description="The id of the API key.")
    org_id: str
    origin: str | None = Field(None, description="What a browser said where it comes from.")
    source_ip: str | None = Field(None, description="The address that the call came from.")


class AccessCursorReply(BaseModel):
    """Where the page ended."""

    timestamp: datetime
    request_id: str


class AccessLogsReply(BaseModel):
    """A page of calls, newest first; `next_cursor` is null on the last one."""

    data: list[AccessLogReply]
    next_cursor: AccessCursorReply | None
    has_more: bool


@router.post(
    "/v1/integrations/{integrationId}/monitoring/access-logs",
    operation_id="queryAccessLogs",
    response_model=AccessLogsReply,
    responses=refusals(404, 409),
)
async def query_access_logs(
    integration_id: IntegrationId, body: AccessLogsBody, caller: Watcher, use: Use
) -> Response:
    """See the calls that were made with the API keys of an integration, newest first."""
    integration = await use.integrations.get_integration(caller.org_id, integration_id)
    page = await use.access_log.query(caller.org_id, body.query(integration))
    return reply(_page_reply(page, use.settings.environment))


def _page_reply(page: AccessPage, environment: str) -> dict[str, Any]:
    cursor = page.next_cursor
    return {
        "data": [_entry_reply(entry, environment) for entry in page.entries],
        "next_cursor": cursor and {"timestamp": exact(cursor.at), "request_id": cursor.request_id},
        "has_more": cursor is not None,
    }


def _entry_reply(entry: AccessEntry, environment: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "timestamp": exact(entry.at),
        "environment": environment,
        "service": entry.service,
        "request_id": entry.request_id,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "response_latency_ms": entry.latency_ms,
        "response_length": entry.response_length,
        "token_id": entry.token_id,
        "org_id": entry.org_id,
    }
    for key, value in (("origin", entry.origin), ("source_ip", entry.source_ip)):
        if value is not None:
            found[key] = value
    return found
