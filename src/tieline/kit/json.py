"""JSON that loses nothing between what came in and what is stored.

Integers of any size stay integers. A number with a fraction or an exponent becomes a `float` when
the float prints back as the very same text, otherwise a `Decimal`, so that `0.10` or
`12345678901234.56789` survive the way from a payload to an entity. Everything is UTF-8.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

JsonValue = Any
InvalidJson = msgspec.DecodeError


def exact_number(text: str) -> float | Decimal:
    """The number that a JSON text with a fraction or an exponent stands for, digit by digit."""
    number = float(text)
    return number if repr(number) == text else Decimal(text)


_decoder = msgspec.json.Decoder(float_hook=exact_number)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def loads(text: bytes | str) -> JsonValue:
    """The value of a JSON document. Raises `InvalidJson` with the position of the fault."""
    return _decoder.decode(text)


def dumps(value: JsonValue) -> bytes:
    """The compact JSON text of a value made of JSON types and `Decimal`."""
    return _encoder.encode(value)


def dumps_str(value: JsonValue) -> str:
    """Like `dumps`, as `str`: the form in which the database driver takes JSON."""
    return _encoder.encode(value).decode()


def canonical(value: JsonValue) -> bytes:
    """JSON text with sorted keys: equal values give equal bytes, whatever their key order."""
    return _sorted_encoder.encode(value)
