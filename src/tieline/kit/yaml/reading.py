"""Reads YAML, and remembers on which line everything stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tieline.kit import json

Path = tuple[str | int, ...]

MAX_DEPTH = 100
_MAX_FAULTS = 100
# The C parser is ten times as fast; both yield the same events.
_PARSER = getattr(yaml, "CLoader", yaml.Loader)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class Fault:
    """Why a text is no document, and the line (the first is 1)."""

    line: int
    message: str


@dataclass(frozen=True)
class Document:
    """A value and the line of each of its parts: of a member its key's, of an entry its own."""

    value: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a part; of one that is missing, that of the innermost part around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class InvalidYaml(ValueError):
    """A text is no YAML that can be used; `faults` are all that were found.

    `document` is what it would be without them, unless there is no telling.
    """

    def __init__(self, faults: list[Fault], document: Document | None = None) -> None:
        self.faults = faults
        self.document = document
        super().__init__(" ".join(f"line {fault.line}: {fault.message}." for fault in faults))


def loads(text: str) -> Any:
    """The value of a YAML document; an empty one is None. Raises `InvalidYaml`."""
    return read(text).value


def read(text: str) -> Document:
    """A YAML document with the lines of its parts. Raises `InvalidYaml` with all faults."""
    reader = _Reader(text)
    value = reader.document()
    document = Document(value, reader.lines)
    if reader.faults:
        raise InvalidYaml(reader.faults, document if reader.complete else None)
    return document


class _TooBroken(Exception):
    """There is no sense in reading on."""


class _Reader:
    """Builds the value from the events of the parser."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_PARSER)
        self.faults: list[Fault] = []
        self.complete = False
        self.lines: dict[Path, int] = {}

    def document(self) -> Any:
        """The value of the only document."""
        value = None
        try:
            documents = 0
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._blame(event, "a second document begins here", end=True)
                    value = self._value(next(self._events), ())
            self.complete = True
        except _TooBroken:
            pass
        except yaml.MarkedYAMLError as error:
            self._add(_line(error.problem_mark), _in_words(error))
        except yaml.YAMLError as error:
            self._add(1, " ".join(str(error).split()))
        return value

    def _value(self, event: Any, path: Path) -> Any:
        self.lines.setdefault(path, _line(event.start_mark))
        if isinstance(event, yaml.AliasEvent):
            self._blame(event, f"*{event.anchor} refers to another place. Write the value itself")
            return None
        if event.anchor is not None:
            self._blame(event, f"&{event.anchor} names a place to refer to. Leave it out")
        if event.tag is not None:
            self._blame(event, f"the tag {event.tag} gives a value a type. Leave it out")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(path) >= MAX_DEPTH:
            self._blame(event, f"this is nested deeper than {MAX_DEPTH} levels", end=True)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._object(path)

    def _list(self, path: Path) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _object(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._blame(event, "a key is no text", end=True)
            key: str = event.value
            self._refuse_nul(event)
            if key in found:
                self._blame(event, f"the key {key!r} is there twice")
            self.lines[*path, key] = _line(event.start_mark)
            found[key] = self._value(next(self._events), (*path, key))
        return found

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        self._refuse_nul(event)
        if event.style or not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        try:
            if _INTEGER.fullmatch(text):
                return int(text)
            if _NUMBER.fullmatch(text):
                return json.exact_number(text.removeprefix("+"))
        except ValueError as error:  # too many digits, or an exponent far out
            self._blame(event, str(error).partition(";")[0].rstrip("."))
        return text

    def _refuse_nul(self, event: Any) -> None:
        if "\0" in event.value:
            self._blame(event, "there is the character U+0000, which cannot be stored")

    def _blame(self, event: Any, message: str, *, end: bool = False) -> None:
        self._add(_line(event.start_mark), message)
        if end or len(self.faults) >= _MAX_FAULTS:
            raise _TooBroken

    def _add(self, line: int, message: str) -> None:
        self.faults.append(Fault(line, message))


def _line(mark: Any) -> int:
    return 1 if mark is None else int(mark.line) + 1


def _in_words(error: Any) -> str:
    parts = (error.problem, error.context and f"({error.context})")
    return " ".join(part for part in parts if part)
