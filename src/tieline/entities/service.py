"""What one can do with entities. Every change is one transaction and belongs to an activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.database import Database, OrgTransaction, Transaction
from tieline.entities import activity_repository, schema_repository
from tieline.entities.activities import ActivityKind, implicit_activity
from tieline.entities.activity_service import ActivityService, known_activity
from tieline.entities.client_input import client_attributes, merged, refuse_stale, replaced
from tieline.entities.errors import (
    EntityNotDeleted,
    EntityNotFound,
    RelationNotFound,
    ValidationFailed,
)
from tieline.entities.flush import flush
from tieline.entities.models import Activity, Attributes, StoredEntity
from tieline.entities.queries import lock_entities
from tieline.entities.reads import EntityReads
from tieline.entities.relations import (
    RelationChange,
    relation_of,
    with_relations,
    without_relations,
)
from tieline.entities.repository import load_by_ids, open_workspace
from tieline.entities.schema_service import SchemaService
from tieline.entities.search.models import TitledEntity
from tieline.entities.titles import title_of
from tieline.entities.upserting import UniqueKey, find_match
from tieline.entities.validation import keyword_document, validate
from tieline.entities.workspace import Workspace
from tieline.kit.time import Clock, utc_now


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a change is made: by whom, as part of which activity, checked, or only tried out.

    `fill_activity` ends the pending state of the activity; a dry run stores nothing.
    """

    caller: Mapping[str, Any] | None = None
    activity_id: str | None = None
    fill_activity: bool = False
    dry_run: bool = False
    validate: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The entity after a change, and whether the change brought it into being."""

    found: TitledEntity
    created: bool = False


class EntityService:
    """The entities of all organisations."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self.reads = EntityReads(database)
        self.schemas = SchemaService(database, clock)
        self.activities = ActivityService(database)

    async def create(self, org_id: str, schema: str, body: Any, options: WriteOptions) -> Written:
        """A new entity. Raises `InvalidEntity`, `ValidationFailed`, `ActivityNotFound`."""
        attributes = _without_empty_title(client_attributes(body))
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options)
            return await change.create(attributes)

    async def replace(
        self, org_id: str, schema: str, entity_id: UUID, body: Any, options: WriteOptions
    ) -> Written:
        """An entity with exactly the attributes that were sent.

        Raises `EntityNotFound`, `InvalidEntity`, `ValidationFailed`, `ActivityNotFound`.
        """
        sent = client_attributes(body)
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options)
            entity = await change.load(entity_id)
            attributes = replaced(entity.attributes, sent, change.title(entity.attributes))
            return await change.update(entity, attributes)

    async def patch(
        self, org_id: str, schema: str, entity_id: UUID, body: Any, options: WriteOptions
    ) -> Written:
        """An entity with some attributes changed.

        Raises like `replace`, and `EntityChanged` when the body's `_updated_at` is outdated.
        """
        sent = client_attributes(body)
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options)
            entity = await change.load(entity_id)
            refuse_stale(entity, body)
            attributes = merged(entity.attributes, sent, change.title(entity.attributes))
            return await change.update(entity, attributes)

    async def upsert(
        self,
        org_id: str,
        schema: str,
        unique_key: Sequence[str],
        body: Any,
        options: WriteOptions,
        *,
        strict: bool = False,
    ) -> Written:
        """Patch the entity that has the values of the unique key, or create it.

        Of several matches the oldest is patched; `strict` refuses them. Raises `InvalidEntity`,
        `SeveralEntitiesMatch`, `EntityIsDeleted`, `ValidationFailed`, `ActivityNotFound`.
        """
        sent = client_attributes(body)
        key = UniqueKey.of(schema, unique_key, body)
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options, key)
            entity = await find_match(tx, change.workspace, key, strict=strict)
            if entity is None:
                return await change.create(_without_empty_title(sent))
            attributes = merged(entity.attributes, sent, change.title(entity.attributes))
            return await change.update(entity, attributes)

    async def delete(
        self, org_id: str, schema: str, entity_id: UUID, options: WriteOptions, *, purge: bool
    ) -> None:
        """Move an entity to the recycle bin, or remove it for good with its history.

        Only a purge finds what is in the recycle bin already. Raises `EntityNotFound`.
        """
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options)
            entity = await change.load(entity_id, deleted=None if purge else False)
            if purge:
                activity = change.activity(ActivityKind.DELETED)
                change.workspace.purge(entity, activity)
            else:
                activity = change.activity(ActivityKind.SOFT_DELETED)
                change.workspace.soft_delete(entity, activity)
            await change.finish()

    async def restore(
        self, org_id: str, schema: str, entity_id: UUID, options: WriteOptions
    ) -> Written:
        """Take an entity out of the recycle bin. Raises `EntityNotFound`, `EntityNotDeleted`."""
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options)
            entity = await change.load(entity_id, deleted=None)
            if entity.deleted_at is None:
                raise EntityNotDeleted
            activity = change.activity(ActivityKind.RESTORED)
            restored = change.workspace.restore(entity, activity)
            await change.finish()
            return Written(TitledEntity(restored, change.title(restored.attributes)))

    async def add_relations(
        self,
        org_id: str,
        schema: str,
        entity_id: UUID,
        changes: Sequence[RelationChange],
        options: WriteOptions,
    ) -> None:
        """Relate an entity to others. Raises `EntityNotFound`."""
        await self._relate(
            (org_id, schema, entity_id),
            options,
            ActivityKind.RELATIONS_ADDED,
            lambda before: with_relations(before, changes),
        )

    async def remove_relations(
        self,
        org_id: str,
        schema: str,
        entity_id: UUID,
        changes: Sequence[RelationChange],
        options: WriteOptions,
        *,
        must_exist: bool = False,
    ) -> None:
        """End relations of an entity. Raises `EntityNotFound`, `RelationNotFound`."""

        def remaining(before: Attributes) -> dict[str, Any]:
            if must_exist:
                _refuse_missing(before, changes)
            return without_relations(before, changes)

        kind = ActivityKind.RELATIONS_REMOVED
        await self._relate((org_id, schema, entity_id), options, kind, remaining)

    async def tag_relation(
        self,
        org_id: str,
        schema: str,
        entity_id: UUID,
        change: RelationChange,
        options: WriteOptions,
    ) -> Mapping[str, Any]:
        """Give a relation other tags; the relation after that.

        Raises `EntityNotFound` and `RelationNotFound`.
        """

        def tagged(before: Attributes) -> dict[str, Any]:
            _refuse_missing(before, [change])
            return with_relations(before, [change])

        where = (org_id, schema, entity_id)
        entity = await self._relate(where, options, ActivityKind.UPDATED, tagged)
        found = relation_of(entity.attributes, change.attribute, change.entity_id)
        assert found is not None
        return found

    async def _relate(
        self,
        where: tuple[str, str, UUID],
        options: WriteOptions,
        kind: ActivityKind,
        changed: Callable[[Attributes], dict[str, Any]],
    ) -> StoredEntity:
        org_id, schema, entity_id = where
        async with self._database.organisation(org_id) as tx:
            change = await self._begin(tx, schema, options)
            entity = await change.load(entity_id)
            written = await change.update(entity, changed(entity.attributes), kind)
            return written.found.entity

    async def _begin(
        self,
        tx: OrgTransaction,
        schema: str,
        options: WriteOptions,
        key: UniqueKey | None = None,
    ) -> _Change:
        if options.dry_run:
            await Transaction(tx.connection).execute("SAVEPOINT tried_out")
        if key is not None:
            await key.register(tx)
        given = None
        if options.activity_id is not None:
            given = await known_activity(tx, options.activity_id)
        declared = None
        if options.validate:
            declared = await schema_repository.latest_schema(tx, schema)
        workspace = Workspace(tx.org_id, self._clock())
        await open_workspace(tx, workspace, [schema])

        def check(attributes: Attributes) -> None:
            if declared is not None:
                faults = validate(declared, attributes)
                if faults:
                    raise ValidationFailed([keyword_document(fault) for fault in faults])

        return _Change(tx, schema, options, workspace, given, check)


