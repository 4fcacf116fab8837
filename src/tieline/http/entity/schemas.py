"""Schemas of entities and their versions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, ConfigDict

from tieline.entities.schemas import schema_document
from tieline.http.entity.parts import (
    MAX_OFFSET,
    Fields,
    Reader,
    SchemaWriter,
    Slug,
    comma_separated,
    projection,
    refusals,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["schemas"])

_WITHOUT_EFFECT = "Accepted, without effect: there are no drafts and no frozen versions."

Slugs = Annotated[list[str] | None, Query(description="Slugs, comma-separated.")]
Ignored = Annotated[bool, Query(description=_WITHOUT_EFFECT)]


class SchemaReply(BaseModel):
    """A version of a schema."""

    model_config = ConfigDict(extra="allow")

    id: str
    slug: str
    version: int
    name: str
    attributes: list[dict[str, Any]]


class SchemaList(BaseModel):
    """Schemas in their newest versions."""

    results: list[SchemaReply]


class VersionsReply(BaseModel):
    """Versions of a schema, newest first."""

    versions: list[dict[str, Any]]
    drafts: list[dict[str, Any]]
    versions_more: bool
    drafts_more: bool


@router.get(
    "/v1/entity/schemas",
    operation_id="listSchemas",
    response_model=SchemaList,
    responses=refusals(),
)
async def list_schemas(
    caller: Reader,
    use: Use,
    include: Slugs = None,
    exclude: Slugs = None,
    latest: Ignored = False,
    unpublished: Ignored = False,
) -> Response:
    """List the schemas in full."""
    return await _list(caller.org_id, use, include, exclude, summary=False)


@router.get(
    "/v2/entity/schemas",
    operation_id="listSchemasV2",
    response_model=SchemaList,
    responses=refusals(),
)
async def list_schemas_v2(
    caller: Reader,
    use: Use,
    full: Annotated[bool, Query(description="All attributes and capabilities.")] = False,
    include: Slugs = None,
    exclude: Slugs = None,
    latest: Ignored = False,
    unpublished: Ignored = False,
) -> Response:
    """List the schemas, by default with the attributes of their list views only."""
    return await _list(caller.org_id, use, include, exclude, summary=not full)


@router.get(
    "/v1/entity/schemas/{slug}",
    operation_id="getSchema",
    response_model=SchemaReply,
    responses=refusals(404),
)
async def get_schema(
    slug: Slug,
    caller: Reader,
    use: Use,
    version_id: Annotated[UUID | None, Query(alias="id")] = None,
    latest: Ignored = False,
) -> Response:
    """Read a schema, or one of its versions by id."""
    wanted = None if version_id is None else str(version_id)
    schema = await use.entities.schemas.get_schema(caller.org_id, slug, wanted)
    return reply(schema_document(schema))


@router.put(
    "/v1/entity/schemas/{slug}",
    operation_id="putSchema",
    response_model=SchemaReply,
    responses=refusals(409),
)
async def put_schema(
    slug: Slug,
    body: Annotated[Any, Body(description="The schema: name, plural, attributes, ...")],
    caller: SchemaWriter,
    use: Use,
    draft: Ignored = False,
) -> Response:
    """Declare a schema: store it as the next version."""
    schema = await use.entities.schemas.put_schema(caller.org_id, slug, body)
    return reply(schema_document(schema))


@router.delete("/v1/entity/schemas/{slug}", operation_id="deleteSchema", responses=refusals(404))
async def delete_schema(slug: Slug, caller: SchemaWriter, use: Use) -> Response:
    """Delete a schema with all its versions. Its entities stay."""
    await use.entities.schemas.delete_schema(caller.org_id, slug)
    return Response(status_code=200)


@router.get(
    "/v1/entity/schemas/{slug}/versions",
    operation_id="getSchemaVersions",
    response_model=VersionsReply,
    responses=refusals(404),
)
async def get_schema_versions(
    slug: Slug,
    caller: Reader,
    use: Use,
    versions_from: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
    versions_size: Annotated[int, Query(ge=0, le=1000)] = 20,
    drafts_from: Annotated[int, Query(ge=0)] = 0,
    drafts_size: Annotated[int, Query(ge=0)] = 0,
    fields: Fields = None,
) -> Response:
    """List the versions of a schema, newest first."""
    shown = projection(fields)
    page = await use.entities.schemas.versions(caller.org_id, slug, versions_from, versions_size)
    return reply(
        {
            "versions": [shown(schema_document(schema)) for schema in page.versions],
            "drafts": [],
            "versions_more": page.more,
            "drafts_more": False,
        }
    )


async def _list(
    org_id: str, use: Use, include: Slugs, exclude: Slugs, *, summary: bool
) -> Response:
    schemas = await use.entities.schemas.list_schemas(
        org_id,
        include=comma_separated(include, "include") if include else None,
        exclude=comma_separated(exclude, "exclude"),
    )
    return reply({"results": [schema_document(schema, summary=summary) for schema in schemas]})
