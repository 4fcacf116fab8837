"""Renders templates, within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.expressions.templates.errors import TemplateFailed
from tieline.expressions.templates.escaping import Escaping
from tieline.expressions.templates.models import (
    Each,
    Gap,
    If,
    Kept,
    Node,
    Path,
    Rendered,
    Template,
    Text,
    Value,
    With,
)

MOST_STEPS = 100_000
LONGEST_RESULT = 1_000_000

_STANDS_FOR_A_GAP = "-"  # any text without quotes: what fills a gap is written to fit


def render(template: Template, context: Any, escaping: Escaping) -> Rendered:
    """The template with the values of a JSON context; what is not there is empty.

    Only members of objects and items of lists can be reached. Raises `TemplateFailed` for a value
    that does not fit its place, and for more than `MOST_STEPS` or `LONGEST_RESULT` characters.
    """
    rendering = _Rendering(escaping)
    rendering.write(template.nodes, _Frame(context))
    return Rendered(tuple(rendering.pieces))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What `this` is at some place, and what surrounds it."""

    value: Any
    parent: _Frame | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def root(self) -> Any:
        return self.value if self.parent is None else self.parent.root()


class _Rendering:
    def __init__(self, escaping: Escaping) -> None:
        self._escaping = escaping
        self._steps = 0
        self._length = 0
        self.pieces: list[str | Gap] = []

    def write(self, nodes: Sequence[Node], frame: _Frame) -> None:
        for node in nodes:
            self._step()
            match node:
                case Text(text):
                    self._add(text)
                case Value(path, raw):
                    self._add(self._escaping.writer(raw=raw)(_found(path, frame)))
                case Kept(name, raw):
                    self.pieces.append(Gap(name, self._escaping.writer(raw=raw)))
                    self._escaping.passed(_STANDS_FOR_A_GAP)
                case If(path, negated, body, otherwise):
                    met = _is_true(_found(path, frame)) is not negated
                    self.write(body if met else otherwise, frame)
                case With(path, body, otherwise):
                    self._write_with(_found(path, frame), body, otherwise, frame)
                case Each(path, body, otherwise):
                    self._write_each(_found(path, frame), body, otherwise, frame)

    def _write_with(
        self, value: Any, body: Sequence[Node], otherwise: Sequence[Node], frame: _Frame
    ) -> None:
        if _is_true(value):
            self.write(body, _Frame(value, frame, frame.data))
        else:
            self.write(otherwise, frame)

    def _write_each(
        self, value: Any, body: Sequence[Node], otherwise: Sequence[Node], frame: _Frame
    ) -> None:
        members = _members(value)
        for index, (key, member) in enumerate(members):
            place = {"first": index == 0, "last": index == len(members) - 1}
            self._step()
            self.write(body, _Frame(member, frame, {"index": index, "key": key, **place}))
        if not members:
            self.write(otherwise, frame)

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self._length > LONGEST_RESULT:
            raise TemplateFailed(
                f"The template becomes longer than {LONGEST_RESULT:,} characters. Shorten it."
            )
        self._escaping.passed(text)
        self.pieces.append(text)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TemplateFailed(
                f"The template has more than {MOST_STEPS:,} parts to write. Loop over less."
            )


def _found(path: Path, frame: _Frame) -> Any:
    for _ in range(path.ups):
        if frame.parent is None:
            return None
        frame = frame.parent
    value = frame.value
    if path.data == "root":
        value = frame.root()
    elif path.data is not None:
        value = frame.data.get(path.data)
    for part in path.parts:
        value = _member(value, part)
    return value


def _member(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list | tuple):
        if part == "length":
            return len(value)
        return value[int(part)] if _is_index(part) and int(part) < len(value) else None
    return None


def _is_index(part: str) -> bool:
    return len(part) < 10 and part.isascii() and part.isdigit()


def _members(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def _is_true(value: Any) -> bool:
    """As Handlebars has it: an empty list is false, an empty object is not."""
    return value not in (None, False, "", 0) and value != []
