"""Opaque cursors: URL-safe text around a small JSON value."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tieline.kit import json
from tieline.kit.errors import InvalidInput


def encode_cursor(value: Any) -> str:
    """The text form of a cursor."""
    return base64.urlsafe_b64encode(json.dumps(value)).decode().rstrip("=")


def decode_cursor(text: str) -> Any:
    """What a cursor stands for. Raises `InvalidInput` when it is none of ours."""
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, json.InvalidJson, RecursionError):
        raise InvalidInput("cursor: not a cursor of this list. Start without one.") from None
