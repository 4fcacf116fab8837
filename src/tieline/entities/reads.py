"""Reading entities: one by one, by their relations, and by search."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from tieline.database import Database, OrgTransaction
from tieline.entities.errors import EntityNotFound
from tieline.entities.hydration import hydrated, referenced_ids
from tieline.entities.models import document
from tieline.entities.queries import (
    RelatedPage,
    RelatedQuery,
    count_related,
    find_entity,
    live_entities,
    related_entities,
)
from tieline.entities.search import repository
from tieline.entities.search.errors import SearchTooExpensive
from tieline.entities.search.models import Search, SearchResults, TitledEntity

Document = dict[str, Any]

_SEARCHES_AT_ONCE = 4


class EntityReads:
    """Questions about the entities of all organisations.

    Searches run a few at a time and not for long: they must leave connections to everything else.
    """

    def __init__(self, database: Database, *, search_seconds: float = 10.0) -> None:
        self._database = database
        self._search_seconds = search_seconds
        self._searching = asyncio.Semaphore(_SEARCHES_AT_ONCE)

    async def get(self, org_id: str, schema: str, entity_id: UUID) -> TitledEntity:
        """An entity that is not deleted. Raises `EntityNotFound`."""
        async with self._database.reading(org_id) as tx:
            return await _live(tx, schema, entity_id)

    async def search(self, org_id: str, query: Search) -> SearchResults:
        """A page of matches.

        Raises `InvalidQuery` when `after` does not fit the order, and `SearchTooExpensive`.
        """
        async with self._search(org_id) as tx:
            return await repository.search(tx, query)

    async def related(
        self, org_id: str, schema: str, entity_id: UUID, query: RelatedQuery
    ) -> RelatedPage:
        """The relations of an entity. Raises `EntityNotFound` and `SearchTooExpensive`."""
        async with self._search(org_id) as tx:
            await _live(tx, schema, entity_id)
            return await related_entities(tx, entity_id, query)

    async def count_related(
        self, org_id: str, schema: str, entity_id: UUID, exclude: Sequence[str] = ()
    ) -> int:
        """How many entities an entity is related to, either way. Raises `EntityNotFound`."""
        async with self._database.reading(org_id) as tx:
            await _live(tx, schema, entity_id)
            return await count_related(tx, entity_id, exclude)

    async def hydrate(self, org_id: str, documents: Sequence[Mapping[str, Any]]) -> list[Document]:
        """The documents with the entities that they refer to in place of the references."""
        ids = {entity_id for content in documents for entity_id in referenced_ids(content)}
        async with self._database.reading(org_id) as tx:
            found = await live_entities(tx, ids)
        known = {item.entity.id: wire_document(org_id, item) for item in found}
        return [hydrated(content, known) for content in documents]

    @contextlib.asynccontextmanager
    async def _search(self, org_id: str) -> AsyncIterator[OrgTransaction]:
        async with self._searching, self._database.reading(org_id) as tx:
            try:
                async with asyncio.timeout(self._search_seconds):
                    yield tx
            except TimeoutError:
                raise SearchTooExpensive from None


def wire_document(org_id: str, found: TitledEntity) -> Document:
    """An entity in its wire form."""
    content = document(found.entity, org_id, found.title)
    if found.score is not None:
        content["_score"] = found.score
    return content


async def _live(tx: OrgTransaction, schema: str, entity_id: UUID) -> TitledEntity:
    found = await find_entity(tx, schema, entity_id)
    if found is None:
        raise EntityNotFound
    if found.entity.deleted_at is not None:
        raise EntityNotFound("The entity is in the recycle bin. Restore it to read it again.")
    return found
