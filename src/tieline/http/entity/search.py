"""Searching and listing entities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.reads import wire_document
from tieline.entities.search.conditions import AllOf, Condition, names_schemas
from tieline.entities.search.errors import SchemaFilterMissing
from tieline.entities.search.filters import parse_filter
from tieline.entities.search.lucene import parse_query
from tieline.entities.search.models import DEFAULT_SIZE, Deleted, Search
from tieline.entities.search.options import checked_window, parse_aggregations, parse_sort
from tieline.http.bodies import BoundedBody
from tieline.http.entity.parts import MAX_OFFSET, Reader, projection, refusals
from tieline.http.responses import reply
from tieline.http.route import AskingRoute
from tieline.http.services import Services, Use
from tieline.identity.models import Principal
from tieline.kit.errors import InvalidInput

router = APIRouter(route_class=AskingRoute, tags=["search"])


class SearchOptions(BoundedBody):
    """What a search and a listing have in common."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    sort: str | list[str] | None = None
    offset: int = Field(default=0, alias="from", ge=0, le=MAX_OFFSET)
    size: int = Field(default=DEFAULT_SIZE, ge=0, description="Above 1000 it counts as 1000.")
    hydrate: bool = False
    fields: list[str] | None = None
    aggs: dict[str, Any] | None = None
    include_deleted: Deleted | bool = Deleted.EXCLUDED
    include_scores: bool = False
    search_after: list[str | int | float | None] | None = None
    highlight: Any = Field(default=None, description="Accepted, without effect.")
    stable_for: int | None = Field(default=None, ge=0, description="Accepted, without effect.")
    stable_query_id: str | None = Field(default=None, description="Accepted, without effect.")

    def search(self, condition: Condition) -> Search:
        """The search for a condition with these options. Raises `InvalidInput`."""
        if self.search_after is not None and self.offset:
            raise InvalidInput("from: cannot be combined with search_after. Send one of them.")
        return Search(
            condition,
            sort=parse_sort(self.sort),
            offset=self.offset,
            size=checked_window(self.offset, self.size),
            deleted=Deleted(str(self.include_deleted).lower()),
            after=None if self.search_after is None else tuple(self.search_after),
            with_scores=self.include_scores,
            aggregations=parse_aggregations(self.aggs),
        )


class SearchBody(SearchOptions):
    """A search by a query in Lucene's syntax."""

    q: str


class QueryString(BoundedBody):
    """A query in Lucene's syntax, and where it looks by default."""

    model_config = ConfigDict(extra="forbid")

    query: str
    fields: list[str] = Field(default_factory=list, max_length=100)
    default_operator: str = Field(default="OR", pattern=r"^(?i:and|or)$")
    lenient: bool = True


class QueryBody(BoundedBody):
    """The query of a listing."""

    model_config = ConfigDict(extra="forbid")

    query_string: QueryString


class ListBody(SearchOptions):
    """A listing by filters, all of which must hold."""

    filter: list[dict[str, Any]]
    query: QueryBody | None = None
    allow_targeting_all_schemas: bool = False

    def condition(self, now: datetime) -> Condition:
        """What an entity must fulfil. Raises `InvalidInput`."""
        condition = parse_filter(self.filter, now)
        if self.query is not None:
            wanted = self.query.query_string
            text = parse_query(
                wanted.query,
                now,
                fields=wanted.fields,
                all_required=wanted.default_operator.upper() == "AND",
                source="query.query_string.query",
            )
            condition = AllOf((condition, text))
        if not self.allow_targeting_all_schemas and not names_schemas(condition):
            raise SchemaFilterMissing
        return condition


class SearchReply(BaseModel):
    """A page of entities; `hits` is exact up to 10,000."""

    hits: int
    results: list[dict[str, Any]]
    aggregations: dict[str, Any] | None = None
    sort_end: list[Any] | None = None


@router.post(
    "/v1/entity:search",
    operation_id="searchEntities",
    response_model=SearchReply,
    responses=refusals(),
)
async def search_entities(body: SearchBody, caller: Reader, use: Use) -> Response:
    """Search entities by words, fields, phrases, ranges and wildcards."""
    condition = parse_query(body.q, datetime.now(UTC))
    return await _found(body, body.search(condition), caller, use)


@router.post(
    "/v1/entity:list",
    operation_id="listEntities",
    response_model=SearchReply,
    responses=refusals(),
)
async def list_entities(body: ListBody, caller: Reader, use: Use) -> Response:
    """List entities by exact filters."""
    condition = body.condition(datetime.now(UTC))
    return await _found(body, body.search(condition), caller, use)


async def _found(body: SearchOptions, query: Search, caller: Principal, use: Services) -> Response:
    shown = projection(body.fields)
    results = await use.entities.reads.search(caller.org_id, query)
    documents = [wire_document(caller.org_id, found) for found in results.found]
    if body.hydrate:
        documents = await use.entities.reads.hydrate(caller.org_id, documents)
    content: dict[str, Any] = {
        "hits": results.hits,
        "results": [shown(document) for document in documents],
    }
    if results.aggregations is not None:
        content["aggregations"] = results.aggregations
    if results.sort_end is not None:
        content["sort_end"] = results.sort_end
    return reply(content)
