"""From things to the texts of files. Pure; equal things give equal bytes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.configuration.kinds.kind import Kind, TopKind
from tieline.configuration.models import Thing, written
from tieline.configuration.reading import FORMAT_VERSION, VERSION_KEY
from tieline.configuration.secrets_in_files import without_secrets
from tieline.kit import yaml

HEADER = "# Configuration of Tieline, written by `tieline export`; see `tieline plan --help`.\n"
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Export:
    """The texts of files by their names, and each secret that was left out of them."""

    files: Mapping[str, str]
    left_out: tuple[str, ...]


def export_files(kinds: Sequence[TopKind], things: Mapping[str, Sequence[Thing]]) -> Export:
    """A file for each thing of some kinds, and one for all of each other group."""
    left_out: list[str] = []
    contents: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        found = _sorted(things[kind.section])
        if not kind.a_file_each or not found:
            entries = [_entry(kind, thing, left_out) for thing in found]
            contents.setdefault(f"{kind.group}.yaml", {})[kind.section] = entries
            continue
        for name, thing in _named(found):
            entry = _entry(kind, thing, left_out)
            contents[f"{kind.group}/{name}.yaml"] = {kind.section: [entry]}
    return Export({name: _text(content) for name, content in contents.items()}, tuple(left_out))


def export_document(kinds: Sequence[TopKind], things: Mapping[str, Sequence[Thing]]) -> Export:
    """The same as one text, whose name is `-`."""
    left_out: list[str] = []
    content = {
        kind.section: [_entry(kind, thing, left_out) for thing in _sorted(things[kind.section])]
        for kind in kinds
    }
    return Export({"-": _text(content)}, tuple(left_out))


def _text(content: Mapping[str, Any]) -> str:
    return HEADER + yaml.dumps({VERSION_KEY: FORMAT_VERSION, **content})


def _sorted(things: Sequence[Thing]) -> list[Thing]:
    """Things by their keys; where these are equal, the older one first, as they are given."""
    return sorted(things, key=lambda thing: thing.key)


def _entry(kind: Kind, thing: Thing, left_out: list[str], within: str = "") -> dict[str, Any]:
    document: Mapping[str, Any] = thing.document
    named = f"{within}{kind.noun} {thing.key!r}"
    if kind.holds_configuration:
        document, places = without_secrets(document)
        left_out += [f"{named}: {written(place)}" for place in places]
    members = list(document.items())
    if kind.has_ids:
        members.insert(1, ("id", thing.id))
    for part in kind.parts:
        entries = [
            _entry(part, one, left_out, f"{named} / ")
            for one in _sorted(thing.parts.get(part.section, ()))
        ]
        if entries:
            members.append((part.section, entries))
    return dict(members)


def _named(things: Sequence[Thing]) -> list[tuple[str, Thing]]:
    """Things with names for files: made of their keys, and of their ids where that is not enough.

    Of several things with the same name that with the lowest id has it alone.
    """
    taken: set[str] = set()
    names: dict[int, str] = {}
    for thing in sorted(things, key=lambda thing: str(thing.id)):
        name = slug = slug_of(thing.key)
        if name in taken:
            name = f"{slug}-{thing.id}"
        taken.add(name)
        names[id(thing)] = name
    return [(names[id(thing)], thing) for thing in things]


def slug_of(text: str) -> str:
    """A name for a file on any system: lower-case letters without accents, digits and hyphens."""
    for letter, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.lower().replace(letter, letters)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_NAME].strip("-")
    return slug or "unnamed"
