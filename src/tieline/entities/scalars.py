"""The one text that a JSON scalar has, wherever entities are compared or looked up by it. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_MOST_DIGITS = 256  # a number with more is not written out: its exponent says as much


def scalar_text(value: Any) -> str | None:
    """The text by which a JSON value is compared, or None for null, lists and objects.

    Numbers have one form for one value: `5`, `5.0` and `5e0` are all "5".
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return number_text(Decimal(repr(value)) if isinstance(value, float) else value)
    return None


def number_text(number: Decimal) -> str:
    """A number without exponent and without trailing zeros; infinities by their names."""
    if not number:
        return "0"  # and never "-0", which is the same number
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return str(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
