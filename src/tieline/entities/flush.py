"""Writes what a workspace changed: one statement per table, whatever the number of entities."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.database.codecs import LEXEME_SEPARATOR
from tieline.database.pipeline import Copy, Pipeline, Statement, Step, UnexpectedRowCount
from tieline.entities.changes import outbox
from tieline.entities.models import (
    Operation,
    OperationKind,
    StoredEntity,
    document,
    relation_items,
    stamps,
)
from tieline.entities.search.lexemes import lexemes
from tieline.entities.titles import title_of
from tieline.entities.workspace import Changes, Workspace
from tieline.kit import json
from tieline.kit.errors import Conflict, TooLarge
from tieline.kit.ids import new_uuid, parse_uuid

MAX_ENTITY_LENGTH = 2_000_000  # characters of its attributes as JSON


class ConcurrentChange(Conflict):
    """Somebody else changed the same entity at the same moment. Read it again and retry."""

    code = "CONCURRENT_CHANGE"


class EntityTooLarge(TooLarge):
    """The entity would become too large. Keep long lists in entities of their own."""

    code = "ENTITY_TOO_LARGE"


async def flush(tx: OrgTransaction, workspace: Workspace) -> None:
    """Write every change of the workspace. Raises `ConcurrentChange`; then nothing was written.

    An entity that was loaded is only overwritten when its version is still the loaded one.
    """
    with conflicts_named():
        async with Pipeline(tx) as pipeline:
            await write(pipeline, workspace.cut())


@contextlib.contextmanager
def conflicts_named() -> Iterator[None]:
    """Turns the database's word for somebody else's change into `ConcurrentChange`."""
    try:
        yield
    except UnexpectedRowCount:
        raise ConcurrentChange from None


async def write(pipeline: Pipeline, changes: Changes) -> None:
    """Have changes written, each row of a table prepared while the rows before it are written."""
    if not changes.operations:
        return
    for step in _new_schemas(changes):
        await pipeline.add(step)
    rows = _Rows(changes, pipeline)
    await rows.insert_created()
    await rows.update_changed()
    await pipeline.add(Copy("activities", _ACTIVITY_COLUMNS, _activities(changes)))
    await rows.insert_operations()
    if changes.listened:
        for step in outbox.entity_steps(changes):
            await pipeline.add(step)
    # Last: what was purged goes with all its history but the final operation.
    for steps in (_keys, _relations, _purges):
        for step in steps(changes):
            await pipeline.add(step)


def _new_schemas(changes: Changes) -> Iterator[Step]:
    """A schema that is seen for the first time comes into being."""
    new = sorted({o.after.schema for o in changes.operations} - changes.templates.keys())
    if new:
        yield Statement(
            "INSERT INTO entity_schemas "
            "(org_id, slug, version, id, declared, document, created_at, updated_at) "
            "SELECT $1, slug, 1, id, false, document::json, now(), now() "
            "FROM unnest($2::text[], $3::text[], $4::text[]) AS s (slug, id, document) "
            "WHERE NOT EXISTS (SELECT FROM entity_schemas e WHERE e.org_id = $1 "
            "AND e.slug = s.slug) ON CONFLICT DO NOTHING",
            [
                new,
                [str(new_uuid()) for _ in new],
                [json.dumps_str(permissive_schema(slug)) for slug in new],
            ],
        )


def permissive_schema(slug: str) -> dict[str, Any]:
    """The schema that an unknown slug gets on first use: it has a name and accepts everything."""
    name = slug.replace("_", " ").replace("-", " ").capitalize()
    return {"slug": slug, "name": name, "plural": f"{name}s", "attributes": [], "capabilities": []}


# `created_at` never changes: its column carries nothing here but keeps the rows alike.
_UPDATE = """
    UPDATE entities e SET title = n.title, attributes = n.attributes::jsonb, version = n.version,
        updated_at = n.updated_at, deleted_at = n.deleted_at, search = n.search
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[],
        $7::timestamptz[], $8::tsvector[], $9::bigint[])
        AS n (id, title, attributes, version, updated_at, deleted_at, search, seen)
    WHERE e.org_id = $1 AND e.id = n.id AND e.version = n.seen
