"""Writes what a workspace changed: one statement per table, whatever the number of entities."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from tieline.database import OrgTransaction
from tieline.database.codecs import LEXEME_SEPARATOR
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
from tieline.entities.workspace import Workspace
from tieline.kit import json
from tieline.kit.errors import Conflict
from tieline.kit.ids import new_uuid, parse_uuid

_PART = 128
_T = TypeVar("_T")


class ConcurrentChange(Conflict):
    """Somebody else changed the same entity at the same moment. Read it again and retry."""

    code = "CONCURRENT_CHANGE"


async def flush(tx: OrgTransaction, workspace: Workspace) -> None:
    """Write every change of the workspace. Raises `ConcurrentChange`; then nothing was written.

    An entity that was loaded is only overwritten when its version is still the loaded one.
    """
    if not workspace.operations:
        return
    states = {o.after.id: workspace.current[o.after.id] for o in workspace.operations}
    templates = await _title_templates(tx, {o.after.schema for o in workspace.operations})
    rows = _Rows(workspace, states, templates)
    # Purged entities go last, with all their history but the final operation.
    purged = [entity_id for entity_id, state in states.items() if state is None]
    steps: list[Callable[[], Iterable[_Step]]] = [
        rows.insertions,
        rows.updates,
        lambda: _activity_rows(workspace),
        rows.operations,
        lambda: _key_rows(workspace, states),
        lambda: _relation_rows(workspace, states),
        lambda: _purges(purged),
    ]
    await _run_overlapping(tx, steps)


async def _run_overlapping(
    tx: OrgTransaction, steps: Iterable[Callable[[], Iterable[_Step]]]
) -> None:
    """Run statements one after the other; prepare the next while the database has the last."""
    running: asyncio.Task[None] | None = None
    try:
        for step in steps:
            for statement in step():
                if running is not None:
                    await running
                running = asyncio.create_task(statement.run(tx))
                await asyncio.sleep(0)  # lets the statement reach the database
        if running is not None:
            await running
    except BaseException:
        if running is not None:
            await asyncio.wait({running})
            if not running.cancelled():
                running.exception()
        raise


async def _title_templates(tx: OrgTransaction, schemas: Iterable[str]) -> dict[str, str | None]:
    """The title templates of the schemas; a schema seen for the first time comes into being."""
    wanted = sorted(schemas)
    sql = """
        SELECT DISTINCT ON (slug) slug, document->>'title_template' AS template
        FROM entity_schemas WHERE org_id = $1 AND slug = ANY($2) ORDER BY slug, version DESC
    """
    found = {row["slug"]: row["template"] for row in await tx.fetch(sql, wanted)}
    missing = [slug for slug in wanted if slug not in found]
    if missing:
        await tx.execute(
            """
            INSERT INTO entity_schemas
                (org_id, slug, version, id, declared, document, created_at, updated_at)
            SELECT $1, slug, 1, id, false, document::json, now(), now()
            FROM unnest($2::text[], $3::text[], $4::text[]) AS s (slug, id, document)
            ON CONFLICT DO NOTHING
            """,
            missing,
            [str(new_uuid()) for _ in missing],
            [json.dumps_str(permissive_schema(slug)) for slug in missing],
        )
    return found


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


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement; `expected` rows must change, if it is given."""

    sql: str
    arguments: Sequence[Any]
    expected: int | None = None

    async def run(self, tx: OrgTransaction) -> None:
        """Run it. Raises `ConcurrentChange` when another number of rows changed."""
        changed = await tx.execute(self.sql, *self.arguments)
        if self.expected is not None and changed != self.expected:
            raise ConcurrentChange


@dataclass(frozen=True, slots=True)
class _Copy:
    """New rows of a table that nothing can contradict."""

    table: str
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]

    async def run(self, tx: OrgTransaction) -> None:
        """Add the rows."""
        await tx.copy(self.table, self.columns, self.rows)


