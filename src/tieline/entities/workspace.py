"""The unit of work: the entities that a batch touches, changed in memory, then written at once.

A workspace is filled with every entity that the batch's keys match. Changes happen here, one after
the other and visible to those that follow; `repository.flush` writes the sum of them with a handful
of statements. A savepoint lets one failing event leave no trace while its neighbours stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from tieline.entities.index_values import index_values, key_text
from tieline.entities.models import (
    Activity,
    Attributes,
    Operation,
    OperationKind,
    StoredEntity,
    compare,
    relation_targets,
)
from tieline.kit.ids import new_uuid

ID_PATH = "_id"

_EXTENDABLE = (OperationKind.CREATED, OperationKind.UPDATED)


class Key(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Identifies entities of a schema: all (path, key text) pairs must match."""

    schema: str
    pairs: tuple[tuple[str, str], ...]

    @staticmethod
    def of(schema: str, unique_ids: Iterable[tuple[str, Any]]) -> Key | None:
        """The key made of (path, value) pairs; None when a value identifies nothing."""
        pairs = []
        for path, value in unique_ids:
            text = key_text(value)
            if text is None:
                return None
            pairs.append((path, text))
        if len(pairs) > 1:
            pairs.sort()
        return Key(schema, tuple(pairs))


class Found(msgspec.Struct, frozen=True, gc=False):
    """The entities that a key matches, living ones and those in the recycle bin apart."""

    live: Sequence[StoredEntity]
    deleted: Sequence[StoredEntity]


_NOTHING = Found([], [])


class Changes(msgspec.Struct, frozen=True, gc=False):
    """What a workspace changed: for each entity the states before and after, None for no entity."""

    org_id: str
    indexed: Mapping[str, frozenset[str]]
    templates: Mapping[str, str | None]
    before: Mapping[UUID, StoredEntity | None]
    states: Mapping[UUID, StoredEntity | None]
    operations: Sequence[Operation]
    activities: Mapping[str, Activity]
    # Whether somebody reacts to changes of the organisation, and whether they know that some come.
    listened: bool = False
    announced: bool = False

    def keys_of(self, entity: StoredEntity) -> set[tuple[str, str]]:
        """The (path, key text) rows that an entity has in the look-up table."""
        return read_keys(entity, self.indexed)


def read_keys(entity: StoredEntity, indexed: Mapping[str, frozenset[str]]) -> set[tuple[str, str]]:
    """The (path, key text) pairs by which an entity is looked up."""
    return {
        (path, text)
        for path in indexed.get(entity.schema, ())
        for text in index_values(entity.attributes, path)
    }


