"""Finds the entities that a mapped event names, and makes stubs of those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from tieline.entities.models import StoredEntity
from tieline.entities.workspace import ID_PATH, Found, Key, Workspace
from tieline.inbound.application.errors import MultipleMatches, UnusableUniqueId
from tieline.inbound.application.work import Work
from tieline.mapping.models import EntityUpdate, PruneScope, UniqueId


def key_of(schema: str, unique_ids: Sequence[UniqueId]) -> Key | None:
    """The key to look for; None when a value identifies nothing."""
    return Key.of(schema, ((unique.path, unique.value) for unique in unique_ids))


def describe(unique_ids: Sequence[UniqueId]) -> str:
    """The unique ids in words."""
    return " and ".join(f"{unique.path} = {unique.value!r}" for unique in unique_ids)


def is_reference(unique_ids: Sequence[UniqueId]) -> bool:
    """Whether an entity is named by its `_id`: it must exist then."""
    return len(unique_ids) == 1 and unique_ids[0].path == ID_PATH


def place_of(part: EntityUpdate | PruneScope) -> str:
    """Which part of the configuration it comes from, in words."""
    if isinstance(part, PruneScope):
        return f"entities[{part.block}].scope ({part.anchor_schema or part.schema})"
    return f"entities[{part.block}] ({part.schema})"


def find(workspace: Workspace, schema: str, part: EntityUpdate | PruneScope) -> Found:
    """What has the part's unique ids. Raises `UnusableUniqueId`."""
    key = key_of(schema, part.unique_ids)
    if key is None:
        raise UnusableUniqueId(
            f"{place_of(part)}: {describe(part.unique_ids)} identifies nothing. "
            "Send a value for each unique id."
        )
    return workspace.find(key)


def only(found: Found, schema: str, part: EntityUpdate | PruneScope) -> StoredEntity | None:
    """The one entity that is meant; of several in the recycle bin the one deleted last.

    Raises `MultipleMatches`.
    """
    if len(found.live) > 1:
        raise MultipleMatches(
            f"{place_of(part)}: {len(found.live)} entities of schema {schema} have "
            f"{describe(part.unique_ids)}. Merge or delete all but one, then replay the event."
        )
    if found.live:
        return found.live[0]
    return latest_deleted(found)


def latest_deleted(found: Found) -> StoredEntity | None:
    """Of several in the recycle bin the one deleted last."""
    if not found.deleted:
        return None
    return max(found.deleted, key=lambda entity: (entity.deleted_at, entity.id))


def single_id(workspace: Workspace, schema: str, unique_ids: Sequence[UniqueId]) -> UUID | None:
    """The id of the living entity with these unique ids; None unless there is exactly one."""
    key = key_of(schema, unique_ids)
    live = workspace.find(key).live if key else ()
    return live[0].id if len(live) == 1 else None


def target_or_stub(work: Work, schema: str, unique_ids: Sequence[UniqueId]) -> StoredEntity | str:
    """The entity that a relation leads to, made if need be; or why there cannot be one."""
    key = key_of(schema, unique_ids)
    described = f"{schema} with {describe(unique_ids)}"
    if key is None:
        return f"The relation to a {described} identifies nothing and was left out."
    found = work.workspace.find(key)
    if len(found.live) > 1:
        return f"The relation was left out: {len(found.live)} entities match {described}."
    if found.live:
        return found.live[0]
    latest = latest_deleted(found)
    if latest is not None:
        work.applied.warn(
            schema,
            unique_ids[0].attribute,
            "SOFT_DELETED_ENTITY_MATCHED",
            f"The related {schema} {latest.id} was in the recycle bin and was restored.",
        )
        return work.restore(latest)
    if any(unique.path == ID_PATH for unique in unique_ids):
        return f"The relation was left out: there is no {described}."
    stub = work.workspace.create(schema, _stub_attributes(unique_ids), work.activity)
    work.note_created(stub, "stub created")
    return stub


def all_targets(
    work: Work,
    named: Iterable[tuple[str, Sequence[UniqueId]]],
    *,
    schema: str,
    attribute: str,
) -> list[UUID] | None:
    """The ids of the entities that an attribute leads to, with stubs for those that are missing.

    None, and a warning, when one of them cannot be had: half an attribute would look complete, so
    that it has to stay as it was.
    """
    targets: list[UUID] = []
    for target_schema, unique_ids in named:
        entity = target_or_stub(work, target_schema, unique_ids)
        if isinstance(entity, str):
            work.applied.warn(schema, attribute, "UNIQUE_ID_LOOKUP_UNRESOLVABLE", entity)
            return None
        targets.append(entity.id)
    return targets


def change_attribute(
    work: Work, entity_id: UUID, attribute: str, change: Callable[[Any], Any]
) -> None:
    """Give an attribute of an entity the value that `change` makes of its present one.

    Nothing happens to an entity that a later part of the same event removed.
    """
    entity = work.workspace.get(entity_id)
    if entity is not None and entity.deleted_at is None:
        value = change(entity.attributes.get(attribute))
        changed = work.workspace.update(
            entity, {**entity.attributes, attribute: value}, work.activity
        )
        if changed is not entity:
            work.applied.changed(changed)


def _stub_attributes(unique_ids: Sequence[UniqueId]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for unique in unique_ids:
        head, _, tail = unique.path.partition(".")
        if tail and head == unique.attribute:
            attributes[head] = [{tail: unique.value}]
        else:
            attributes[unique.attribute] = unique.value
    return attributes
