"""Types that the driver does not know by itself."""

from __future__ import annotations

import struct

import asyncpg

# Between the lexemes of a `tsvector` in its text form here; no lexeme holds a control character.
LEXEME_SEPARATOR = "\x1f"

_COUNT = struct.Struct("!i")
_END = "\0\0\0"  # of a lexeme's text, and then the number of its positions: none


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Teach a new connection of the pool the types that are written by COPY."""
    await connection.set_type_codec(
        "tsvector",
        schema="pg_catalog",
        encoder=encode_tsvector,
        decoder=decode_tsvector,
        format="binary",
    )


def encode_tsvector(text: str) -> bytes:
    """Distinct lexemes, separated, as a `tsvector` without positions; the server sorts them."""
    if not text:
        return _COUNT.pack(0)
    lexemes = text.replace(LEXEME_SEPARATOR, _END) + _END
    return _COUNT.pack(text.count(LEXEME_SEPARATOR) + 1) + lexemes.encode()


def decode_tsvector(data: bytes) -> str:
    """The lexemes of a `tsvector`, separated, without their positions."""
    lexemes, place = [], _COUNT.size
    for _ in range(_COUNT.unpack_from(data)[0]):
        end = data.index(b"\0", place)
        lexemes.append(data[place:end].decode())
        positions = int.from_bytes(data[end + 1 : end + 3], "big")
        place = end + 3 + 2 * positions
    return LEXEME_SEPARATOR.join(lexemes)