"""


_CONTENT_COLUMNS = ("title", "attributes", "search")
_STAMP_COLUMNS = ("version", "created_at", "updated_at", "deleted_at")
_KEY_COLUMNS = ("schema", "attribute", "value", "entity_id")
_OPERATION_COLUMNS = (
    "entity_id",
    "created_at",
    "activity_id",
    "operation",
    "schema",
    "payload",
    "diff",
    "workflow_origin",
    "version",
)
_ACTIVITY_COLUMNS = (
    "id",
    "created_at",
    "type",
    "title",
    "message",
    "payload",
    "caller",
    "pending",
)
_RELATION_COLUMNS = ("entity_id", "attribute", "position", "target_id", "tags")


class _Rows:
    """The rows of changed entities and of the operations that changed them."""

    def __init__(self, changes: Changes, pipeline: Pipeline) -> None:
        self._changes = changes
        self._pipeline = pipeline
        living = sorted((s for s in changes.states.values() if s is not None), key=lambda s: s.id)
        self._created = [s for s in living if changes.before[s.id] is None]
        self._changed = [s for s in living if changes.before[s.id] is not None]
        # Encoded once for the entity, and used again for its newest operation.
        self._encoded: dict[UUID, tuple[str | None, str]] = {}

    async def insert_created(self) -> None:
        """Have the new entities written."""
        columns = ("id", "schema", *_CONTENT_COLUMNS, *_STAMP_COLUMNS)
        rows = await self._pipeline.prepare(self._created, self._insertion)
        await self._pipeline.add(Copy("entities", columns, rows))

    def _insertion(self, s: StoredEntity) -> tuple[Any, ...]:
        moments = (s.created_at, s.updated_at, s.deleted_at)
        return (s.id, s.schema, *self._content(s), s.version, *moments)

    async def update_changed(self) -> None:
        """Have the changed entities written, each only if it is still what was loaded."""
        if self._changed:
            rows = await self._pipeline.prepare(self._changed, self._update)
            await self._pipeline.add(Statement(_UPDATE, _columns(rows), expected=len(rows)))

    def _update(self, s: StoredEntity) -> tuple[Any, ...]:
        title, attributes, words = self._content(s)
        seen = self._changes.before[s.id]
        stamp = (s.version, s.updated_at, s.deleted_at)
        return (s.id, title, attributes, *stamp, words, seen and seen.version)

    async def insert_operations(self) -> None:
        """Have the history written; after the entities' own rows, whose JSON it shares."""
        rows = await self._pipeline.prepare(self._changes.operations, self._operation)
        await self._pipeline.add(Copy("entity_operations", _OPERATION_COLUMNS, rows))

    def _operation(self, operation: Operation) -> tuple[Any, ...]:
        return (
            operation.after.id,
            operation.activity.created_at,
            operation.activity.id,
            operation.kind.value,
            operation.after.schema,
            self._payload(operation.after),
            _diff(operation),
            _json(operation.workflow_origin),
            operation.after.version,
        )

    def _content(self, state: StoredEntity) -> tuple[str | None, str, str]:
        """The title, the attributes as JSON, and the lexemes of an entity."""
        title = title_of(state.attributes, self._changes.templates.get(state.schema))
        attributes = json.dumps_str(state.attributes)
        if len(attributes) > MAX_ENTITY_LENGTH:
            raise EntityTooLarge(
                f"The {state.schema} {state.id} would have {len(attributes):,} characters of JSON; "
                f"at most {MAX_ENTITY_LENGTH:,} are allowed. Keep long lists in entities of "
                "their own."
            )
        self._encoded[state.id] = title, attributes
        words = lexemes(state.schema, title, state.attributes)
        return title, attributes, LEXEME_SEPARATOR.join(words)

    def _payload(self, state: StoredEntity) -> str:
        org_id = self._changes.org_id
        if self._changes.states[state.id] is not state or "_title" in state.attributes:
            title = title_of(state.attributes, self._changes.templates.get(state.schema))
            return json.dumps_str(document(state, org_id, title))
        title, attributes = self._encoded[state.id]
        head = json.dumps_str(stamps(state, org_id, title))
        return head if attributes == "{}" else f"{head[:-1]},{attributes[1:]}"


