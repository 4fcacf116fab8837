"""Things that are configured, where files speak of them, and how two of them differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tieline.kit import yaml

Path = yaml.Path
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, order=True)
class Fault:
    """Why files cannot be used: the file, the line and the path to the field.

    The first line is 1; 0 stands for the file as a whole.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line}: {place}{self.message}"


@dataclass(frozen=True)
class Origin:
    """Where in a file something is said."""

    file: str
    document: yaml.Document
    path: Path

    def at(self, *steps: str | int) -> Origin:
        """The place of a part of it."""
        return Origin(self.file, self.document, (*self.path, *steps))

    def fault(self, message: str, path: Path = ()) -> Fault:
        """A fault of it, or of a part."""
        place = (*self.path, *path)
        sentence = message if message.endswith((".", "?")) else f"{message}."
        return Fault(self.file, self.document.line(place), written(place), sentence)

    def __str__(self) -> str:
        return f"{self.file}:{self.document.line(self.path)}"


@dataclass(frozen=True)
class Thing:
    """Something that is configured, as it is stored or as a file wants it.

    `key` is the name by which people know it among its like. `document` holds what can be said of
    it in files, without its id and its parts, in a fixed order and without what is left to its
    default; `parts` holds the things that belong to it, by the property that lists them.
    """

    id: str | None
    key: str
    document: Mapping[str, Any]
    parts: Mapping[str, tuple[Thing, ...]] = field(default_factory=dict)
    origin: Origin | None = field(default=None, compare=False)

    @property
    def named(self) -> str:
        """Its key, and its id if it has one."""
        return f"{self.key!r} ({self.id})" if self.id and self.id != self.key else repr(self.key)


@dataclass(frozen=True)
class Difference:
    """A place where two documents differ; the absence of a value is `ABSENT`."""

    path: Path
    old: Any
    new: Any


class Absence:
    """The value of what is not there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absence()


def written(path: Path) -> str:
    """A path as people write it: `fields[2].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def path_from(text: str) -> Path:
    """The path that `written` yields this text for, if no key holds a dot or a bracket."""
    return tuple(int(index) if index else key for index, key in _STEP.findall(text))
