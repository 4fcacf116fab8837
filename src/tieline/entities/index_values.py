"""The text under which an attribute's value stands in the look-up table. Pure.

A number and its text are the same key (`4711` and `"4711"`): the same identifier arrives as a
number from XML and as text from JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tieline.entities.scalars import scalar_text

_LONGEST = 200


def key_text(value: Any) -> str | None:
    """The key of a scalar; None for null, empty text and containers, which identify nothing."""
    text = scalar_text(value)
    if text is not None and len(text) > _LONGEST:
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return text or None


def index_values(attributes: Mapping[str, Any], path: str) -> set[str]:
    """All keys that an entity has at a path; lists count with each of their items.

    A path may lead into objects: `email.email` finds the addresses in `[{"email": "a@b.c"}]`. An
    attribute whose very name has dots is found as well.
    """
    values: set[str] = set()
    if path in attributes:
        _collect(attributes[path], (), values)
    elif "." in path:
        head, *rest = path.split(".")
        _collect(attributes.get(head), tuple(rest), values)
    return values


def _collect(value: Any, rest: tuple[str, ...], into: set[str]) -> None:
    if isinstance(value, list):
        for item in value:
            _collect(item, rest, into)
    elif rest:
        if isinstance(value, dict):
            _collect(value.get(rest[0]), rest[1:], into)
    elif (text := key_text(value)) is not None:
        into.add(text)
