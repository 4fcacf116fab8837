"""What has happened: the events of an organisation, newest first."""

from __future__ import annotations

from tieline.catalogue import history_repository
from tieline.catalogue.errors import EventNotInHistory
from tieline.catalogue.past import HistoryCursor, HistoryPage, HistoryQuery, PastEvent
from tieline.catalogue.remembered import RememberedEvents
from tieline.database import Database


class EventHistory:
    """The history of the events of all organisations."""

    def __init__(self, database: Database, known: RememberedEvents) -> None:
        self._database = database
        self._known = known

    async def search(self, org_id: str, query: HistoryQuery) -> HistoryPage:
        """A page of what has happened. Raises `UnknownEvent`."""
        async with self._database.reading(org_id) as tx:
            (await self._known.of(tx)).get(query.name)
            found = await history_repository.search(tx, query, query.limit + 1)
        page = found[: query.limit]
        if len(found) <= query.limit:
            return HistoryPage(page, None)
        last = page[-1].event
        return HistoryPage(page, HistoryCursor(last.time, last.id))

    async def get(self, org_id: str, name: str, event_id: str) -> PastEvent:
        """One that has happened. Raises `UnknownEvent` and `EventNotInHistory`."""
        async with self._database.reading(org_id) as tx:
            (await self._known.of(tx)).get(name)
            found = await history_repository.search(
                tx, HistoryQuery(name=name, event_id=event_id), 1
            )
        if not found:
            raise EventNotInHistory
        return found[0]
