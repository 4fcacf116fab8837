"""From the texts of files to the things that they want. Pure; all faults are found at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.configuration.errors import UnusableConfigurationFiles
from tieline.configuration.kinds.kind import Kind, Report, TopKind
from tieline.configuration.models import Fault, Origin, Path, Thing
from tieline.configuration.secrets_in_files import plain_secrets
from tieline.kit import yaml

FORMAT_VERSION = 1
VERSION_KEY = "tieline"
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Source:
    """A file: its name as people see it, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Wanted:
    """What files want: the things of each kind that they mention, by section, in their order.

    A kind that no file mentions is none of their business.
    """

    things: Mapping[str, tuple[Thing, ...]]

    def mentions(self, kind: TopKind) -> bool:
        """Whether a file has a list of such things, or others of their group, be it empty."""
        return kind.section in self.things


def read_sources(sources: Iterable[Source], kinds: Sequence[TopKind]) -> Wanted:
    """What the files want. Raises `UnusableConfigurationFiles` with every fault of every file."""
    faults: list[Fault] = []
    things: dict[str, list[Thing]] = {}
    for source in sources:
        try:
            document = yaml.read(source.content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = source.content[: error.start].count(b"\n") + 1
            faults.append(Fault(source.name, line, "", "is no text in UTF-8."))
            continue
        except yaml.InvalidYaml as error:
            faults += [Fault(source.name, one.line, "", f"{one.message}.") for one in error.faults]
            if error.document is None:
                continue
            document = error.document
        reader = _Reader(Origin(source.name, document, ()), faults)
        for section, found in reader.sections(document.value, kinds):
            things.setdefault(section, []).extend(found)
    if faults:
        raise UnusableConfigurationFiles(faults)
    _mention_whole_groups(things, kinds)
    _add_implied(things, kinds)
    return Wanted({section: tuple(found) for section, found in things.items()})


def _mention_whole_groups(things: dict[str, list[Thing]], kinds: Sequence[TopKind]) -> None:
    """What is in one file when it is exported is mentioned together."""
    groups = {kind.group for kind in kinds if kind.section in things}
    for kind in kinds:
        if kind.group in groups:
            things.setdefault(kind.section, [])


def _add_implied(things: dict[str, list[Thing]], kinds: Sequence[TopKind]) -> None:
    """Add what comes with other things, to the kinds that the files mention."""
    by_section = {kind.section: kind for kind in kinds}
    for kind in kinds:
        for thing in tuple(things.get(kind.section, ())):
            for section, document in kind.implied(thing.document):
                key = by_section[section].key(document)
                if all(one.key != key for one in things[section]):
                    things[section].append(Thing(None, key, document, origin=thing.origin))


class _Reader:
    """Reads one file, and notes its faults."""

    def __init__(self, root: Origin, faults: list[Fault]) -> None:
        self._root = root
        self._faults = faults

    def sections(self, value: Any, kinds: Sequence[TopKind]) -> Iterable[tuple[str, list[Thing]]]:
        """The things of each kind in the file."""
        if not isinstance(value, dict) or VERSION_KEY not in value:
            message = f"is no configuration of Tieline: it does not say `tieline: {FORMAT_VERSION}`"
            self._blame(self._root, message)
            return
        version = value[VERSION_KEY]
        if type(version) is not int or version != FORMAT_VERSION:
            shown = repr(version)[:_LONGEST_SHOWN]
            message = f"is {shown}, but this Tieline reads version {FORMAT_VERSION}"
            self._blame(self._root.at(VERSION_KEY), message)
            return
        by_section = {kind.section: kind for kind in kinds}
        for section, entries in value.items():
            if section == VERSION_KEY:
                continue
            if section not in by_section:
                known = ", ".join(by_section)
                self._blame(self._root.at(section), f"is no kind of thing. There are {known}")
                continue
            kind = by_section[section]
            yield section, self._things(kind, entries, self._root.at(section))

    def _things(self, kind: Kind, entries: Any, origin: Origin) -> list[Thing]:
        if not isinstance(entries, list):
            self._blame(origin, "must be a list")
            return []
        found: list[Thing] = []
        for index, entry in enumerate(entries):
            place = origin.at(index)
            if isinstance(entry, dict):
                found.append(self._thing(kind, entry, place))
            else:
                self._blame(place, f"must be an object that describes a{_n(kind.noun)} {kind.noun}")
        return found

    def _thing(self, kind: Kind, raw: dict[str, Any], origin: Origin) -> Thing:
        sections = {part.section for part in kind.parts}
        own = {key: value for key, value in raw.items() if key not in sections}
        stated = own.pop("id", None) if kind.has_ids else None
        if kind.has_ids and "id" in raw and not isinstance(stated, str):
            self._blame(origin.at("id"), "must be a text")
            stated = None
        document = kind.document(own, self._report(origin))
        self._refuse_secrets(kind, own, origin)
        parts = {
            part.section: tuple(
                self._things(part, raw[part.section], origin.at(part.section))
                if part.section in raw
                else ()
            )
            for part in kind.parts
        }
        thing_id = None if stated is None else self._id(kind, stated, origin)
        key = kind.key(document) or thing_id
        if not key:
            self._blame(origin, f"the {kind.noun} has neither a name nor an id")
        return Thing(thing_id, key or "", document, parts, origin)

    def _id(self, kind: Kind, stated: str, origin: Origin) -> str | None:
        found = kind.usual_id(stated)
        if found is None:
            self._blame(origin.at("id"), f"{stated[:_LONGEST_SHOWN]!r} is no id of this kind")
        return found

    def _refuse_secrets(self, kind: Kind, raw: dict[str, Any], origin: Origin) -> None:
        if not kind.holds_configuration:
            return
        for path in plain_secrets(raw):
            self._blame(
                origin.at(*path),
                "holds a secret in plain text. Put it into an environment variable and write "
                "`{{env.key}}`",
            )

    def _report(self, origin: Origin) -> Report:
        def report(path: Path, message: str) -> None:
            self._faults.append(origin.fault(message, path))

        return report

    def _blame(self, origin: Origin, message: str) -> None:
        self._faults.append(origin.fault(message))


def _n(noun: str) -> str:
    return "n" if noun[0] in "aeio" else ""
