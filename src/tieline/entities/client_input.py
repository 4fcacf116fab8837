"""What a client may write: a body's attributes, checked, without what the store stamps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tieline.entities.errors import EntityChanged, InvalidEntity
from tieline.entities.models import STAMPED, Attributes, StoredEntity
from tieline.entities.search.moments import parse_moment
from tieline.kit.ids import parse_uuid

# Read-only on the wire. A client that sends back what it read must not change them.
_READ_ONLY = STAMPED | {"_acl", "_owners", "_purpose_name", "_score"}
_TEXT_LISTS = ("_tags", "_purpose", "_manifest")


def client_attributes(body: Any) -> dict[str, Any]:
    """The attributes that a body writes. Raises `InvalidEntity`, naming the attribute."""
    if not isinstance(body, Mapping):
        raise InvalidEntity("The entity must be a JSON object.")
    attributes = {name: value for name, value in body.items() if name not in _READ_ONLY}
    title = attributes.get("_title")
    if title is not None and not isinstance(title, str):
        raise InvalidEntity("_title: must be a text or null.")
    for name in _TEXT_LISTS:
        _check_texts(attributes.get(name), name)
    check_relations(attributes)
    return attributes


def check_relations(attributes: Mapping[str, Any]) -> None:
    """Raise `InvalidEntity`, naming the place, when an attribute is no well-formed relation."""
    for name, value in attributes.items():
        if isinstance(value, Mapping) and "$relation" in value:
            _check_relation(name, value["$relation"])


def replaced(
    before: Attributes, sent: Mapping[str, Any], computed_title: str | None
) -> dict[str, Any]:
    """The attributes after a PUT: those that were sent, and the system's own of the entity."""
    kept = {name: value for name, value in before.items() if name.startswith("_")}
    return _titled({**kept, **sent}, before, computed_title)


def merged(
    before: Attributes, sent: Mapping[str, Any], computed_title: str | None
) -> dict[str, Any]:
    """The attributes after a PATCH; a null that was sent is written as null."""
    return _titled({**before, **sent}, before, computed_title)


def _titled(
    attributes: dict[str, Any], before: Attributes, computed_title: str | None
) -> dict[str, Any]:
    """Without a title that only repeats the computed one: it must go on following the entity."""
    title = attributes.get("_title")
    if title is None or ("_title" not in before and title == computed_title):
        attributes.pop("_title", None)
    return attributes


def refuse_stale(entity: StoredEntity, body: Mapping[str, Any]) -> None:
    """Raise `EntityChanged` when the entity is newer than the `_updated_at` that was sent.

    Compared in milliseconds, the precision of the wire.
    """
    sent = body.get("_updated_at")
    if sent is None:
        return
    moment = parse_moment(sent, datetime.now(UTC), up=False) if isinstance(sent, str) else None
    if moment is None:
        raise InvalidEntity("_updated_at: must be an ISO 8601 date and time.")
    if _milliseconds(entity.updated_at) > _milliseconds(moment):
        raise EntityChanged


def _milliseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _check_texts(value: Any, name: str) -> None:
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidEntity(f"{name}: must be a list of texts or null.")


def _check_relation(name: str, items: Any) -> None:
    if not isinstance(items, list):
        raise InvalidEntity(f"{name}.$relation: must be a list.")
    for position, item in enumerate(items):
        place = f"{name}.$relation[{position}]"
        if not isinstance(item, Mapping):
            raise InvalidEntity(f"{place}: must be an object with an entity_id.")
        entity_id = item.get("entity_id")
        if not isinstance(entity_id, str) or parse_uuid(entity_id) is None:
            raise InvalidEntity(f"{place}.entity_id: must be the UUID of an entity.")
        _check_texts(item.get("_tags"), f"{place}._tags")
