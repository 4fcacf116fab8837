"""Links to files, what a download yields, and what is known of each afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

OK = "FILE_PROXY_OK"  # the code of a download that came to its end
ABORTED = "FILE_PROXY_ABORTED"  # that of one whose receiver went away

DEFAULT_FILENAME = "download"
DEFAULT_CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Link:
    """What a download address names: a file proxy use case, by slug or by id, and its parameters.

    `params` are in the order of the address, without those that every address has.
    """

    org_id: str
    integration_id: str
    use_case_slug: str | None
    use_case_id: str | None
    params: tuple[tuple[str, str], ...] = ()

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the address, without expiry and signature."""
        by_slug = ("useCaseSlug", self.use_case_slug)
        by_id = ("useCaseId", self.use_case_id)
        use_case = [(name, value) for name, value in (by_slug, by_id) if value is not None]
        return [
            ("orgId", self.org_id),
            ("integrationId", self.integration_id),
            *use_case,
            *self.params,
        ]


@dataclass(frozen=True)
class SignedLink:
    """An address that whoever has it may use until it expires."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass
class File:
    """A file on its way. `size` is in bytes, None if nobody knows it yet.

    Whoever gets it reads `chunks` and calls `close` in any case, with how it ended.
    """

    filename: str
    content_type: str
    size: int | None
    chunks: AsyncIterator[bytes]
    close: Callable[[Ending], Awaitable[None]]


@dataclass(frozen=True)
class Ending:
    """How the sending of a file ended: how many bytes went out, and why not all did."""

    sent: int
    error: BaseException | None = None
    receiver_left: bool = False


@dataclass(frozen=True)
class Caller:
    """Where a download came from."""

    request_id: str
    source_ip: str | None = None


@dataclass(frozen=True)
class Download:
    """One use of a link. `code` is `FILE_PROXY_OK`, or that of the error; `step` counts from 1.

    `upstream_status` is what the document system answered at that step.
    """

    org_id: str
    integration_id: UUID
    id: UUID
    at: datetime
    use_case_id: UUID | None
    use_case_slug: str | None
    params: Mapping[str, Any]
    code: str
    message: str | None
    step: int | None
    upstream_status: int | None
    filename: str | None
    content_type: str | None
    bytes: int
    milliseconds: int
    request_id: str
    source_ip: str | None


@dataclass(frozen=True)
class DownloadCursor:
    """The place of a download in the list, newest first."""

    at: datetime
    id: UUID


@dataclass(frozen=True)
class DownloadQuery:
    """Which downloads of an integration are wanted; None means any. Both dates are inclusive."""

    use_case_id: UUID | None = None
    code: str | None = None
    failed: bool | None = None
    request_id: str | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    cursor: DownloadCursor | None = None
    limit: int = 50


@dataclass(frozen=True)
class DownloadPage:
    """Downloads, newest first; `next_cursor` is None on the last page."""

    downloads: list[Download]
    next_cursor: DownloadCursor | None
