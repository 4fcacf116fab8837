"""Opaque cursors: URL-safe text around a small JSON value."""

from __future__ import annotations

import base64
import binascii
import contextlib
from datetime import datetime
from typing import Any

from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.time import from_wire, to_exact_wire


def encode_cursor(value: Any) -> str:
    """The text form of a cursor."""
    return base64.urlsafe_b64encode(json.dumps(value)).decode().rstrip("=")


def decode_cursor(text: str) -> Any:
    """What a cursor stands for. Raises `InvalidInput` when it is none of ours."""
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, json.InvalidJson, RecursionError):
        raise InvalidInput("cursor: not a cursor of this list. Start without one.") from None


def encode_place(at: datetime, identifier: str) -> str:
    """The cursor of a list that is ordered by moment and id."""
    return encode_cursor([to_exact_wire(at), identifier])


def decode_place(text: str) -> tuple[datetime, str]:
    """The moment and id of such a cursor. Raises `InvalidInput` when it is none."""
    match decode_cursor(text):
        case [str() as at, str() as identifier]:
            with contextlib.suppress(ValueError, OverflowError):
                return from_wire(at), identifier
    raise InvalidInput("cursor: not a cursor of this list. Start without one.")