@dataclass
class _Change:
    """One change in the making: what it needs to know, and its steps."""

    tx: OrgTransaction
    schema: str
    options: WriteOptions
    workspace: Workspace
    given: Activity | None
    check: Callable[[Attributes], None]

    def title(self, attributes: Attributes) -> str | None:
        return title_of(attributes, self.workspace.templates.get(self.schema))

    def activity(self, kind: ActivityKind) -> Activity:
        return self.given or implicit_activity(kind, self.schema, self.options.caller)

    async def load(self, entity_id: UUID, *, deleted: bool | None = False) -> StoredEntity:
        """The entity, locked; `deleted` None takes it from the recycle bin as well."""
        await lock_entities(self.tx, [entity_id])
        await load_by_ids(self.tx, self.workspace, [entity_id])
        entity = self.workspace.get(entity_id)
        if entity is None or entity.schema != self.schema:
            raise EntityNotFound
        if deleted is False and entity.deleted_at is not None:
            raise EntityNotFound("The entity is in the recycle bin. Restore it to change it.")
        return entity

    async def create(self, attributes: Attributes) -> Written:
        self.check(attributes)
        entity = self.workspace.create(self.schema, attributes, self.activity(ActivityKind.CREATED))
        await self.finish()
        return Written(TitledEntity(entity, self.title(attributes)), created=True)

    async def update(
        self,
        entity: StoredEntity,
        attributes: Attributes,
        kind: ActivityKind = ActivityKind.UPDATED,
    ) -> Written:
        self.check(attributes)
        changed = self.workspace.update(entity, attributes, self.activity(kind))
        await self.finish()
        return Written(TitledEntity(changed, self.title(changed.attributes)))

    async def finish(self) -> None:
        """Write the change, unless it is only tried out."""
        if self.options.dry_run:
            # Looking up by a new attribute registers it: that must not stay either.
            await Transaction(self.tx.connection).execute("ROLLBACK TO SAVEPOINT tried_out")
            return
        await flush(self.tx, self.workspace)
        if self.given is not None and self.options.fill_activity:
            await activity_repository.fill_activity(self.tx, self.given.id)


def _without_empty_title(attributes: dict[str, Any]) -> dict[str, Any]:
    if attributes.get("_title", "") is None:
        del attributes["_title"]
    return attributes


def _refuse_missing(before: Attributes, changes: Sequence[RelationChange]) -> None:
    for change in changes:
        if relation_of(before, change.attribute, change.entity_id) is None:
            raise RelationNotFound
