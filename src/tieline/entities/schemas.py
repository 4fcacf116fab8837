"""Entity schemas: what an entity of a slug looks like. Declared ones were put by somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.entities.errors import InvalidSchema
from tieline.kit.time import to_wire

SLUG = re.compile(r"[a-zA-Z0-9_-]{1,128}")
MAX_TEMPLATE_LENGTH = 2_000
# Stamped by the store; what a client sends of these is what it once read.
_STAMPED = frozenset(
    {"id", "version", "created_at", "updated_at", "frozen", "latest", "draft", "_summary"}
)
_TEXTS = ("name", "plural")
_LISTS = ("attributes", "capabilities")
_OPTIONAL_TEXTS = ("title_template", "description", "icon", "category", "blueprint")


@dataclass(frozen=True, slots=True)
class EntitySchema:
    """One version of a schema. `document` is what was put; undeclared ones accept everything."""

    id: str
    slug: str
    version: int
    declared: bool
    document: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    latest: bool = True

    @property
    def attributes(self) -> list[Mapping[str, Any]]:
        """The declared attributes in their order."""
        return [a for a in self.document.get("attributes") or () if isinstance(a, Mapping)]


def checked_document(slug: str, body: Any) -> dict[str, Any]:
    """What is stored of a schema that was sent. Raises `InvalidSchema`, naming the property."""
    if not isinstance(body, Mapping):
        raise InvalidSchema("The schema must be a JSON object.")
    for fault in _faults(slug, body):
        raise InvalidSchema(fault)
    kept = {key: value for key, value in body.items() if key not in _STAMPED}
    return {**kept, "slug": slug}


def _faults(slug: str, body: Mapping[str, Any]) -> Iterator[str]:
    if body.get("slug", slug) != slug:
        yield f"slug: is {body['slug']!r}, but the path says {slug!r}."
    for name in _TEXTS:
        if not isinstance(body.get(name), str) or not body[name]:
            yield f"{name}: is required and must be a text."
    for name in _OPTIONAL_TEXTS:
        if body.get(name) is not None and not isinstance(body[name], str):
            yield f"{name}: must be a text."
    if len(body.get("title_template") or "") > MAX_TEMPLATE_LENGTH:
        yield f"title_template: is longer than {MAX_TEMPLATE_LENGTH} characters."
    for name in _LISTS:
        if not isinstance(body.get(name), list):
            yield f"{name}: is required and must be a list."
    for position, attribute in enumerate(body["attributes"]):
        place = f"attributes[{position}]"
        if not isinstance(attribute, Mapping):
            yield f"{place}: must be an object."
            continue
        for name in ("name", "label", "type"):
            if not isinstance(attribute.get(name), str) or not attribute[name]:
                yield f"{place}.{name}: is required and must be a text."


def schema_document(schema: EntitySchema, *, summary: bool = False) -> dict[str, Any]:
    """A schema in its wire form; a summary has only the attributes of its list view."""
    document = {
        "id": schema.id,
        "version": schema.version,
        "created_at": to_wire(schema.created_at),
        "updated_at": to_wire(schema.updated_at),
        "latest": schema.latest,
        **schema.document,
    }
    if summary:
        shown = _summary_attributes(schema.document)
        document["attributes"] = [a for a in schema.attributes if a.get("name") in shown]
        document["capabilities"] = []
        document.pop("group_settings", None)
        document["_summary"] = True
    return document


def _summary_attributes(document: Mapping[str, Any]) -> set[str]:
    value: Any = document
    for step in ("ui_config", "list_item", "summary_attributes"):
        value = value.get(step) if isinstance(value, Mapping) else None
    named = (item.get("name") if isinstance(item, Mapping) else item for item in _as_list(value))
    return {name for name in named if isinstance(name, str)}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
