"""Whole mapping documents, in both published formats, and the configuration in them.

Format 2.0 keeps an inbound configuration for every event. Format 1.0 is older: for every type of
object it lists fields, each with the entity that it belongs to, and what identifies each entity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tieline.mapping.models import ConfigurationWarning
from tieline.mapping.reader import Reader, kind_of

_ROOT = "mapping_configuration"
_MOST_NAMES = 20
_PLACE = re.compile(r"(?:entities|meter_readings)\[\d+\](?:\.\w+(?:\[\d+\])*)*")


class MappingFormat(StrEnum):
    """The versions of the format."""

    V1 = "1.0"
    V2 = "2.0"


class Selection(msgspec.Struct, frozen=True):
    """The inbound configuration for one type of object, and where its parts stand in the document.

    `places` leads from paths of the configuration to those of the document. `warnings` are about
    the document and have its paths.
    """

    configuration: dict[str, Any]
    places: Mapping[str, str]
    warnings: list[ConfigurationWarning]

    def place(self, path: str) -> str:
        """The path in the document of a path in the configuration."""
        found = path
        while found not in self.places:
            # Up to the parent, of an item as of a key.
            found = found[: max(found.rfind("."), found.rfind("["), 0)]
        place, rest = self.places[found], path[len(found) :]
        return f"{place}.{rest}" if place and rest and rest[0] not in ".[" else place + rest

    def translated(self, message: str) -> str:
        """A message about the configuration, with the paths of the document."""
        return _PLACE.sub(lambda match: self.place(match[0]), message)


def whole(configuration: dict[str, Any]) -> Selection:
    """A configuration that is not part of a document."""
    return Selection(configuration, {"": ""}, [])


def select(document: Any, object_type: str) -> Selection:
    """The configuration for a type of object. Raises `InvalidConfiguration`."""
    warnings: list[ConfigurationWarning] = []
    reader = Reader(document, _ROOT, warnings)
    reader.warn_unknown({"version", "mapping"})
    version = reader.choice("version", MappingFormat, MappingFormat.V1)
    mapping = reader.child("mapping")
    if version is MappingFormat.V1:
        return _from_object(_member(mapping, "objects", object_type), warnings)
    event = _member(mapping, "events", object_type)
    return Selection(event.raw, {"": event.path}, warnings)


def _member(mapping: Reader, key: str, object_type: str) -> Reader:
    """What stands under the type of object."""
    mapping.warn_unknown({key})
    if not mapping.has(key):
        raise mapping.fail(key, "is required for this version of the format. Add it.")
    members = mapping.child(key)
    if object_type not in members.raw:
        names = ", ".join(f'"{name}"' for name in list(members.raw)[:_MOST_NAMES]) or "none"
        if len(members.raw) > _MOST_NAMES:
            names += f" and {len(members.raw) - _MOST_NAMES} more"
        raise Reader({}, "", []).fail(
            "object_type",
            f'is "{object_type}", which {members.path} does not have; it has {names}. '
            "Choose one of them.",
        )
    return members.child(object_type)


def _from_object(reader: Reader, warnings: list[ConfigurationWarning]) -> Selection:
    """An object of format 1.0 as blocks, one for every entity that it identifies."""
    reader.warn_unknown({"unique_ids", "fields"})
    unique_ids = reader.child("unique_ids")
    fields: dict[str, list[Reader]] = {schema: [] for schema in unique_ids.raw}
    for field in reader.children("fields", required=True):
        schema = field.required_text("entity")
        if schema not in fields:
            raise field.fail(
                "entity", f'is "{schema}", for which {unique_ids.path} has nothing. Add it there.'
            )
        fields[schema].append(field)
    places = {"": reader.path, "entities": unique_ids.path}
    blocks = [
        _block(unique_ids, schema, own, f"entities[{index}]", places)
        for index, (schema, own) in enumerate(fields.items())
    ]
    return Selection({"entities": blocks}, places, warnings)


def _block(
    unique_ids: Reader, schema: str, fields: list[Reader], path: str, places: dict[str, str]
) -> dict[str, Any]:
    """The block of one entity; `places` learns where its parts come from."""
    place = unique_ids.at(schema)
    places[path] = places[f"{path}.unique_ids"] = place
    sources = _identifying_sources(unique_ids, schema)
    mapped: list[dict[str, Any]] = []
    for attribute, source in sources.items():
        places[f"{path}.fields[{len(mapped)}]"] = f"{place}.{source}"
        mapped.append({"attribute": attribute, "field": source})
    for field in fields:
        if field.raw.get("attribute") in sources:
            field.warn("attribute", f"has no effect, because {place} says where its value is.")
            continue
        places[f"{path}.fields[{len(mapped)}]"] = field.path
        mapped.append({key: value for key, value in field.raw.items() if key != "entity"})
    return {
        "entity_schema": schema,
        "unique_ids": list(sources) or unique_ids.raw[schema],
        "fields": mapped,
    }


def _identifying_sources(unique_ids: Reader, schema: str) -> dict[str, str]:
    """Attribute and property of each unique id; nothing where the fields say where values are."""
    given = unique_ids.raw[schema]
    if isinstance(given, list):
        return {}
    if not isinstance(given, dict):
        raise unique_ids.fail(schema, f"must be a list or an object, not {kind_of(given)}.")
    ids = unique_ids.child(schema)
    return {ids.required_text(source): source for source in given}
