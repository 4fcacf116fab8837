"""How a value is written, by the place that it is written to.

Handlebars writes every value as HTML; here that is one way among several. Triple braces write a
value as it is, whatever the place.
"""

from __future__ import annotations

import html
import re
from typing import Any, Protocol
from urllib.parse import quote

from tieline.expressions.templates.errors import TemplateFailed
from tieline.expressions.templates.models import Writer
from tieline.kit import json

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_JSON_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_IN_JSON = re.compile(r'"|\\.', re.DOTALL)


class Escaping(Protocol):
    """Knows the place that was reached; one is made for each rendering."""

    def writer(self, *, raw: bool) -> Writer:
        """What makes a value the text that fits here. It may raise `TemplateFailed`.

        A raw one writes the value as it is, as far as the place allows that.
        """

    def passed(self, text: str) -> None:
        """Take note of what was written."""


def as_text(value: Any) -> str:
    """A value as plain text: texts as they are, nothing for null, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps_str(value)


class PlainText:
    """Nothing is escaped."""

    def writer(self, *, raw: bool) -> Writer:
        """Values as they are."""
        return as_text if raw else self._fitting()

    def passed(self, text: str) -> None:
        """All places are the same."""

    def _fitting(self) -> Writer:
        return as_text


class Markup(PlainText):
    """HTML and XML: `& < > " '` become references."""

    def _fitting(self) -> Writer:
        return lambda value: html.escape(as_text(value))


class Form(PlainText):
    """`a=1&b=2`: everything but letters, digits and `-._~` is percent-encoded."""

    def _fitting(self) -> Writer:
        return lambda value: quote(as_text(value), safe="")


class HeaderValue(PlainText):
    """The value of a header: there is no way to write a line break, so it is refused."""

    def writer(self, *, raw: bool) -> Writer:
        """Values without control characters, even raw ones."""
        return _header_text


class Address(PlainText):
    """A URL: what stands at its very beginning is a URL or begins one, the rest is data.

    Data is percent-encoded, slashes too, and may be neither `.` nor `..`: it stays within the part
    of the address for which it is meant.
    """

    def __init__(self) -> None:
        self._begun = False

    def _fitting(self) -> Writer:
        return _address_data if self._begun else as_text

    def passed(self, text: str) -> None:
        """From the first character on the address has begun."""
        self._begun = self._begun or bool(text)


class JsonText(PlainText):
    """A JSON text: within quotes a value is content of the text, elsewhere it is a JSON value.

    Elsewhere a text that is a number, `true`, `false` or `null` is written as such, any other gets
    its quotes, and what is missing is `null`: no value can end what it stands in.
    """

    def __init__(self) -> None:
        self._quoted = False

    def _fitting(self) -> Writer:
        return _json_content if self._quoted else _json_value

    def passed(self, text: str) -> None:
        """Count the quotes that are none of a text's content."""
        quotes = sum(1 for match in _IN_JSON.finditer(text) if match[0] == '"')
        self._quoted ^= bool(quotes % 2)


def _header_text(value: Any) -> str:
    text = as_text(value)
    if _CONTROL.search(text):
        raise TemplateFailed("A value for a header holds a line break. Send another value.")
    return text


def _address_data(value: Any) -> str:
    text = as_text(value)
    if text in (".", ".."):
        raise TemplateFailed(f"A value for an address is {text!r}, which would lead elsewhere.")
    return quote(text, safe="")


def _json_content(value: Any) -> str:
    return json.dumps_str(as_text(value))[1:-1]


def _json_value(value: Any) -> str:
    if isinstance(value, str) and _JSON_SCALAR.fullmatch(value):
        return value
    return json.dumps_str(value)
