"""Reads the paths of tags."""

from __future__ import annotations

import re

from tieline.expressions.templates.errors import TemplateInvalid
from tieline.expressions.templates.models import Path

_DATA = frozenset({"root", "index", "key", "first", "last"})
_UPS = re.compile(r"(?:\.\./)*")
# What Handlebars takes for a name; anything else goes between brackets.
_PART = re.compile(r"\[(?P<any>[^\]]*)\]|(?P<plain>[^\s!\"#%&'()*+,./;<=>@\[\\\]^`{|}~]+)")


def parse_path(text: str, position: int) -> Path:
    """The path in the text of a tag. Raises `TemplateInvalid` with the place of the tag."""
    rest = text.strip()
    data = None
    if rest.startswith("@"):
        data, _, rest = rest[1:].replace("/", ".").partition(".")
        if data not in _DATA:
            raise _wrong(
                text,
                position,
                f"@{data} is not known: there are @root, @index, @key, @first and @last",
            )
        return Path(_parts(rest, text, position) if rest else (), data=data)
    climbed = _UPS.match(rest)
    ups = climbed.end() // 3 if climbed else 0
    rest = rest[ups * 3 :]
    if rest == "..":
        return Path((), ups + 1)
    rest = rest.removeprefix("./")
    if (ups and not rest) or rest in (".", "this"):
        return Path((), ups)
    for prefix in ("this.", "this/"):
        rest = rest.removeprefix(prefix)
    return Path(_parts(rest, text, position), ups)


def _parts(rest: str, text: str, position: int) -> tuple[str, ...]:
    parts: list[str] = []
    at = 0
    while True:
        match = _PART.match(rest, at)
        if match is None:
            raise _wrong(text, position, "is no path such as params.id or steps.0.body.[file-id]")
        parts.append(match["plain"] if match["any"] is None else match["any"])
        at = match.end()
        if at == len(rest):
            return tuple(parts)
        if rest[at] not in "./":
            raise _wrong(
                text, position, "is no path: there is nothing that could be called with values"
            )
        at += 1


def _wrong(text: str, position: int, what: str) -> TemplateInvalid:
    return TemplateInvalid(f'"{text.strip()[:60]}" at character {position + 1} {what}. Correct it.')
