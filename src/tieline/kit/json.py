"""JSON that loses nothing between what came in and what is stored.

Integers of any size stay integers. A number with a fraction or an exponent becomes a `float` when
the float prints back as the very same text, otherwise a `Decimal`, so that `0.10` or
`12345678901234.56789` survive the way from a payload to an entity. Everything is UTF-8.

A number whose exponent lies far outside a double's range is refused: the database writes numbers
out in full, so that the few bytes of `1e100000` would come back as a hundred thousand digits.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

JsonValue = Any
InvalidJson = msgspec.DecodeError

# Strings, whose brackets do not count, and everything else that is no bracket.
_NO_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[^"\[\]{}]++', re.DOTALL)
# One half of a surrogate pair without the other, which the decoder calls truncated data.
_HALF_CHARACTER = re.compile(
    rb"(?<!\\)\\u[dD][89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\)(?<!\\u[dD][89abAB][\da-fA-F]{2})\\u[dD][c-fC-F][\da-fA-F]{2}"
)
MAX_EXPONENT = 1_000


def exact_number(text: str) -> float | Decimal:
    """The number that a JSON text with a fraction or an exponent stands for, digit by digit.

    Raises `ValueError`, which the decoder turns into `InvalidJson`, beyond `MAX_EXPONENT`.
    """
    number = float(text)
    if repr(number) == text:
        return number
    exact = Decimal(text)
    if abs(exact.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"A number has an exponent beyond {MAX_EXPONENT}")
    return exact


_decoder = msgspec.json.Decoder(float_hook=exact_number)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def loads(text: bytes | str) -> JsonValue:
    """The value of a JSON document. Raises `InvalidJson` with the position of the fault."""
    return _decoder.decode(text)


def explain(text: bytes, error: Exception) -> str:
    """Why a JSON text could not be read, as `error` or, where that would mislead, better."""
    half = _HALF_CHARACTER.search(text)
    return f"{half[0].decode()} is half a character; send both halves" if half else str(error)


def dumps(value: JsonValue) -> bytes:
    """The compact JSON text of a value made of JSON types and `Decimal`."""
    return _encoder.encode(value)


def dumps_str(value: JsonValue) -> str:
    """Like `dumps`, as `str`: the form in which the database driver takes JSON."""
    return _encoder.encode(value).decode()


def canonical(value: JsonValue) -> bytes:
    """JSON text with sorted keys: equal values give equal bytes, whatever their key order."""
    return _sorted_encoder.encode(value)


def deeper_than(text: bytes, limit: int) -> bool:
    """Whether lists and objects in a JSON text are nested deeper than that; broken JSON may be."""
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _NO_BRACKETS.sub(b"", text):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def nul_place(value: Any, place: str) -> str | None:
    """The JSON path of the first text, or of the object with a key, that holds a NUL character."""
    match value:
        case str():
            return place if "\x00" in value else None
        case dict():
            for key, member in value.items():
                if "\x00" in key:
                    return place
                found = nul_place(member, f"{place}.{key}" if place else key)
                if found is not None:
                    return found
        case list():
            for index, member in enumerate(value):
                found = nul_place(member, f"{place}[{index}]")
                if found is not None:
                    return found
    return None
