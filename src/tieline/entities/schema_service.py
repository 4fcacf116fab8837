"""What one can do with entity schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tieline.audit.recording import record
from tieline.database import Database
from tieline.entities import schema_repository as repository
from tieline.entities.errors import SchemaNotFound
from tieline.entities.flush import ConcurrentChange
from tieline.entities.schemas import EntitySchema, checked_document
from tieline.entities.validation import Fault, validate
from tieline.kit.time import Clock, utc_now


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Versions of a schema, newest first, and whether older ones follow."""

    versions: Sequence[EntitySchema]
    more: bool


class SchemaService:
    """The schemas of all organisations."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def list_schemas(
        self, org_id: str, *, include: Sequence[str] | None = None, exclude: Sequence[str] = ()
    ) -> list[EntitySchema]:
        """The newest version of each schema, by slug."""
        async with self._database.reading(org_id) as tx:
            return await repository.latest_schemas(tx, include, exclude)

    async def get_schema(
        self, org_id: str, slug: str, version_id: str | None = None
    ) -> EntitySchema:
        """The newest version of a schema, or the one with an id. Raises `SchemaNotFound`."""
        async with self._database.reading(org_id) as tx:
            if version_id is None:
                schema = await repository.latest_schema(tx, slug)
            else:
                schema = await repository.schema_version(tx, slug, version_id)
        if schema is None:
            raise SchemaNotFound
        return schema

    async def put_schema(self, org_id: str, slug: str, body: Any) -> EntitySchema:
        """Store the next version of a schema. Raises `InvalidSchema`, `ConcurrentChange`."""
        document = checked_document(slug, body)
        async with self._database.organisation(org_id) as tx:
            schema = await repository.add_version(tx, slug, document, self._clock())
            if schema is None:
                raise ConcurrentChange
            earlier = await repository.schema_versions(tx, slug, offset=1, limit=1)
            await record(
                tx,
                "entity_schema.updated" if earlier else "entity_schema.created",
                "entity_schema",
                slug,
                before=earlier[0].document if earlier else None,
                after=schema.document,
            )
        return schema

    async def delete_schema(self, org_id: str, slug: str) -> None:
        """Remove a schema with all versions; its entities stay. Raises `SchemaNotFound`."""
        async with self._database.organisation(org_id) as tx:
            schema = await repository.latest_schema(tx, slug)
            if schema is None or not await repository.delete_schema(tx, slug):
                raise SchemaNotFound
            before = schema.document
            await record(tx, "entity_schema.deleted", "entity_schema", slug, before=before)

    async def versions(self, org_id: str, slug: str, offset: int, limit: int) -> VersionPage:
        """A page of a schema's versions. Raises `SchemaNotFound`."""
        async with self._database.reading(org_id) as tx:
            found = await repository.schema_versions(tx, slug, offset, limit + 1)
            if not found and await repository.latest_schema(tx, slug) is None:
                raise SchemaNotFound
        return VersionPage(found[:limit], len(found) > limit)

    async def faults(self, org_id: str, slug: str, attributes: Any) -> list[Fault]:
        """What of an entity does not fit the schema. An undeclared schema accepts everything."""
        async with self._database.reading(org_id) as tx:
            schema = await repository.latest_schema(tx, slug)
        return validate(schema, attributes) if schema is not None else []
