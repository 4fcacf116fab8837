"""Prune scopes: the entities that an event speaks of completely, so that the others go."""

from __future__ import annotations

from enum import StrEnum

from tieline.mapping.blocks import EntityBlock, Pruning, UniqueIdField
from tieline.mapping.errors import MissingUniqueIdentifiers
from tieline.mapping.event import Event
from tieline.mapping.models import EntityMode, PruneScope
from tieline.mapping.reader import MAX_SCHEMA_LENGTH, Reader
from tieline.mapping.relations import resolve_unique_ids
from tieline.mapping.sources import parse_unique_ids


class ScopeMode(StrEnum):
    """How the entities that may be pruned are found."""

    RELATIONS = "relations"
    QUERY = "query"


def parse_pruning(reader: Reader, label: str, removal: EntityMode) -> Pruning:
    """The scope of a block whose mode prunes; it must be there and be complete."""
    if not reader.has("scope"):
        raise reader.fail("scope", "is required for a mode that prunes. Add it.")
    scope = reader.child("scope")
    if not scope.has("scope_mode"):
        raise scope.fail("scope_mode", "is required. Choose relations or query.")
    label = f"{label}, scope"
    scope.warn_unknown({"scope_mode", "schema", "unique_ids", "query"})
    if scope.choice("scope_mode", ScopeMode, ScopeMode.RELATIONS) is ScopeMode.QUERY:
        _warn_unused(scope, "schema", "unique_ids")
        return Pruning(removal, None, parse_unique_ids(scope, "query", label))
    _warn_unused(scope, "query")
    schema = scope.name("schema", MAX_SCHEMA_LENGTH)
    return Pruning(removal, schema, parse_unique_ids(scope, "unique_ids", label))


def prune_scope(event: Event, block: EntityBlock, pruning: Pruning) -> PruneScope:
    """The scope, resolved on the payload: it never depends on the items.

    Raises `MissingUniqueIdentifiers` when one of its values is missing.
    """
    unique_ids = resolve_unique_ids(event, pruning.unique_ids, event.root)
    if isinstance(unique_ids, UniqueIdField):
        raise MissingUniqueIdentifiers(
            f"{unique_ids.label}: there is no value in the payload, and without it entities beyond "
            "the scope would be removed. Send it, or correct the source of its value at "
            f"{unique_ids.path}.",
            unique_ids.path,
        )
    return PruneScope(block.index, block.schema, pruning.removal, pruning.anchor_schema, unique_ids)


def _warn_unused(scope: Reader, *keys: str) -> None:
    for key in keys:
        if scope.has(key):
            scope.warn(key, f"has no effect with scope_mode {scope.raw['scope_mode']}. Remove it.")