_Step = _Statement | _Copy
_CONTENT_COLUMNS = ("title", "attributes", "search")
_STAMP_COLUMNS = ("version", "created_at", "updated_at", "deleted_at")
_KEY_COLUMNS = ("schema", "attribute", "value", "entity_id")
_OPERATION_COLUMNS = (
    "entity_id",
    "created_at",
    "activity_id",
    "ordinal",
    "operation",
    "schema",
    "payload",
    "diff",
    "workflow_origin",
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

    def __init__(
        self,
        workspace: Workspace,
        states: Mapping[UUID, StoredEntity | None],
        templates: Mapping[str, str | None],
    ) -> None:
        self._workspace = workspace
        self._templates = templates
        living = sorted((s for s in states.values() if s is not None), key=lambda s: s.id)
        self._created = [s for s in living if s.id not in workspace.loaded]
        self._changed = [s for s in living if s.id in workspace.loaded]
        # Encoded once for the entity, and used again for its newest operation.
        self._encoded: dict[UUID, tuple[str | None, str]] = {}

    def insertions(self) -> Iterator[_Step]:
        """New entities."""
        columns = ("id", "schema", *_CONTENT_COLUMNS, *_STAMP_COLUMNS)
        for part in _parts(self._created):
            rows = [
                (s.id, s.schema, *self._content(s), s.version, *_moments(s), s.deleted_at)
                for s in part
            ]
            yield _Copy("entities", columns, rows)

    def updates(self) -> Iterator[_Step]:
        """Changed entities, each only if it is still what was loaded."""
        for part in _parts(self._changed):
            rows = []
            for state in part:
                title, attributes, words = self._content(state)
                stamp = (state.version, state.updated_at, state.deleted_at)
                seen = self._workspace.loaded[state.id].version
                rows.append((state.id, title, attributes, *stamp, words, seen))
            yield _Statement(_UPDATE, _columns(rows), expected=len(rows))

    def operations(self) -> Iterator[_Step]:
        """The history. After the entities' own rows, whose JSON it shares."""
        moments = {i: activity.created_at for i, activity in self._workspace.activities.items()}
        for part in _parts(list(enumerate(self._workspace.operations))):
            rows = [
                (
                    operation.after.id,
                    moments[operation.activity.id],
                    operation.activity.id,
                    ordinal,
                    operation.kind.value,
                    operation.after.schema,
                    self._payload(operation.after),
                    _diff(operation),
                    _json(operation.workflow_origin),
                )
                for ordinal, operation in part
            ]
            yield _Copy("entity_operations", _OPERATION_COLUMNS, rows)

    def _content(self, state: StoredEntity) -> tuple[str | None, str, str]:
        """The title, the attributes as JSON, and the lexemes of an entity."""
        title = title_of(state.attributes, self._templates.get(state.schema))
        attributes = json.dumps_str(state.attributes)
        self._encoded[state.id] = title, attributes
        words = lexemes(state.schema, title, state.attributes)
        return title, attributes, LEXEME_SEPARATOR.join(words)

    def _payload(self, state: StoredEntity) -> str:
        org_id = self._workspace.org_id
        if self._workspace.current[state.id] is not state or "_title" in state.attributes:
            title = title_of(state.attributes, self._templates.get(state.schema))
            return json.dumps_str(document(state, org_id, title))
        title, attributes = self._encoded[state.id]
        head = json.dumps_str(stamps(state, org_id, title))
        return head if attributes == "{}" else f"{head[:-1]},{attributes[1:]}"


def _key_rows(workspace: Workspace, states: Mapping[UUID, StoredEntity | None]) -> Iterator[_Step]:
    gone: list[tuple[str, str, str, UUID]] = []
    new: list[tuple[str, str, str, UUID]] = []
    for entity_id, state in states.items():
        stored = workspace.loaded.get(entity_id)
        before = workspace.keys_of(stored) if stored else set()
        after = workspace.keys_of(state) if state else set()
        if stored:
            gone += [(stored.schema, path, text, entity_id) for path, text in before - after]
        if state:
            new += [(state.schema, path, text, entity_id) for path, text in after - before]
    if gone:
        yield _Statement(
            "DELETE FROM entity_index i USING unnest($2::text[], $3::text[], $4::text[], "
            "$5::uuid[]) AS k (schema, attribute, value, entity_id) WHERE i.org_id = $1 "
            "AND i.schema = k.schema AND i.attribute = k.attribute AND i.value = k.value "
            "AND i.entity_id = k.entity_id",
            _columns(gone),
        )
    if new:
        yield _Copy("entity_index", _KEY_COLUMNS, sorted(new))


def _relation_rows(
    workspace: Workspace, states: Mapping[UUID, StoredEntity | None]
) -> Iterator[_Step]:
    stale: list[tuple[UUID, str]] = []
    rows: list[tuple[UUID, str, int, UUID, list[str]]] = []
    for entity_id, state in states.items():
        stored = workspace.loaded.get(entity_id)
        before = _relations(stored)
        after = _relations(state)
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
        yield _Statement(
            "DELETE FROM entity_relations r "
            "USING unnest($2::uuid[], $3::text[]) AS s (entity_id, attribute) "
            "WHERE r.org_id = $1 AND r.entity_id = s.entity_id AND r.attribute = s.attribute",
            _columns(stale),
        )
    if rows:
        yield _Copy("entity_relations", _RELATION_COLUMNS, rows)


def _relations(entity: StoredEntity | None) -> dict[str, list[tuple[UUID, list[str]]]]:
    """The relations of an entity by attribute, each with its tags."""
    found: dict[str, list[tuple[UUID, list[str]]]] = {}
    for attribute, value in (entity.attributes if entity else {}).items():
        for item in relation_items(value):
            target = parse_uuid(str(item.get("entity_id")))
            if target is not None:
                tags = [tag for tag in item.get("_tags") or () if isinstance(tag, str)]
                found.setdefault(attribute, []).append((target, tags))
    return found


def _activity_rows(workspace: Workspace) -> Iterator[_Step]:
    rows = [
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
        for activity in workspace.activities.values()
        if not activity.stored
    ]
    if rows:
        yield _Copy("activities", _ACTIVITY_COLUMNS, rows)


def _diff(operation: Operation) -> str | None:
    # A creation added everything in its payload: storing that twice would say nothing more.
    if operation.kind is OperationKind.CREATED or operation.diff is None:
        return None
    diff = operation.diff
    return json.dumps_str({"added": diff.added, "updated": diff.updated, "deleted": diff.deleted})


def _purges(ids: Sequence[UUID]) -> Iterator[_Step]:
    if not ids:
        return
    for condition in (
        "entities WHERE org_id = $1 AND id = ANY($2)",
        "entity_relations WHERE org_id = $1 AND entity_id = ANY($2)",
        "entity_operations WHERE org_id = $1 AND entity_id = ANY($2) "
        "AND operation <> 'deleteEntity'",
        "activity_attachments WHERE org_id = $1 AND entity_id = ANY($2)",
    ):
        yield _Statement(f"DELETE FROM {condition}", [ids])


def _moments(state: StoredEntity) -> tuple[datetime, datetime]:
    return state.created_at, state.updated_at


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Pieces small enough that preparing one takes about as long as writing the one before."""
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps_str(value)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