class Workspace:
    """The entities of one organisation that one transaction reads and changes."""

    def __init__(
        self, org_id: str, now: datetime, indexed: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.org_id = org_id
        self.now = now
        self.indexed = dict(indexed or {})
        # The title templates of the schemas that exist.
        self.templates: dict[str, str | None] = {}
        self.listened = False
        self._announced = False
        # As the database has them, or will have them once the changes handed over are written.
        self._written: dict[UUID, StoredEntity | None] = {}
        self._loaded: set[UUID] = set()
        self.current: dict[UUID, StoredEntity | None] = {}
        self.operations: list[Operation] = []
        self.activities: dict[str, Activity] = {}
        self._by_key: dict[tuple[str, str, str], set[UUID]] = {}
        self._keys: dict[UUID, set[tuple[str, str]]] = {}
        # Who is related to an entity; kept only from the first question on.
        self._sources: dict[UUID, set[UUID]] | None = None
        self._journal: list[tuple[UUID, StoredEntity | None, bool]] = []
        # Per entity: its last operation, and the state before it; see `_record`.
        self._last: dict[UUID, tuple[int, StoredEntity | None]] = {}

    # --- reading ---

    def add(self, entity: StoredEntity) -> None:
        """Take in an entity as it is stored; one that is already here stays as it is."""
        if entity.id not in self.current:
            self._loaded.add(entity.id)
            self._written[entity.id] = entity
            self.current[entity.id] = entity
            self._enter(entity)

    def get(self, entity_id: UUID) -> StoredEntity | None:
        """The present state of an entity; None when it is not here or purged."""
        return self.current.get(entity_id)

    def find(self, key: Key) -> Found:
        """The entities that match a key whose matches were loaded."""
        ids: set[UUID] | None = None
        for path, text in key.pairs:
            matching = self._by_key.get((key.schema, path, text), set())
            if path == ID_PATH:
                matching = self._by_id(key.schema, text)
            ids = matching if ids is None else ids & matching
        if not ids:
            return _NOTHING
        entities = [entity for i in sorted(ids) if (entity := self.current.get(i)) is not None]
        return Found(
            live=[entity for entity in entities if entity.deleted_at is None],
            deleted=[entity for entity in entities if entity.deleted_at is not None],
        )

    def is_new(self, entity_id: UUID) -> bool:
        """Whether the entity came into being here, so that nothing stored can be about it."""
        return entity_id in self.current and entity_id not in self._loaded

    def sources_of(self, target_id: UUID) -> list[StoredEntity]:
        """The entities here that are related to this one, in the order of their ids."""
        if self._sources is None:
            self._sources = {}
            for entity in self.current.values():
                if entity is not None:
                    self._relate(entity)
        sources = (self.current[i] for i in sorted(self._sources.get(target_id, ())))
        return [entity for entity in sources if entity is not None]

    def _by_id(self, schema: str, text: str) -> set[UUID]:
        try:
            entity = self.current.get(UUID(text))
        except ValueError:
            return set()
        return {entity.id} if entity is not None and entity.schema == schema else set()

    # --- changing ---

    def create(self, schema: str, attributes: Attributes, activity: Activity) -> StoredEntity:
        """A new entity."""
        entity = StoredEntity(new_uuid(), schema, dict(attributes), 1, self.now, self.now)
        self._record(OperationKind.CREATED, activity, entity, None)
        return entity

    def update(
        self,
        entity: StoredEntity,
        attributes: Attributes,
        activity: Activity,
        workflow_origin: Mapping[str, Any] | None = None,
    ) -> StoredEntity:
        """Give an entity new attributes; the very same entity when nothing would change."""
        diff = compare(entity.attributes, attributes)
        if not diff:
            return entity
        changed = self._next(entity, attributes=dict(attributes))
        self._record(OperationKind.UPDATED, activity, changed, diff, workflow_origin)
        return self.current[entity.id] or changed

    def soft_delete(self, entity: StoredEntity, activity: Activity) -> StoredEntity:
        """Move an entity to the recycle bin."""
        changed = self._next(entity, deleted_at=self.now)
        self._record(OperationKind.SOFT_DELETED, activity, changed, compare({}, {}))
        return changed

    def restore(self, entity: StoredEntity, activity: Activity) -> StoredEntity:
        """Take an entity out of the recycle bin."""
        changed = self._next(entity, deleted_at=None)
        self._record(OperationKind.RESTORED, activity, changed, compare({}, {}))
        return changed

    def purge(self, entity: StoredEntity, activity: Activity) -> None:
        """Remove an entity for good, with its history."""
        # What is left behind says that it existed, not what it held.
        remains = replace(self._next(entity), attributes={})
        self._record(OperationKind.DELETED, activity, remains, compare({}, {}))
        self._set(entity.id, None)

    def _next(self, entity: StoredEntity, **changes: Any) -> StoredEntity:
        return replace(entity, version=entity.version + 1, updated_at=self.now, **changes)

    def _record(
        self,
        kind: OperationKind,
        activity: Activity,
        after: StoredEntity,
        diff: Any,
        workflow_origin: Mapping[str, Any] | None = None,
    ) -> None:
        before = self.current.get(after.id)
        last = self._last.get(after.id)
        if kind is OperationKind.UPDATED and last is not None:
            index, first = last
            previous = self.operations[index]
            if previous.activity is activity and previous.kind in _EXTENDABLE:
                # One activity changes an entity once, in however many steps it gets there.
                kind, before = previous.kind, first
                after = replace(after, version=previous.after.version)
                diff = None if first is None else compare(first.attributes, after.attributes)
                self.operations[index] = Operation(kind, activity, after, diff, workflow_origin)
                self._set(after.id, after)
                return
        self._set(after.id, after)
        self.activities[activity.id] = activity
        self._last[after.id] = (len(self.operations), before)
        self.operations.append(Operation(kind, activity, after, diff, workflow_origin))

    # --- handing over ---

    def cut(self) -> Changes:
        """Hand over all changes since the last cut, to be written. They cannot be undone here.

        An update that led back to where it began, in several steps, is none.
        """
        operations = [o for o in self.operations if o.diff or o.kind is not OperationKind.UPDATED]
        ids = {operation.after.id for operation in operations}
        used = {operation.activity.id for operation in operations}
        changes = Changes(
            org_id=self.org_id,
            indexed=self.indexed,
            templates=self.templates,
            before={entity_id: self._written.get(entity_id) for entity_id in ids},
            states={entity_id: self.current[entity_id] for entity_id in ids},
            operations=operations,
            activities={i: each for i, each in self.activities.items() if i in used},
            listened=self.listened,
            announced=self._announced,
        )
        self._announced = self._announced or bool(operations)
        self._written.update(changes.states)
        self.operations, self.activities = [], {}
        self._journal.clear()
        self._last.clear()
        return changes

    # --- savepoints ---

    def savepoint(self) -> tuple[int, int]:
        """Where to go back to with `rollback`."""
        return len(self._journal), len(self.operations)

    def rollback(self, savepoint: tuple[int, int]) -> None:
        """Undo every change since the savepoint."""
        changes, operations = savepoint
        while len(self._journal) > changes:
            entity_id, before, existed = self._journal.pop()
            self._swap(entity_id, before)
            if not existed:
                del self.current[entity_id]
        del self.operations[operations:]
        self._last = {i: last for i, last in self._last.items() if last[0] < operations}
        used = {operation.activity.id for operation in self.operations}
        self.activities = {i: activity for i, activity in self.activities.items() if i in used}

    def _set(self, entity_id: UUID, state: StoredEntity | None) -> None:
        self._journal.append((entity_id, self.current.get(entity_id), entity_id in self.current))
        self._swap(entity_id, state)

    def _swap(self, entity_id: UUID, state: StoredEntity | None) -> None:
        before = self.current.get(entity_id)
        if before is not None:
            self._leave(before)
        self.current[entity_id] = state
        if state is not None:
            self._enter(state)

    # --- keys ---

    def _enter(self, entity: StoredEntity) -> None:
        keys = self._keys[entity.id] = read_keys(entity, self.indexed)
        for path, text in keys:
            self._by_key.setdefault((entity.schema, path, text), set()).add(entity.id)
        if self._sources is not None:
            self._relate(entity)

    def _leave(self, entity: StoredEntity) -> None:
        for path, text in self._keys[entity.id]:
            self._by_key[entity.schema, path, text].discard(entity.id)
        if self._sources is not None:
            for target in relation_targets(entity.attributes):
                self._sources[target].discard(entity.id)

    def _relate(self, entity: StoredEntity) -> None:
        if self._sources is not None:
            for target in relation_targets(entity.attributes):
                self._sources.setdefault(target, set()).add(entity.id)
