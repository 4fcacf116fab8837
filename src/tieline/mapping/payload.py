"""Reads a payload without losing anything: every integer and every decimal stays exact."""

from __future__ import annotations

import codecs
from typing import Any

from tieline.kit import json as lossless_json
from tieline.mapping.errors import MalformedPayload
from tieline.mapping.models import PayloadFormat

MAX_BYTES = 10_000_000
MAX_DEPTH = 100


def without_mark(text: bytes) -> bytes:
    """The text without the byte-order mark that Windows programs write in front of it."""
    return text.removeprefix(codecs.BOM_UTF8)


def parse_payload(text: bytes, payload_format: PayloadFormat | str = PayloadFormat.JSON) -> Any:
    """The value of a payload of at most 10 MB and 100 levels.

    XML becomes what `tieline.mapping.xml` describes. Raises `MalformedPayload`, naming line and
    column where the format has any.
    """
    if len(text) > MAX_BYTES:
        raise MalformedPayload(
            f"The payload has {len(text)} bytes; {MAX_BYTES} are allowed. Send less in one event."
        )
    if PayloadFormat(payload_format) is PayloadFormat.XML:
        # Imported late: most processes never see XML.
        from tieline.mapping.xml import parse_xml

        return parse_xml(text, MAX_DEPTH)
    return _parse_json(text)


def _parse_json(text: bytes) -> Any:
    try:
        value = lossless_json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except (lossless_json.InvalidJson, ValueError) as error:
        raise MalformedPayload(
            f"The payload is not valid JSON: {_located(str(error), text)}. Correct it and send "
            "the event again."
        ) from None
    # Every level needs a bracket of its own, so that few brackets prove that it is not deep.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    return value


def _too_deep() -> MalformedPayload:
    return MalformedPayload(
        f"The payload is nested more than {MAX_DEPTH} levels deep. Flatten it and send it again."
    )


def _located(message: str, text: bytes) -> str:
    """The parser's message with line and column in place of a byte offset."""
    reason, found, offset = message.removesuffix(")").rpartition(" (byte ")
    if not found:
        reason, offset = "the text ends too early", str(len(text))
        if message != "Input data was truncated":
            return message
    before = text[: int(offset)]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return f"{reason.removeprefix('JSON is malformed: ')} at line {line}, column {column}"


def _is_deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            child
            for parent in layer
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not layer:
            return False
    return True
