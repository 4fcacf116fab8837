"""Removes the entities of a scope that an event did not upsert."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from tieline.entities.models import StoredEntity, relation_targets
from tieline.entities.workspace import Workspace
from tieline.inbound.application.errors import PruneScopeTooLarge, StateNotLoaded
from tieline.inbound.application.targets import describe, find, only, place_of
from tieline.inbound.application.work import Work
from tieline.mapping.models import EntityMode, PruneScope

MAX_SCOPE = 10_000  # entities, all of which must be in memory at once


def in_scope(
    workspace: Workspace, scope: PruneScope, loaded_anchors: Collection[tuple[UUID, str]]
) -> list[UUID]:
    """The living entities of the scope as they are now, before the event changes anything.

    Raises `EventNotApplicable` for a scope that means nothing or too much, `StateNotLoaded` for an
    anchor that an event before this one made the anchor.
    """
    if scope.anchor_schema is None:
        found = find(workspace, scope.schema, scope).live
    else:
        found = _related(workspace, scope, scope.anchor_schema, loaded_anchors)
    if len(found) > MAX_SCOPE:
        raise PruneScopeTooLarge(
            f"{place_of(scope)}: more than {MAX_SCOPE:,} {scope.schema} are in the scope of "
            f"{describe(scope.unique_ids)}. Narrow it, then replay the event."
        )
    return [entity.id for entity in found]


def _related(
    workspace: Workspace,
    scope: PruneScope,
    schema: str,
    loaded_anchors: Collection[tuple[UUID, str]],
) -> list[StoredEntity]:
    """The entities related to the anchor in either direction; none when there is no anchor."""
    found = find(workspace, schema, scope)
    anchor = only(found, schema, scope) if found.live else None
    if anchor is None:
        return []
    if (anchor.id, scope.schema) not in loaded_anchors and not workspace.is_new(anchor.id):
        raise StateNotLoaded
    direct = (workspace.get(target) for target in sorted(relation_targets(anchor.attributes)))
    related = {
        entity.id: entity
        for entity in (*direct, *workspace.sources_of(anchor.id))
        if entity is not None and entity.schema == scope.schema and entity.deleted_at is None
    }
    return list(related.values())


def prune(work: Work, scope: PruneScope, members: Collection[UUID]) -> None:
    """Remove those members of the scope that the event did not upsert."""
    removed = 0
    upserted = work.upserted or ()
    for entity_id in members:
        entity = work.workspace.get(entity_id)
        if entity_id in upserted or entity is None or entity.deleted_at is not None:
            continue
        removed += 1
        if scope.removal is EntityMode.PURGE:
            work.workspace.purge(entity, work.activity)
            work.applied.touched(entity, "purged")
        else:
            work.applied.touched(work.workspace.soft_delete(entity, work.activity), "deleted")
    what = "purged" if scope.removal is EntityMode.PURGE else "moved to the recycle bin"
    work.applied.warn(
        scope.schema,
        "",
        "PRUNE_SCOPE_COMPLETED",
        f"{removed} of {len(members)} entities of the schema {scope.schema} in scope were not sent "
        f"and were {what}.",
    )