def _keys(changes: Changes) -> Iterator[Step]:
    gone: list[tuple[str, str, str, UUID]] = []
    new: list[tuple[str, str, str, UUID]] = []
    for entity_id, state in changes.states.items():
        stored = changes.before[entity_id]
        before = changes.keys_of(stored) if stored else set()
        after = changes.keys_of(state) if state else set()
        if stored:
            gone += [(stored.schema, path, text, entity_id) for path, text in before - after]
        if state:
            new += [(state.schema, path, text, entity_id) for path, text in after - before]
    if gone:
        yield Statement(
            "DELETE FROM entity_index i USING unnest($2::text[], $3::text[], $4::text[], "
            "$5::uuid[]) AS k (schema, attribute, value, entity_id) WHERE i.org_id = $1 "
            "AND i.schema = k.schema AND i.attribute = k.attribute AND i.value = k.value "
            "AND i.entity_id = k.entity_id",
            _columns(gone),
        )
    if new:
        yield Copy("entity_index", _KEY_COLUMNS, sorted(new))


def _relations(changes: Changes) -> Iterator[Step]:
    stale: list[tuple[UUID, str]] = []
    rows: list[tuple[UUID, str, int, UUID, list[str]]] = []
    for entity_id, state in changes.states.items():
        before = _related(changes.before[entity_id])
        after = _related(state)
        for attribute in before.keys() | after.keys():
            if before.get(attribute) == after.get(attribute):
                continue
            if attribute in before:
                stale.append((entity_id, attribute))
            rows += [
                (entity_id, attribute, position, target, tags)
                for position, (target, tags) in enumerate(after.get(attribute, ()))
            ]
    if stale:
        yield Statement(
            "DELETE FROM entity_relations r "
            "USING unnest($2::uuid[], $3::text[]) AS s (entity_id, attribute) "
            "WHERE r.org_id = $1 AND r.entity_id = s.entity_id AND r.attribute = s.attribute",
            _columns(stale),
        )
    if rows:
        yield Copy("entity_relations", _RELATION_COLUMNS, rows)


def _related(entity: StoredEntity | None) -> dict[str, list[tuple[UUID, list[str]]]]:
    """The relations of an entity by attribute, each with its tags."""
    found: dict[str, list[tuple[UUID, list[str]]]] = {}
    related = [
        (attribute, value)
        for attribute, value in (entity.attributes if entity else {}).items()
        if type(value) is dict  # most are not, and this is asked of every value that is written
    ]
    for attribute, value in related:
        for item in relation_items(value):
            target = parse_uuid(str(item.get("entity_id")))
            if target is not None:
                tags = [tag for tag in item.get("_tags") or () if isinstance(tag, str)]
                found.setdefault(attribute, []).append((target, tags))
    return found


def _activities(changes: Changes) -> list[tuple[Any, ...]]:
    return [
        (
            activity.id,
            activity.created_at,
            activity.type,
            activity.title,
            activity.message,
            _json(activity.payload),
            _json(activity.caller),
            activity.pending,
        )
        for activity in changes.activities.values()
        if not activity.stored
    ]


def _diff(operation: Operation) -> str | None:
    # A creation added everything in its payload: storing that twice would say nothing more.
    if operation.kind is OperationKind.CREATED or operation.diff is None:
        return None
    diff = operation.diff
    return json.dumps_str({"added": diff.added, "updated": diff.updated, "deleted": diff.deleted})


def _purges(changes: Changes) -> Iterator[Step]:
    ids = [entity_id for entity_id, state in changes.states.items() if state is None]
    if not ids:
        return
    for condition in (
        "entities WHERE org_id = $1 AND id = ANY($2)",
        "entity_relations WHERE org_id = $1 AND entity_id = ANY($2)",
        "entity_operations WHERE org_id = $1 AND entity_id = ANY($2) "
        "AND operation <> 'deleteEntity'",
        "activity_attachments WHERE org_id = $1 AND entity_id = ANY($2)",
        "meter_readings WHERE org_id = $1 AND meter_id = ANY($2)",
    ):
        yield Statement(f"DELETE FROM {condition}", [ids])


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps_str(value)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
