"""Calls of the APIs, and what one can ask about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class HttpMethod(StrEnum):
    """Methods by which calls can be filtered."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    HEAD = "HEAD"


class AccessEntry(NamedTuple):
    """One call. `at` is when it began; the path is without its query; sizes are bytes.

    A tuple in the order of the table's columns: one is made for every call.
    """

    org_id: str
    token_id: str
    at: datetime
    request_id: str
    service: str
    method: str
    path: str
    status: int
    latency_ms: int
    response_length: int
    origin: str | None
    source_ip: str | None


@dataclass(frozen=True, slots=True)
class AccessCursor:
    """The place of a call in the list, newest first."""

    at: datetime
    request_id: str


@dataclass(frozen=True, slots=True)
class AccessQuery:
    """Which calls are wanted: those with one of the keys; None means any. Dates are inclusive."""

    token_ids: tuple[str, ...] | None
    service: str | None = None
    method: HttpMethod | None = None
    path: str | None = None
    status: int | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    cursor: AccessCursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AccessPage:
    """Calls, newest first; `next_cursor` is None on the last page."""

    entries: list[AccessEntry]
    next_cursor: AccessCursor | None
