"""Texts as the database takes them."""

from __future__ import annotations

# PostgreSQL stores no NUL character. What happened must be written down whatever was sent, so the
# character that Unicode has for such cases stands in for it.
NUL = "\x00"
REPLACEMENT = "\ufffd"


def storable(text: str) -> str:
    """The text with a replacement character for each NUL character."""
    return text.replace(NUL, REPLACEMENT) if NUL in text else text
