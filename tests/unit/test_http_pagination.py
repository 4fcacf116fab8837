"""Cursors: what is none of ours is refused, whatever it is."""

import base64

import pytest

from tieline.http.pagination import decode_cursor, encode_cursor
from tieline.kit.errors import InvalidInput


def test_a_cursor_holds_what_was_put_in() -> None:
    value = ["connectors:-created_at", ["2026-01-31", None, 7, "ä"]]

    assert decode_cursor(encode_cursor(value)) == value


@pytest.mark.parametrize("content", [b"", b"x", b"[", b"\xff", b'"\\ud800"', b"[" * 6_000])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="cursor: "):
        decode_cursor(base64.urlsafe_b64encode(content).decode())


@pytest.mark.parametrize("text", ["x", "ä", "\x00", "%%%%"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="cursor: "):
        decode_cursor(text)
