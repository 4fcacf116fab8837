"""Cuts a template into text and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tieline.expressions.templates.errors import TemplateInvalid

_COMMENT = re.compile(r"\{\{(?P<left>~?)!(?:--.*?--|(?!--).*?)(?P<right>~?)\}\}", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_START_OF_LINE = re.compile(r"(?:\A|(?<=\n))[ \t]*\Z")
_REFUSED = {
    ">": "is a partial, and there are none",
    "*": "is a decorator, and there are none",
    "{": "is a raw block, and there are none",
}


class Kind(Enum):
    """What a tag is for."""

    VALUE = "value"
    RAW = "raw"
    OPEN = "open"
    CLOSE = "close"
    ELSE = "else"
    COMMENT = "comment"
    ESCAPED = "escaped"


# Tags that leave no empty line behind where they have one to themselves.
_SILENT = frozenset({Kind.OPEN, Kind.CLOSE, Kind.ELSE, Kind.COMMENT})
_SIGNS = {"#": Kind.OPEN, "/": Kind.CLOSE, "^": Kind.ELSE, "&": Kind.RAW}


@dataclass
class Tag:
    """A tag, and the text before it.

    `content` is what stands between the braces, without the sign that makes the `kind`; an escaped
    tag has its braces in it. `start` and `end` count characters of the source.
    """

    before: str
    kind: Kind
    content: str
    start: int
    end: int
    strips_left: bool = False
    strips_right: bool = False


def cut(source: str) -> tuple[list[Tag], str]:
    """The tags with the texts before them, and the text after the last.

    Raises `TemplateInvalid` with the place of what cannot be read.
    """
    tags = list(_tags(source))
    last = source[tags[-1].end :] if tags else source
    texts = _without_silent_lines(tags, [*(tag.before for tag in tags), last])
    for index, tag in enumerate(tags):
        if tag.strips_left:
            texts[index] = texts[index].rstrip()
        if tag.strips_right:
            texts[index + 1] = texts[index + 1].lstrip()
    for tag, text in zip(tags, texts, strict=False):
        tag.before = text
    return tags, texts[-1]


def _tags(source: str) -> Iterator[Tag]:
    at = 0
    while (start := source.find("{{", at)) >= 0:
        before = source[at:start]
        if before.endswith("\\") and not before.endswith("\\\\"):
            tag = _escaped(source, start, before[:-1])
        else:
            # Two backslashes stand for one in front of a tag.
            tag = _tag(source, start, before[:-1] if before.endswith("\\\\") else before)
        yield tag
        at = tag.end


def _escaped(source: str, start: int, before: str) -> Tag:
    end = _close(source, start, "}}}" if source.startswith("{{{", start) else "}}")
    return Tag(before, Kind.ESCAPED, source[start:end], start, end)


def _tag(source: str, start: int, before: str) -> Tag:
    comment = _COMMENT.match(source, start)
    if comment is not None:
        left, right = bool(comment["left"]), bool(comment["right"])
        return Tag(before, Kind.COMMENT, "", start, comment.end(), left, right)
    inside = start + 2
    left = source.startswith("~", inside)
    inside += left
    sign = source[inside : inside + 1]
    if sign == "{" and not source.startswith("{{", inside):
        end = _close(source, start, "}}}", "}~}}")
        right = source[end - 3] == "~"
        return Tag(before, Kind.RAW, source[inside + 1 : end - 3 - right], start, end, left, right)
    if sign in _REFUSED or (sign == "#" and source[inside + 1 : inside + 2] in _REFUSED):
        what = _REFUSED[sign if sign in _REFUSED else source[inside + 1]]
        raise TemplateInvalid(f"The tag at character {start + 1} {what}. Remove it.")
    end = _close(source, start, "}}")
    right = source[end - 3] == "~"
    content = source[inside : end - 2 - right]
    kind = _SIGNS.get(sign, Kind.VALUE)
    return Tag(before, kind, content[kind is not Kind.VALUE :], start, end, left, right)


def _close(source: str, start: int, *closings: str) -> int:
    ends = [at + len(mark) for mark in closings if (at := source.find(mark, start + 2)) >= 0]
    end = min(ends, default=-1)
    if end < 0 or source.find("{{", start + 3, end) >= 0:
        raise TemplateInvalid(
            f"The tag at character {start + 1} is not closed. Add the braces that close it."
        )
    return end


def _without_silent_lines(tags: Sequence[Tag], texts: list[str]) -> list[str]:
    """The texts without the lines that hold nothing but one tag that writes nothing."""
    trimmed = list(texts)
    for index, tag in enumerate(tags):
        if tag.kind not in _SILENT and not _is_else(tag):
            continue
        start = _START_OF_LINE.search(texts[index])
        rest = _REST_OF_LINE.match(texts[index + 1])
        starts_line = start is not None and (index == 0 or "\n" in texts[index])
        ends_line = rest is not None and (index == len(tags) - 1 or "\n" in rest[0])
        if start is not None and rest is not None and starts_line and ends_line:
            trimmed[index] = trimmed[index][: len(trimmed[index]) - len(start[0])]
            trimmed[index + 1] = trimmed[index + 1][rest.end() :]
    return trimmed


def _is_else(tag: Tag) -> bool:
    return tag.kind is Kind.VALUE and tag.content.split(None, 1)[:1] == ["else"]
