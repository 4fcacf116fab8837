"""What a template consists of, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.expressions.templates.errors import TemplateFailed

Writer = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Path:
    """What a tag refers to: `a.b.[c d]`, `../a`, `this`, `@index`, `@root.a`.

    `ups` counts the `../`; `data` is the name after `@`, if any.
    """

    parts: tuple[str, ...]
    ups: int = 0
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Text as it stands in the template."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """`{{path}}`, or `{{{path}}}` if it is to be written as it is."""

    path: Path
    raw: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """`{{env.name}}`: a name that the renderer does not know and leaves to somebody else."""

    name: str
    raw: bool


@dataclass(frozen=True, slots=True)
class If:
    """`{{#if}}`, or `{{#unless}}` if negated."""

    path: Path
    negated: bool
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """`{{#each}}`: the body for every item of a list or member of an object."""

    path: Path
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class With:
    """`{{#with}}`: the body with another `this`."""

    path: Path
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


Node = Text | Value | Kept | If | Each | With


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read."""

    nodes: tuple[Node, ...]

    def kept_names(self) -> list[str]:
        """The names that somebody else must know, each once, in order."""
        found = (node.name for node in _all(self.nodes) if isinstance(node, Kept))
        return list(dict.fromkeys(found))


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        if isinstance(node, If | Each | With):
            yield from _all(node.body)
            yield from _all(node.otherwise)


@dataclass(frozen=True, slots=True)
class Gap:
    """A place for the value of a kept name, and how a value is written there."""

    name: str
    write: Writer


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered template: text, and gaps for what the renderer was not to know.

    What came out of the context is text for good: nothing in it is ever taken for a gap.
    """

    pieces: tuple[str | Gap, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """The whole text. Raises `TemplateFailed` for a gap without a value, or one that does
        not fit; the message never repeats it.
        """
        return "".join(
            piece if isinstance(piece, str) else piece.write(_known(values, piece.name))
            for piece in self.pieces
        )


def _known(values: Mapping[str, str], name: str) -> str:
    if name not in values:
        raise TemplateFailed(f"{{{{{name}}}}} has no value. Set it, or correct the template.")
    return values[name]
