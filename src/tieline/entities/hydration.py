"""Replaces references by the entities that they name, one level deep. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from tieline.kit.ids import parse_uuid

_REFERENCES = ("$relation", "$relation_ref")

Document = dict[str, Any]


def referenced_ids(document: Mapping[str, Any]) -> set[UUID]:
    """The ids of the entities that a document's relation attributes name."""
    return {
        entity_id
        for value in document.values()
        for kind in _REFERENCES
        for item in _items(value, kind)
        if (entity_id := parse_uuid(str(item.get("entity_id")))) is not None
    }


def hydrated(document: Mapping[str, Any], known: Mapping[UUID, Document]) -> Document:
    """The document with each relation attribute turned into a list of the related entities.

    `$relation` items become whole entities, `$relation_ref` items the part under their path, each
    with the reference itself. References to entities that are not known are left out.
    """
    result: Document = {}
    for name, value in document.items():
        result[name] = value
        for kind, build in (("$relation", _related), ("$relation_ref", _referred)):
            if isinstance(value, dict) and isinstance(value.get(kind), list):
                result[name] = [
                    build(item, target) for item, target in _targets(value, kind, known)
                ]
    return result


def _related(item: Mapping[str, Any], target: Document) -> Document:
    return {"$relation": item, **target}


def _referred(item: Mapping[str, Any], target: Document) -> Document:
    path = str(item.get("path") or "")
    shown: Document = {
        key: target[key] for key in ("_id", "_schema", "_title", "_tags") if key in target
    }
    name = path.partition(".")[0]
    return {"$relation_ref": item, **shown, name: _at(target, path, item.get("_id"))}


def _at(target: Document, path: str, item_id: Any) -> Any:
    """The value at a path such as `address.0`; an item's own `_id` finds it in a list."""
    value: Any = target
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and item_id is None:
            value = value[int(step)] if int(step) < len(value) else None
    if isinstance(value, list) and item_id is not None:
        found = [v for v in value if isinstance(v, dict) and v.get("_id") == item_id]
        return found[0] if found else None
    return value


def _targets(
    value: Any, kind: str, known: Mapping[UUID, Document]
) -> Iterator[tuple[Mapping[str, Any], Document]]:
    for item in _items(value, kind):
        entity_id = parse_uuid(str(item.get("entity_id")))
        if entity_id is not None and entity_id in known:
            yield item, known[entity_id]


def _items(value: Any, kind: str) -> list[Mapping[str, Any]]:
    items = value.get(kind) if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
