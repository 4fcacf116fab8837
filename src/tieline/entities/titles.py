"""The title by which people recognise an entity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tieline.entities.scalars import scalar_text

MAX_TITLE_LENGTH = 500
# Of a longer text only the beginning is looked at: a template may name it many times.
_LONGEST_SOURCE = 4 * MAX_TITLE_LENGTH

_PLACEHOLDER = re.compile(r"\{\{\{?([^{}]*)\}?\}\}")
_NAMES = ("name", "title", "full_name", "display_name", "company_name", "label", "subject")


def title_of(attributes: Mapping[str, Any], template: str | None) -> str | None:
    """The title of an entity, or None when nothing in it reads like one.

    In this order: an explicit `_title`, the schema's template filled in, a customary attribute
    (`name`, `title`, first and last name, ...), the first attribute that is called a number
    (`contract_number`). A template may name attributes and paths, `{{last_name}}` or
    `{{address.city}}`; of a list the first element counts; what is missing is left out.
    """
    for title in _candidates(attributes, template):
        if title:
            return title[:MAX_TITLE_LENGTH]
    return None


def _candidates(attributes: Mapping[str, Any], template: str | None) -> Iterator[str | None]:
    if "_title" in attributes:
        yield _text(attributes["_title"])
    if template:
        yield fill_template(template, attributes)
    yield _first(attributes, _NAMES)
    if "first_name" in attributes or "last_name" in attributes:
        first, last = (_first(attributes, (key,)) or "" for key in ("first_name", "last_name"))
        yield _tidy(f"{first} {last}")
    yield _first(attributes, [key for key in attributes if key.endswith("_number")])


def fill_template(template: str, attributes: Mapping[str, Any]) -> str | None:
    """The template with every `{{path}}` replaced by its value, or None if nothing remains.

    Separators at either end are dropped, so `{{number}} - {{name}}` without a name is the number.
    """
    found = False

    def value(match: re.Match[str]) -> str:
        nonlocal found
        text = _text(_at(attributes, match.group(1).strip()))
        found = found or text is not None
        return text or ""

    filled = _PLACEHOLDER.sub(value, template)
    if not found and _PLACEHOLDER.search(template):
        return None
    return _tidy(filled)


def _at(attributes: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; of a list its first element."""
    value: Any = attributes
    for step in path.split("."):
        value = value[0] if isinstance(value, list) and value else value
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value[0] if isinstance(value, list) and value else value


def _text(value: Any) -> str | None:
    text = value[:_LONGEST_SOURCE] if isinstance(value, str) else scalar_text(value)
    return " ".join(text.split()) or None if text is not None else None


def _first(attributes: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        if key in attributes and (text := _text(attributes[key])):
            return text
    return None


def _tidy(text: str) -> str | None:
    return " ".join(text.split()).strip(" -|,;/") or None
