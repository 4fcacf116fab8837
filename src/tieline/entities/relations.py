"""Changes of relation attributes, as new attributes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.entities.models import Attributes, relation_items


@dataclass(frozen=True, slots=True)
class RelationChange:
    """One related entity under an attribute; `tags` None leaves existing tags alone."""

    attribute: str
    entity_id: str
    tags: Sequence[str] | None = None
    schema: str | None = None


def with_relations(before: Attributes, changes: Sequence[RelationChange]) -> dict[str, Any]:
    """The attributes with relations added at the end; one that exists only gets the new tags."""
    attributes = dict(before)
    for change in changes:
        items = [dict(item) for item in relation_items(attributes.get(change.attribute))]
        existing = _find(items, change.entity_id)
        if existing is None:
            item: dict[str, Any] = {"entity_id": change.entity_id}
            if change.schema is not None:
                item["_schema"] = change.schema
            items.append(item | ({} if change.tags is None else {"_tags": list(change.tags)}))
        elif change.tags is not None:
            existing["_tags"] = list(change.tags)
        attributes[change.attribute] = {"$relation": items}
    return attributes


def without_relations(before: Attributes, changes: Sequence[RelationChange]) -> dict[str, Any]:
    """The attributes without these relations; those that do not exist are passed over."""
    attributes = dict(before)
    for change in changes:
        value = attributes.get(change.attribute)
        items = list(relation_items(value))
        kept = [item for item in items if not _names(item, change.entity_id)]
        if len(kept) < len(items):
            attributes[change.attribute] = {"$relation": kept}
    return attributes


def relation_of(attributes: Attributes, attribute: str, entity_id: str) -> Mapping[str, Any] | None:
    """The item by which an attribute relates to an entity, or None."""
    return _find([dict(item) for item in relation_items(attributes.get(attribute))], entity_id)


def _find(items: Sequence[dict[str, Any]], entity_id: str) -> dict[str, Any] | None:
    return next((item for item in items if _names(item, entity_id)), None)


def _names(item: Mapping[str, Any], entity_id: str) -> bool:
    return str(item.get("entity_id")).lower() == entity_id.lower()
