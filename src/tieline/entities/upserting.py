"""Finding the entity that a unique key means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tieline.database import OrgTransaction
from tieline.entities import indexing
from tieline.entities.errors import EntityIsDeleted, InvalidEntity, SeveralEntitiesMatch
from tieline.entities.models import StoredEntity
from tieline.entities.queries import lock_entities
from tieline.entities.repository import load_by_ids, load_by_keys, lock_keys
from tieline.entities.workspace import ID_PATH, Key, Workspace
from tieline.kit.ids import parse_uuid


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """The values that identify an entity of a schema.

    `email.0.email` names a position for reading the value; any position matches it.
    """

    key: Key
    entity_id: str | None

    @staticmethod
    def of(schema: str, names: Sequence[str], body: Any) -> UniqueKey:
        """The key with its values from a body. Raises `InvalidEntity`, naming the attribute."""
        pairs = []
        for name in names:
            path = ".".join(step for step in name.split(".") if not step.isdecimal())
            single = Key.of(schema, [(path, _value(body, name))])
            if not path or single is None:
                raise InvalidEntity(
                    f"unique_key: the entity has no single value at {name!r}. Send one."
                )
            pairs.append(single.pairs[0])
        if not pairs:
            raise InvalidEntity("unique_key: must name at least one attribute.")
        key = Key(schema, tuple(sorted(set(pairs))))
        return UniqueKey(key, dict(key.pairs).get(ID_PATH))

    async def register(self, tx: OrgTransaction) -> None:
        """Have the attributes of the key looked up by value from now on."""
        paths = [path for path, _ in self.key.pairs if path != ID_PATH]
        await indexing.register(tx, [(self.key.schema, path) for path in paths])


async def find_match(
    tx: OrgTransaction, workspace: Workspace, key: UniqueKey, *, strict: bool
) -> StoredEntity | None:
    """The living entity that the key means, locked, or None when there is none.

    Whoever else is about to create an entity under the key waits until this transaction ends.
    Raises `SeveralEntitiesMatch` if strict, `EntityIsDeleted` when only deleted ones match.
    """
    await lock_keys(tx, [key.key])
    # Looked at twice, because only what was found can be locked, and it may change until then.
    seen = Workspace(workspace.org_id, workspace.now, workspace.indexed)
    await _load(tx, seen, key)
    await lock_entities(tx, list(seen.current))
    await _load(tx, workspace, key)
    found = workspace.find(key.key)
    if not found.live:
        if found.deleted:
            raise EntityIsDeleted
        return None
    if strict and len(found.live) > 1:
        raise SeveralEntitiesMatch(
            f"{len(found.live)} entities match the unique key. Merge them or add attributes to it."
        )
    return min(found.live, key=lambda entity: (entity.created_at, entity.id))


async def _load(tx: OrgTransaction, workspace: Workspace, key: UniqueKey) -> None:
    if key.entity_id is None:
        await load_by_keys(tx, workspace, [key.key])
        return
    entity_id = parse_uuid(key.entity_id)
    if entity_id is not None:
        await load_by_ids(tx, workspace, [entity_id])


def _value(body: Any, name: str) -> Any:
    value = body.get(name) if isinstance(body, dict) else None
    if value is not None or "." not in name:
        return _first(value)
    value = body
    for step in name.split("."):
        if isinstance(value, list):
            if step.isdecimal():
                value = value[int(step)] if int(step) < len(value) else None
                continue
            value = value[0] if value else None
        value = value.get(step) if isinstance(value, dict) else None
    return _first(value)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value
