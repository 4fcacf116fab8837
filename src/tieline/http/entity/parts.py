"""What the operations of the entity surface share: parameters, replies, the caller's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.activities import checked_activity_id
from tieline.entities.projection import MAX_FIELD_LENGTH, MAX_FIELDS, Projection
from tieline.entities.service import WriteOptions
from tieline.http.auth import require
from tieline.http.refusals import Refusals, StatusError
from tieline.identity.models import Principal, Scope
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid

_SLUG = r"^[a-zA-Z0-9_-]+$"
_MAX_LIST = 1_000
# Larger offsets are no pages that anybody reads, and would not fit the database's numbers.
MAX_OFFSET = 2**31 - 1

Reader = Annotated[Principal, Depends(require(Scope.ENTITY_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ENTITY_WRITE))]
SchemaWriter = Annotated[Principal, Depends(require(Scope.ENTITY_SCHEMA))]

Slug = Annotated[
    str, Path(alias="slug", pattern=_SLUG, max_length=128, description="The schema's slug.")
]
EntityId = Annotated[UUID, Path(alias="id", description="The entity's id.")]
Hydrate = Annotated[
    bool, Query(description="Put the related entities in place of the references to them.")
]
Offset = Annotated[
    int, Query(alias="from", ge=0, le=MAX_OFFSET, description="How many results to pass over.")
]
ActivityIdParameter = Annotated[
    str | None, Query(alias="activity_id", description="The activity that the change belongs to.")
]
Fields = Annotated[
    list[str] | None,
    Query(description="Fields to show, or with a leading ! to hide; paths, * and ** may be used."),
]
Flag = Annotated[bool, Query()]
# Changes are searchable as soon as they are answered: there is nothing to wait for or not.
Async = Annotated[bool, Query(alias="async", description="Accepted, without effect.")]


class EntityReply(BaseModel):
    """An entity: what the store stamps on it, and its attributes."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(alias="_id")
    org: str = Field(alias="_org")
    schema_: str = Field(alias="_schema")
    title: str | None = Field(alias="_title")
    created_at: str = Field(alias="_created_at")
    updated_at: str = Field(alias="_updated_at")


refusals = Refusals(
    StatusError,
    {
        405: "The entity is deleted. Restore it first.",
        422: "The entity does not fit its schema.",
    },
)


def caller_context(caller: Principal) -> dict[str, Any]:
    """The caller as activities remember it."""
    return {"name": caller.name, "key_id": caller.id}


def write_options(
    caller: Principal,
    activity_id: str | None,
    *,
    fill_activity: bool = False,
    dry_run: bool = False,
    validate: bool = False,
) -> WriteOptions:
    """The options of a change. An empty activity id stands for none. Raises `InvalidInput`."""
    return WriteOptions(
        caller=caller_context(caller),
        activity_id=checked_activity_id(activity_id) if activity_id else None,
        fill_activity=fill_activity,
        dry_run=dry_run,
        validate=validate,
    )


def comma_separated(values: Sequence[str] | None, name: str) -> list[str]:
    """The items of a list parameter, given as `a,b`, repeated, or both. Raises `InvalidInput`."""
    items = [item.strip() for value in values or () for item in value.split(",")]
    if len(items) > _MAX_LIST:
        raise InvalidInput(f"{name}: more than {_MAX_LIST} values. Send fewer.")
    return [item for item in items if item]


def uuids(values: Sequence[str] | None, name: str) -> list[UUID]:
    """The UUIDs of a list parameter. Raises `InvalidInput`, naming the one that is none."""
    found = []
    for text in comma_separated(values, name):
        entity_id = parse_uuid(text)
        if entity_id is None:
            raise InvalidInput(f"{name}: {text[:40]!r} is not a UUID.")
        found.append(entity_id)
    return list(dict.fromkeys(found))


def projection(fields: Sequence[str] | None) -> Projection:
    """The selection of fields that a reader asks for. Raises `InvalidInput`."""
    names = comma_separated(fields, "fields")
    if len(names) > MAX_FIELDS:
        raise InvalidInput(f"fields: more than {MAX_FIELDS} fields. Use globs such as address.*.")
    if any(len(name) > MAX_FIELD_LENGTH for name in names):
        raise InvalidInput(f"fields: a field is longer than {MAX_FIELD_LENGTH} characters.")
    return Projection(names)


def as_object(body: Any) -> Mapping[str, Any]:
    """A body that must be a JSON object. Raises `InvalidInput`."""
    if not isinstance(body, Mapping):
        raise InvalidInput("The body must be a JSON object.")
    return body
