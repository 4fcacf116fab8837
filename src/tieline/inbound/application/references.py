"""References to single items of related entities' attributes: the items, and who refers to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tieline.entities.models import STAMPED, StoredEntity
from tieline.inbound.application.errors import MalformedValue
from tieline.inbound.application.items import ID, RepeatableItems
from tieline.inbound.application.targets import all_targets, change_attribute
from tieline.inbound.application.work import Work
from tieline.inbound.merging import merge_references
from tieline.mapping.models import RelationRefTarget, RelationRefUpdate


class DeferredReferences(msgspec.Struct, frozen=True, gc=False):
    """An attribute of references, written when the event's entities are done."""

    entity_id: UUID
    schema: str
    attribute: str
    update: RelationRefUpdate


def refer(work: Work, deferred: DeferredReferences) -> None:
    """Find or make the targets, let the values join their items, and refer to these.

    If one target cannot be had, nothing happens: half of the references would look complete.
    """
    targets = all_targets(
        work,
        [(item.schema, item.unique_ids) for item in deferred.update.items],
        schema=deferred.schema,
        attribute=deferred.attribute,
    )
    if targets is not None:
        references = _join_values(work, deferred, targets)
        operation = deferred.update.operation
        change_attribute(
            work,
            deferred.entity_id,
            deferred.attribute,
            lambda existing: merge_references(existing, operation, references),
        )


def write_items(work: Work) -> None:
    """Write the items that are referred to into their entities, each attribute once.

    Written step by step, a repeated event would seem to change what it only takes apart and puts
    together again.
    """
    for (target_id, attribute), items in work.items.items():
        change_attribute(work, target_id, attribute, items.replacing)


def _join_values(
    work: Work, deferred: DeferredReferences, targets: Sequence[UUID]
) -> list[dict[str, Any]]:
    """The references, in the order of the values that they lead to."""
    references: list[dict[str, Any]] = []
    for item, target_id in zip(deferred.update.items, targets, strict=True):
        place = (target_id, item.attribute)
        items = work.items.get(place)
        if items is None:
            target = work.workspace.get(target_id)
            present = _present(target, item, deferred) if target is not None else []
            items = work.items[place] = RepeatableItems(present)
        references += [
            {"entity_id": str(target_id), "path": item.path, ID: item_id}
            for item_id in items.join(item.operation, _values(item, deferred))
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
