"""Relations between entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, FailFast, Field

from tieline.entities.projection import Projection
from tieline.entities.queries import Direction, Related, RelatedQuery
from tieline.entities.reads import wire_document
from tieline.entities.relations import RelationChange
from tieline.entities.search.lucene import parse_query
from tieline.entities.search.models import Deleted
from tieline.http.bodies import BoundedBody
from tieline.http.entity.parts import (
    ActivityIdParameter,
    Async,
    EntityId,
    Fields,
    Hydrate,
    Offset,
    Reader,
    Slug,
    Writer,
    comma_separated,
    projection,
    refusals,
    write_options,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.kit.errors import InvalidInput

router = APIRouter(route_class=TielineRoute, tags=["relations"])

Size = Annotated[int, Query(ge=1, le=1000)]
Schemas = Annotated[list[str] | None, Query(description="Slugs of schemas.")]
IncludeReverse = Annotated[bool, Query(description="Also entities that refer to this one.")]
RelationPath = "/v1/entity/{slug}/{id}/relations/{attribute}/{entity_id}"


class RelationBody(BoundedBody):
    """A relation to an entity, under an attribute."""

    model_config = ConfigDict(populate_by_name=True)

    entity_id: UUID
    attribute: str = Field(min_length=1, max_length=512)
    tags: list[str] | None = Field(default=None, alias="_tags")
    schema_: str | None = Field(default=None, alias="_schema")

    def change(self) -> RelationChange:
        """The relation as the store knows it."""
        return RelationChange(self.attribute, str(self.entity_id), self.tags, self.schema_)


RelationBodies = Annotated[list[RelationBody], FailFast()]


class TagsBody(BoundedBody):
    """The tags of a relation."""

    model_config = ConfigDict(extra="forbid")

    tags: list[str] | None = Field(default=None, alias="_tags")


class RelationPage(BaseModel):
    """A page of relations and the number of all."""

    hits: int
    relations: list[dict[str, Any]]


class CountReply(BaseModel):
    """How many entities are related."""

    hits: int


@router.get(
    "/v1/entity/{slug}/{id}/relations",
    operation_id="getRelations",
    response_model=list[dict[str, Any]],
    responses=refusals(404),
)
async def get_relations(
    slug: Slug,
    entity_id: EntityId,
    caller: Reader,
    use: Use,
    offset: Offset = 0,
    size: Size = 100,
    hydrate: Hydrate = False,
    include_reverse: IncludeReverse = False,
    include_schemas: Schemas = None,
    exclude_schemas: Schemas = None,
) -> Response:
    """List the relations of an entity."""
    query = RelatedQuery(
        direction=Direction.BOTH if include_reverse else Direction.DIRECT,
        include_schemas=comma_separated(include_schemas, "include_schemas"),
        exclude_schemas=comma_separated(exclude_schemas, "exclude_schemas"),
        offset=offset,
        size=size,
    )
    page = await use.entities.reads.related(caller.org_id, slug, entity_id, query)
    return reply(_items(caller.org_id, page.related, Projection([]), hydrate=hydrate))


@router.get(
    "/v2/entity/{slug}/{id}/relations",
    operation_id="getRelationsV2",
    response_model=RelationPage,
    responses=refusals(404),
)
async def get_relations_v2(
    slug: Slug,
    entity_id: EntityId,
    caller: Reader,
    use: Use,
    offset: Offset = 0,
    size: Size = 50,
    hydrate: Hydrate = False,
    include_reverse: IncludeReverse = False,
    query: Annotated[str, Query(description="A search query for the related entities.")] = "",
    fields: Fields = None,
) -> Response:
    """List the relations of an entity to entities that match a query."""
    related = RelatedQuery(
        direction=Direction.BOTH if include_reverse else Direction.DIRECT,
        condition=parse_query(query, datetime.now(UTC), source="query"),
        offset=offset,
        size=size,
    )
    shown = projection(fields)
    page = await use.entities.reads.related(caller.org_id, slug, entity_id, related)
    items = _items(caller.org_id, page.related, shown, hydrate=hydrate)
    return reply({"hits": page.hits, "relations": items})


@router.get(
    "/v3/entity/{slug}/{id}/relations",
    operation_id="getRelationsV3",
    response_model=RelationPage,
    responses=refusals(404),
)
async def get_relations_v3(
    slug: Slug,
    entity_id: EntityId,
    caller: Reader,
    use: Use,
    offset: Offset = 0,
    size: Size = 100,
    hydrate: Hydrate = False,
    include_reverse: IncludeReverse = False,
    include_schemas: Schemas = None,
    exclude_schemas: Schemas = None,
    mode: Annotated[Direction | None, Query(description="Wins over include_reverse.")] = None,
    fields: Fields = None,
    include_deleted: Annotated[Deleted, Query()] = Deleted.EXCLUDED,
) -> Response:
    """List the relations of an entity, in one direction or both."""
    fallback = Direction.BOTH if include_reverse else Direction.DIRECT
    query = RelatedQuery(
        direction=mode or fallback,
        include_schemas=comma_separated(include_schemas, "include_schemas"),
        exclude_schemas=comma_separated(exclude_schemas, "exclude_schemas"),
        deleted=include_deleted,
        offset=offset,
        size=size,
    )
    shown = projection(fields)
    page = await use.entities.reads.related(caller.org_id, slug, entity_id, query)
    items = _items(caller.org_id, page.related, shown, hydrate=hydrate)
    return reply({"hits": page.hits, "relations": items})


@router.get(
    "/v2/entity/{slug}/{id}/relations/count",
    operation_id="getRelatedEntitiesCount",
    response_model=CountReply,
    responses=refusals(404),
)
async def count_related_entities(
    slug: Slug, entity_id: EntityId, caller: Reader, use: Use, exclude_schemas: Schemas = None
) -> Response:
    """Count the entities that an entity is related to, in either direction."""
    exclude = comma_separated(exclude_schemas, "exclude_schemas")
    hits = await use.entities.reads.count_related(caller.org_id, slug, entity_id, exclude)
    return reply({"hits": hits})


@router.post(
    "/v1/entity/{slug}/{id}/relations",
    operation_id="addRelations",
    response_model=RelationBody,
    responses=refusals(404),
)
async def add_relations(
    slug: Slug,
    entity_id: EntityId,
    body: RelationBodies,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    no_wait: Async = False,
) -> Response:
    """Relate an entity to others; the reply is the first of the relations."""
    if not body:
        raise InvalidInput("The body must list at least one relation.")
    options = write_options(caller, activity_id)
    changes = [item.change() for item in body]
    await use.entities.add_relations(caller.org_id, slug, entity_id, changes, options)
    return reply(_change_item(changes[0]))


@router.delete(
    "/v1/entity/{slug}/{id}/relations",
    operation_id="removeRelations",
    status_code=204,
    responses=refusals(404),
)
async def remove_relations(
    slug: Slug,
    entity_id: EntityId,
    body: RelationBodies,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    no_wait: Async = False,
) -> Response:
    """End relations of an entity; those that do not exist are passed over."""
    options = write_options(caller, activity_id)
    changes = [item.change() for item in body]
    await use.entities.remove_relations(caller.org_id, slug, entity_id, changes, options)
    return Response(status_code=204)


@router.put(
    RelationPath,
    operation_id="updateRelation",
    response_model=RelationBody,
    responses=refusals(404),
)
async def update_relation(
    slug: Slug,
    id_: EntityId,
    attribute: str,
    entity_id: UUID,
    body: TagsBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    no_wait: Async = False,
) -> Response:
    """Give a relation other tags."""
    change = RelationChange(attribute, str(entity_id), body.tags)
    options = write_options(caller, activity_id)
    item = await use.entities.tag_relation(caller.org_id, slug, id_, change, options)
    return reply(_change_item(replace(change, tags=item.get("_tags"), schema=item.get("_schema"))))


@router.delete(
    RelationPath, operation_id="deleteRelation", status_code=204, responses=refusals(404)
)
async def delete_relation(
    slug: Slug,
    id_: EntityId,
    attribute: str,
    entity_id: UUID,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    no_wait: Async = False,
) -> Response:
    """End a relation."""
    changes = [RelationChange(attribute, str(entity_id))]
    options = write_options(caller, activity_id)
    await use.entities.remove_relations(caller.org_id, slug, id_, changes, options, must_exist=True)
    return Response(status_code=204)


def _change_item(change: RelationChange) -> dict[str, Any]:
    item: dict[str, Any] = {"entity_id": change.entity_id, "attribute": change.attribute}
    if change.schema is not None:
        item["_schema"] = change.schema
    if change.tags is not None:
        item["_tags"] = list(change.tags)
    return item


def _items(
    org_id: str, related: Sequence[Related], shown: Projection, *, hydrate: bool
) -> list[dict[str, Any]]:
    items = []
    for relation in related:
        item = {
            "entity_id": str(relation.target.entity.id),
            "org_id": org_id,
            "_schema": relation.target.entity.schema,
            "attribute": relation.attribute,
            "_tags": list(relation.tags),
            "reverse": relation.reverse,
        }
        if hydrate:
            item = {**shown(wire_document(org_id, relation.target)), "$relation": item}
        items.append(item)
    return items
