"""Reads templates."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from tieline.expressions.templates.errors import TemplateInvalid
from tieline.expressions.templates.models import Each, If, Kept, Node, Template, Text, Value, With
from tieline.expressions.templates.paths import parse_path
from tieline.expressions.templates.tags import Kind, Tag, cut

LONGEST = 65_536
_DEEPEST = 32
_BLOCKS = ("if", "unless", "each", "with")
_KEPT = re.compile(r"\{{2,3}\s*([A-Za-z_]+\.[^{}]*?)\s*\}{2,3}")


def parse(source: str, kept: Collection[str] = ()) -> Template:
    """The template that a text describes.

    `kept` are first words of names that are left to somebody else, such as `env` for
    `{{env.password}}`, with or without a backslash before it; blocks cannot ask about them. Raises
    `TemplateInvalid`, which names the character where something cannot be read.
    """
    if len(source) > LONGEST:
        raise TemplateInvalid(f"The template has more than {LONGEST:,} characters. Shorten it.")
    return Template(_Reader(frozenset(kept)).read(source))


@dataclass
class _Open:
    """A block that is not closed yet; `chained` if an `else if` opened it, not a tag of its own."""

    tag: Tag
    name: str
    argument: str
    chained: bool = False
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] | None = None

    @property
    def target(self) -> list[Node]:
        return self.body if self.otherwise is None else self.otherwise


class _Reader:
    def __init__(self, kept: frozenset[str]) -> None:
        self._kept = kept
        self._top: list[Node] = []
        self._open: list[_Open] = []

    def read(self, source: str) -> tuple[Node, ...]:
        tags, last = cut(source)
        for tag in tags:
            self._add_text(tag.before)
            self._take(tag)
        if self._open:
            block = self._open[-1]
            raise _fault(block.tag, f"opens {{{{#{block.name}}}}} without closing it")
        self._add_text(last)
        return tuple(self._top)

    def _take(self, tag: Tag) -> None:
        words = tag.content.split()
        match tag.kind:
            case Kind.COMMENT:
                return
            case Kind.ESCAPED:
                self._target.append(self._escaped(tag.content))
            case Kind.OPEN:
                self._begin(tag, words)
            case Kind.CLOSE:
                self._finish(tag, words)
            case Kind.ELSE:
                self._turn(tag, words)
            case Kind.VALUE if words[:1] == ["else"]:
                self._turn(tag, words[1:])
            case Kind.VALUE | Kind.RAW:
                self._target.append(self._value(tag))

    @property
    def _target(self) -> list[Node]:
        return self._open[-1].target if self._open else self._top

    def _add_text(self, text: str) -> None:
        if text:
            self._target.append(Text(text))

    def _escaped(self, text: str) -> Node:
        match = _KEPT.fullmatch(text)
        if match is None or match[1].partition(".")[0] not in self._kept:
            return Text(text)
        return Kept(match[1], raw=text.startswith("{{{"))

    def _value(self, tag: Tag) -> Node:
        raw = tag.kind is Kind.RAW
        content = tag.content.strip()
        if content.partition(".")[0] in self._kept and "." in content:
            return Kept(content, raw)
        return Value(parse_path(content, tag.start), raw)

    def _begin(self, tag: Tag, words: list[str], *, chained: bool = False) -> None:
        if words[:1] and words[0] not in _BLOCKS:
            known = ", ".join(f"#{name}" for name in _BLOCKS)
            raise _fault(tag, f"opens a block {words[0][:40]!r}, and there are {known} only")
        if len(words) != 2:
            raise _fault(tag, "opens a block that needs its name and one path")
        if words[1].partition(".")[0] in self._kept:
            raise _fault(tag, f"asks about {words[1][:40]}, which is not known while rendering")
        if len(self._open) >= _DEEPEST:
            raise _fault(tag, f"is the {_DEEPEST + 1}th block within another")
        self._open.append(_Open(tag, words[0], words[1], chained))

    def _turn(self, tag: Tag, words: list[str]) -> None:
        if not self._open or self._open[-1].otherwise is not None:
            raise _fault(tag, "is an else without a block of its own")
        self._open[-1].otherwise = []
        if words:
            self._begin(tag, words, chained=True)

    def _finish(self, tag: Tag, words: list[str]) -> None:
        while self._open and self._open[-1].chained:
            self._close_block()
        if not self._open:
            raise _fault(tag, "closes a block that is not open")
        name = self._open[-1].name
        if words != [name]:
            raise _fault(tag, f"closes another block than the one that is open: {{{{#{name}}}}}")
        self._close_block()

    def _close_block(self) -> None:
        block = self._open.pop()
        path = parse_path(block.argument, block.tag.start)
        body, otherwise = tuple(block.body), tuple(block.otherwise or ())
        node: Node
        match block.name:
            case "each":
                node = Each(path, body, otherwise)
            case "with":
                node = With(path, body, otherwise)
            case _:
                node = If(path, block.name == "unless", body, otherwise)
        self._target.append(node)


def _fault(tag: Tag, what: str) -> TemplateInvalid:
    return TemplateInvalid(f"The tag at character {tag.start + 1} {what}. Correct it.")
