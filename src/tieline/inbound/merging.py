"""How mapped values join the attributes that an entity already has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never
from uuid import UUID

from tieline.entities.models import relation_items
from tieline.kit import json
from tieline.mapping.models import ARRAY_OPERATIONS, RelationOperation


def merge_attributes(existing: Mapping[str, Any], mapped: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes after an update: mapped ones replace, except for array operations."""
    merged = dict(existing)
    for name, value in mapped.items():
        merged[name] = _merge(existing.get(name), value)
    return merged


def _merge(existing: Any, mapped: Any) -> Any:
    if not (isinstance(mapped, dict) and len(mapped) == 1):
        return mapped
    operation, items = next(iter(mapped.items()))
    if operation not in ARRAY_OPERATIONS or not isinstance(items, list):
        return mapped
    present = list(existing) if isinstance(existing, list) else []
    match operation:
        case "_set":
            return list(items)
        case "_append":
            return [*present, *_unseen(items, present)]
        case _:
            return [*present, *items]


def _unseen(items: Sequence[Any], present: Sequence[Any]) -> list[Any]:
    # By their JSON texts: comparing each with each would take minutes for a hundred thousand.
    seen = {json.canonical(item) for item in present}
    unseen: list[Any] = []
    for item in items:
        text = json.canonical(item)
        if text not in seen:
            seen.add(text)
            unseen.append(item)
    return unseen


def relation_item(entity_id: UUID, schema: str, tags: Sequence[str] | None) -> dict[str, Any]:
    """One relation as it is stored; `_tags` only where tags are configured."""
    item: dict[str, Any] = {"entity_id": str(entity_id), "_schema": schema}
    if tags is not None:
        item["_tags"] = list(tags)
    return item


def merge_relations(
    existing: Any, operation: RelationOperation, items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A relation attribute after an update; an existing relation keeps its place and its tags."""
    present = [dict(item) for item in relation_items(existing)]
    match operation:
        case RelationOperation.SET:
            merged = [dict(item) for item in items]
        case RelationOperation.APPEND:
            merged = present
            seen = {item.get("entity_id") for item in present}
            for item in items:
                if item["entity_id"] not in seen:
                    seen.add(item["entity_id"])
                    merged.append(dict(item))
        case RelationOperation.APPEND_ALL:
            merged = [*present, *(dict(item) for item in items)]
        case _:
            assert_never(operation)
    return {"$relation": merged}


def merge_references(
    existing: Any, operation: RelationOperation, items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """An attribute of references after an update; an existing reference keeps its place."""
    value = existing.get("$relation_ref") if isinstance(existing, dict) else None
    present = [dict(item) for item in value if isinstance(item, dict)] if value else []
    match operation:
        case RelationOperation.SET:
            merged = [dict(item) for item in items]
        case RelationOperation.APPEND:
            merged = present
            seen = {(item.get("entity_id"), item.get("_id")) for item in present}
            for item in items:
                if (item["entity_id"], item["_id"]) not in seen:
                    seen.add((item["entity_id"], item["_id"]))
                    merged.append(dict(item))
        case RelationOperation.APPEND_ALL:
            merged = [*present, *(dict(item) for item in items)]
        case _:
            assert_never(operation)
    return {"$relation_ref": merged}
