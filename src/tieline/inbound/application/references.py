"""References to single items of related entities' attributes: the items, and who refers to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tieline.entities.models import STAMPED, StoredEntity
from tieline.inbound.application.errors import MalformedValue
from tieline.inbound.application.targets import all_targets, change_attribute
from tieline.inbound.application.work import Work
from tieline.inbound.merging import merge_references
from tieline.kit import json
from tieline.kit.ids import new_uuid
from tieline.mapping.models import RelationOperation, RelationRefTarget, RelationRefUpdate

_ID = "_id"


class DeferredReferences(msgspec.Struct, frozen=True):
    """An attribute of references, written when the event's entities are done."""

    entity_id: UUID
    schema: str
    attribute: str
    update: RelationRefUpdate


def refer(work: Work, deferred: DeferredReferences) -> None:
    """Find or make the targets, write the values into them, and refer to the items.

    If one target cannot be had, nothing is written: half of the references would look complete.
    """
    targets = all_targets(
        work,
        [(item.schema, item.unique_ids) for item in deferred.update.items],
        schema=deferred.schema,
        attribute=deferred.attribute,
    )
    if targets is not None:
        references = _write_values(work, deferred, targets)
        operation = deferred.update.operation
        change_attribute(
            work,
            deferred.entity_id,
            deferred.attribute,
            lambda existing: merge_references(existing, operation, references),
        )


def _write_values(
    work: Work, deferred: DeferredReferences, targets: Sequence[UUID]
) -> list[dict[str, Any]]:
    """The references, in the order of the items, after their values are in the targets."""
    references: list[dict[str, Any]] = []
    for item, target_id in zip(deferred.update.items, targets, strict=True):
        target = work.workspace.get(target_id)
        if target is None or target.deleted_at is not None:
            continue  # nothing within one event removes a target between finding and writing it
        before = _present(target, item, deferred)
        operation, former = item.operation, work.former.get((target_id, item.attribute))
        if former is None:
            former = _by_content(before) if operation is RelationOperation.SET else {}
            work.former[target_id, item.attribute] = former
        elif operation is RelationOperation.SET:
            # `_set` replaces what was there before the event, not what it brought itself: what
            # refers to that would lead nowhere.
            operation = RelationOperation.APPEND
        values, ids = _joined(before, operation, _values(item, deferred), former)
        changed = work.workspace.update(
            target, {**target.attributes, item.attribute: values}, work.activity
        )
        if changed is not target:
            work.applied.changed(changed)
        references += [
            {"entity_id": str(target_id), "path": item.path, _ID: item_id} for item_id in ids
        ]
    return references


def _values(item: RelationRefTarget, deferred: DeferredReferences) -> list[dict[str, Any]]:
    values = item.value if isinstance(item.value, list) else [item.value]
    for value in values:
        if not isinstance(value, dict):
            raise MalformedValue(
                f'{deferred.schema}, "{deferred.attribute}": the value for '
                f'"{item.attribute}" of {item.schema} must be an object or a list of objects, '
                "so that it can be referred to. Correct the source of its value."
            )
    return values


def _present(
    target: StoredEntity, item: RelationRefTarget, deferred: DeferredReferences
) -> list[Any]:
    """The items that the target's attribute has. Raises `MalformedValue` if it cannot have any."""
    value = target.attributes.get(item.attribute)
    composed = isinstance(value, dict) and ("$relation" in value or "$relation_ref" in value)
    if item.attribute in STAMPED or composed:
        holds = "relations" if composed else "what the store itself sets"
        raise MalformedValue(
            f'{deferred.schema}, "{deferred.attribute}": "{item.attribute}" of {item.schema} '
            f"holds {holds} and no values that can be referred to. Name another attribute."
        )
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _joined(
    present: list[Any],
    operation: RelationOperation,
    values: Sequence[dict[str, Any]],
    former: dict[bytes, list[dict[str, Any]]],
) -> tuple[list[Any], list[str]]:
    """The attribute's items after the operation, and the `_id` of each value, in order.

    A value that deeply equals an item, `_id` aside, is that item and keeps its `_id`. `former` are
    the items that the event replaces; those that come back are taken out of it.
    """
    after = [] if operation is RelationOperation.SET else list(present)
    known: dict[bytes, int] = {}
    if operation is RelationOperation.APPEND:
        for place, item in enumerate(after):
            if isinstance(item, dict):
                known.setdefault(_content(item), place)
    ids: list[str] = []
    for value in values:
        content = _content(value)
        place = known.get(content, len(after))
        if place == len(after):
            after.append(former[content].pop(0) if former.get(content) else value)
        if operation is RelationOperation.APPEND:
            known[content] = place
        after[place] = _identified(after[place])
        ids.append(after[place][_ID])
    return after, ids


def _by_content(items: Sequence[Any]) -> dict[bytes, list[dict[str, Any]]]:
    """The items of each content, in order."""
    found: dict[bytes, list[dict[str, Any]]] = {}
    for item in items:
        if isinstance(item, dict):
            found.setdefault(_content(item), []).append(item)
    return found


def _content(item: dict[str, Any]) -> bytes:
    # By their JSON texts: comparing each with each would take minutes for a long list.
    return json.canonical({name: member for name, member in item.items() if name != _ID})


def _identified(item: dict[str, Any]) -> dict[str, Any]:
    """The item with its own `_id`, or with a new one when it has none."""
    known = item.get(_ID)
    return item if isinstance(known, str) and known else {**item, _ID: str(new_uuid())}
