"""The list of downloads: why a file came, or why it did not."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog

from tieline.database import Database
from tieline.fileproxy import metrics, repository
from tieline.fileproxy.models import Download, DownloadCursor, DownloadPage, DownloadQuery
from tieline.kit.errors import InvalidInput, TielineError
from tieline.kit.time import Clock, utc_now

log = structlog.get_logger(__name__)

_CLOCKS_DIFFER = timedelta(days=1)


class Downloads:
    """Downloads of all organisations, kept for `retention`."""

    def __init__(
        self,
        database: Database,
        *,
        retention: timedelta = timedelta(days=90),
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock

    async def write(self, download: Download) -> None:
        """Add a download to the list. One that cannot be added is only logged: the file is out."""
        metrics.DOWNLOADS.labels(download.code).inc()
        metrics.BYTES.inc(download.bytes)
        try:
            async with self._database.organisation(download.org_id) as tx:
                await repository.insert_download(tx, download)
        except TielineError as error:
            log.warning("file_download.not_listed", code=download.code, reason=error.message)

    async def query(self, org_id: str, integration_id: UUID, query: DownloadQuery) -> DownloadPage:
        """A page of the downloads of an integration, newest first.

        Raises `InvalidInput` when the dates are the wrong way round.
        """
        if query.from_date and query.to_date and query.from_date > query.to_date:
            raise InvalidInput("from_date: is after to_date. Exchange the two.")
        now = self._clock()
        oldest = max(query.from_date or now - self._retention, now - self._retention)
        newest = min(query.to_date or now + _CLOCKS_DIFFER, now + _CLOCKS_DIFFER)
        async with self._database.reading(org_id) as tx:
            found = await repository.newest_downloads(
                tx, integration_id, query, oldest=oldest, newest=newest, count=query.limit + 1
            )
        page = found[: query.limit]
        more = len(found) > query.limit
        last = DownloadCursor(page[-1].at, page[-1].id) if more else None
        return DownloadPage(page, last)
