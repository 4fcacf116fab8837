"""Writes JSON values as YAML that people read, compare and change.

Equal values give equal bytes. Texts of several lines are literal blocks, so that a change of one
line of an expression is a change of one line of the file, and everything else is in block style
too. Texts that any common reader would take for something else are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tieline.kit import json

_LONGEST_SIMPLE_KEY = 1_000  # a parser gives up to look for the colon after 1,024 characters
_UNPRINTABLE = re.compile(
    "[^\\n\\t\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd"
    "\\U00010000-\\U0010ffff]"
)
_PLAIN = re.compile(r"(?:\w|[/$(])(?:.*[^\s:])?")
_AMBIGUOUS = re.compile(r":\s|\s#")
_RESOLVERS: Mapping[str, list[tuple[str, re.Pattern[str]]]] = (
    yaml.resolver.Resolver.yaml_implicit_resolvers
)


def dumps(value: Any) -> str:
    """The YAML text of a value made of JSON types and `Decimal`; ends with a line break."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, pad: str) -> Iterator[str]:
    """The lines of a value that begins on a line of its own."""
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            name = _text(key)
            if len(name) > _LONGEST_SIMPLE_KEY:
                yield f"{pad}? {name}"
                name = ""
            yield from _after(f"{pad}{name}:", member, pad)
    elif isinstance(value, list) and value:
        for entry in value:
            yield from _entry(entry, pad)
    else:
        yield _scalar(value)


def _after(head: str, value: Any, pad: str) -> Iterator[str]:
    """The lines of a value that begins behind `head`, which is indented by `pad`."""
    if isinstance(value, Mapping | list) and value:
        yield head
        yield from _lines(value, f"{pad}  ")
    elif isinstance(value, str) and _fits_a_block(value):
        yield f"{head} |{_block_header(value)}"
        yield from (f"{pad}  {line}" if line else "" for line in _block_lines(value))
    else:
        yield f"{head} {_scalar(value)}"


def _entry(entry: Any, pad: str) -> Iterator[str]:
    if isinstance(entry, Mapping | list) and entry:
        first, *rest = _lines(entry, f"{pad}  ")
        yield f"{pad}- {first[len(pad) + 2 :]}"
        yield from rest
    else:
        yield from _after(f"{pad}-", entry, pad)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    return json.dumps_str(value)


def _text(text: str) -> str:
    """A text on one line."""
    if _UNPRINTABLE.search(text) or "\n" in text or "\t" in text:
        return _double_quoted(text)
    if _PLAIN.fullmatch(text) and not _AMBIGUOUS.search(text) and not _is_more_than_text(text):
        return text
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _is_more_than_text(text: str) -> bool:
    """Whether a common reader takes a plain text for a number, a date, a truth or nothing."""
    if text in ("~", ""):
        return True
    return any(
        pattern.match(text) for _, pattern in _RESOLVERS.get(text[0], [])
    ) or _looks_like_a_number(text)


def _looks_like_a_number(text: str) -> bool:
    return re.fullmatch(r"[-+.\d][\d_.:+-]*(?:[eE][-+]?\d+)?|0[xob]\w+", text) is not None


def _double_quoted(text: str) -> str:
    quoted = json.dumps_str(text)
    return _UNPRINTABLE.sub(lambda found: _escape(found[0]), quoted)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _fits_a_block(text: str) -> bool:
    return "\n" in text and text.strip("\n") != "" and not _UNPRINTABLE.search(text)


def _block_header(text: str) -> str:
    """What a literal block begins with: how far it is indented, if that does not show, and how
    many line breaks end it."""
    indentation = "2" if text[0] in " \n\t" else ""
    if not text.endswith("\n"):
        return f"{indentation}-"
    return f"{indentation}+" if text.endswith("\n\n") else indentation


def _block_lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")
