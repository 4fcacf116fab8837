"""Creating, reading, changing and deleting entities."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.queries import RelatedQuery
from tieline.entities.reads import wire_document
from tieline.entities.service import Written
from tieline.entities.validation import Fault, fault_document, keyword_document
from tieline.http.bodies import BoundedBody
from tieline.http.entity.parts import (
    ActivityIdParameter,
    Async,
    EntityId,
    EntityReply,
    Fields,
    Flag,
    Hydrate,
    Reader,
    Slug,
    Writer,
    as_object,
    projection,
    refusals,
    write_options,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use

router = APIRouter(route_class=TielineRoute, tags=["entities"])

MAX_RELATED = 1_000

EntityBody = Annotated[Any, Body(description="The entity's attributes, a JSON object.")]


class UpsertBody(BoundedBody):
    """What identifies an entity, and what it is to look like."""

    model_config = ConfigDict(extra="forbid")

    unique_key: list[str] = Field(min_length=1, max_length=20)
    entity: dict[str, Any]


class EntityWithRelations(BaseModel):
    """An entity and those that it refers to."""

    entity: EntityReply
    relations: list[EntityReply]


class ValidationReply(BaseModel):
    """Whether an entity fits its schema."""

    status: str
    errors: list[dict[str, Any]]


@router.patch(
    "/v1/entity/{slug}:upsert",
    operation_id="upsertEntity",
    response_model=EntityReply,
    responses=refusals(404, 405, 409, 422),
)
async def upsert_entity(
    slug: Slug,
    body: UpsertBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    fill_activity: Flag = False,
    dry_run: Flag = False,
    validate: Flag = False,
    strict: Flag = False,
    no_wait: Async = False,
) -> Response:
    """Change the entity that has the values of `unique_key`, or create it (201)."""
    options = write_options(
        caller, activity_id, fill_activity=fill_activity, dry_run=dry_run, validate=validate
    )
    written = await use.entities.upsert(
        caller.org_id, slug, body.unique_key, body.entity, options, strict=strict
    )
    return _entity(caller.org_id, written)


@router.post(
    "/v1/entity/{slug}:validate",
    operation_id="validateEntity",
    response_model=ValidationReply,
    responses=refusals(),
)
async def validate_entity(slug: Slug, body: EntityBody, caller: Reader, use: Use) -> Response:
    """Check an entity against the declared schema (422 with `errors` when it does not fit)."""
    faults = await use.entities.schemas.faults(caller.org_id, slug, as_object(body))
    return _verdict(faults, [fault_document(fault) for fault in faults])


@router.post(
    "/v2/entity/{slug}:validate",
    operation_id="validateEntityV2",
    response_model=ValidationReply,
    responses=refusals(),
)
async def validate_entity_v2(slug: Slug, body: EntityBody, caller: Reader, use: Use) -> Response:
    """Check an entity against the declared schema, with faults as JSON Schema validators do."""
    faults = await use.entities.schemas.faults(caller.org_id, slug, as_object(body))
    return _verdict(faults, [keyword_document(fault) for fault in faults])


@router.patch(
    "/v1/entity/{slug}/{id}:restore",
    operation_id="restoreEntity",
    response_model=EntityReply,
    responses=refusals(404),
)
async def restore_entity(
    slug: Slug,
    entity_id: EntityId,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
) -> Response:
    """Take an entity out of the recycle bin."""
    options = write_options(caller, activity_id)
    written = await use.entities.restore(caller.org_id, slug, entity_id, options)
    return _entity(caller.org_id, written)


@router.post(
    "/v1/entity/{slug}",
    operation_id="createEntity",
    status_code=201,
    response_model=EntityReply,
    responses=refusals(404, 422),
)
async def create_entity(
    slug: Slug,
    body: EntityBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    fill_activity: Flag = False,
    validate: Flag = False,
    no_wait: Async = False,
) -> Response:
    """Create an entity. A slug that is new comes into being as a schema that accepts everything."""
    options = write_options(caller, activity_id, fill_activity=fill_activity, validate=validate)
    written = await use.entities.create(caller.org_id, slug, body, options)
    return _entity(caller.org_id, written)


@router.get(
    "/v1/entity/{slug}/{id}",
    operation_id="getEntity",
    response_model=EntityWithRelations,
    responses=refusals(404),
)
async def get_entity(
    slug: Slug, entity_id: EntityId, caller: Reader, use: Use, hydrate: Hydrate = False
) -> Response:
    """Read an entity and the entities that it refers to."""
    reads = use.entities.reads
    found = await reads.get(caller.org_id, slug, entity_id)
    document = wire_document(caller.org_id, found)
    if hydrate:
        [document] = await reads.hydrate(caller.org_id, [document])
    page = await reads.related(caller.org_id, slug, entity_id, RelatedQuery(size=MAX_RELATED))
    related = {r.target.entity.id: wire_document(caller.org_id, r.target) for r in page.related}
    return reply({"entity": document, "relations": list(related.values())})


@router.get(
    "/v2/entity/{slug}/{id}",
    operation_id="getEntityV2",
    response_model=EntityReply,
    responses=refusals(404),
)
async def get_entity_v2(
    slug: Slug,
    entity_id: EntityId,
    caller: Reader,
    use: Use,
    hydrate: Hydrate = False,
    fields: Fields = None,
) -> Response:
    """Read an entity, or some of its fields."""
    shown = projection(fields)
    reads = use.entities.reads
    document = wire_document(caller.org_id, await reads.get(caller.org_id, slug, entity_id))
    if hydrate:
        [document] = await reads.hydrate(caller.org_id, [document])
    return reply(shown(document))


@router.put(
    "/v1/entity/{slug}/{id}",
    operation_id="updateEntity",
    response_model=EntityReply,
    responses=refusals(404, 409, 422),
)
async def update_entity(
    slug: Slug,
    entity_id: EntityId,
    body: EntityBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    fill_activity: Flag = False,
    validate: Flag = False,
    no_wait: Async = False,
) -> Response:
    """Replace the attributes of an entity by those that are sent."""
    options = write_options(caller, activity_id, fill_activity=fill_activity, validate=validate)
    written = await use.entities.replace(caller.org_id, slug, entity_id, body, options)
    return _entity(caller.org_id, written)


@router.patch(
    "/v1/entity/{slug}/{id}",
    operation_id="patchEntity",
    response_model=EntityReply,
    responses=refusals(404, 409, 422),
)
async def patch_entity(
    slug: Slug,
    entity_id: EntityId,
    body: EntityBody,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    fill_activity: Flag = False,
    dry_run: Flag = False,
    validate: Flag = False,
    no_wait: Async = False,
) -> Response:
    """Change some attributes; with `_updated_at`, only if nobody changed the entity since (409)."""
    options = write_options(
        caller, activity_id, fill_activity=fill_activity, dry_run=dry_run, validate=validate
    )
    written = await use.entities.patch(caller.org_id, slug, entity_id, body, options)
    return _entity(caller.org_id, written)


@router.delete(
    "/v1/entity/{slug}/{id}",
    operation_id="deleteEntity",
    responses=refusals(404),
)
async def delete_entity(
    slug: Slug,
    entity_id: EntityId,
    caller: Writer,
    use: Use,
    activity_id: ActivityIdParameter = None,
    purge: Annotated[bool, Query(description="Remove it for good, with its history.")] = False,
) -> Response:
    """Move an entity to the recycle bin, from which it can be restored for some weeks."""
    options = write_options(caller, activity_id)
    await use.entities.delete(caller.org_id, slug, entity_id, options, purge=purge)
    return Response(status_code=200)


def _entity(org_id: str, written: Written) -> Response:
    return reply(wire_document(org_id, written.found), 201 if written.created else 200)


def _verdict(faults: list[Fault], errors: list[dict[str, Any]]) -> Response:
    return reply(
        {"status": "error" if faults else "success", "errors": errors}, 422 if faults else 200
    )
