"""What an event changed, from the states of the entities before and after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tieline.entities.models import StoredEntity
from tieline.inbound.remap.changes import entity_changes
from tieline.inbound.remap.models import EntityChange, EntityChangeKind, Replacement

NOW = datetime(2026, 1, 31, tzinfo=UTC)
ID = UUID(int=1)


def entity(number: int = 1, **attributes: Any) -> StoredEntity:
    return StoredEntity(UUID(int=number), "contact", attributes, 1, NOW, NOW)


def named(number: int, operation: str) -> Mapping[str, Any]:
    return {"id": str(UUID(int=number)), "schema": "contact", "operation": operation}


def change(before: StoredEntity | None, after: StoredEntity | None) -> EntityChange:
    (found,) = entity_changes({ID: before}, {ID: after}, [ID, ID], [named(1, "whatever")])
    return found


def test_a_new_entity_adds_all_its_attributes() -> None:
    (found,) = entity_changes({}, {ID: entity(a=1)}, [ID], [])

    assert found == EntityChange(ID, "contact", EntityChangeKind.CREATED, added={"a": 1})


def test_an_update_tells_added_updated_and_deleted_attributes() -> None:
    found = change(entity(a=1, b=2, c=3), entity(b=True, c=3, d=4))

    assert found.kind is EntityChangeKind.UPDATED
    assert found.added == {"d": 4}
    assert found.updated == {"b": Replacement(2, True)}
    assert found.deleted == {"a": 1}


def test_deleting_restoring_and_purging_have_their_names() -> None:
    alive, deleted = entity(a=1), replace(entity(a=1), deleted_at=NOW)

    assert change(alive, deleted).kind is EntityChangeKind.DELETED
    restored = change(deleted, replace(alive, attributes={"a": 2}))
    assert restored.kind is EntityChangeKind.RESTORED
    assert restored.updated == {"a": Replacement(1, 2)}
    assert change(alive, None).kind is EntityChangeKind.PURGED


def test_what_was_changed_back_or_only_named_is_unchanged() -> None:
    same = entity(a=1)
    untouched = named(2, "unchanged")

    found = entity_changes({ID: same}, {ID: entity(a=1)}, [ID], [named(1, "updated"), untouched])

    assert [one.kind for one in found] == [EntityChangeKind.UNCHANGED] * 2
    assert [one.id for one in found] == [ID, UUID(int=2)]


def test_what_an_event_makes_and_purges_never_was() -> None:
    assert entity_changes({}, {ID: None}, [ID], []) == []
