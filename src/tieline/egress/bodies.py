"""The body of an answer, decompressed and never larger than wanted."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tieline.egress.errors import BrokenResponse, ResponseTooLarge

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE = 65_536


class BoundedContent:
    """Turns what is on the wire into the bytes of one body, piece by piece.

    `limit` holds for what arrives and for what it becomes: a bomb is seen after `limit` bytes,
    however small it arrives, and no piece is large.
    """

    def __init__(self, encoding: str, limit: int, place: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", *_COMPRESSED):
            raise BrokenResponse(
                f"{place} sends its answer in an encoding that was not asked for. "
                "Only gzip and deflate are read."
            )
        self._limit = limit
        self._place = place
        self._arrived = 0
        self._made = 0
        self._compressed = name in _COMPRESSED
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB) if self._compressed else None

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What bytes from the wire stand for. Raises `ResponseTooLarge` and `BrokenResponse`."""
        self._arrived += len(chunk)
        if self._arrived > self._limit:
            raise self.too_large()
        if self._inflater is None:
            yield chunk
            return
        more = bool(chunk)
        while more:
            if self._inflater.eof:  # what follows is another member of the same gzip file
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            piece = self._inflated(self._inflater, chunk)
            self._made += len(piece)
            if self._made > self._limit:
                raise self.too_large()
            if piece:
                yield piece
            chunk = self._inflater.unused_data or self._inflater.unconsumed_tail
            # A full piece may have left something behind though all was taken in.
            more = bool(chunk) or (len(piece) == _PIECE and not self._inflater.eof)

    def finish(self) -> None:
        """The wire has ended. Raises `BrokenResponse` when the compressed form is cut off."""
        if self._inflater is not None and self._arrived and not self._inflater.eof:
            raise BrokenResponse(f"The compressed answer of {self._place} ends too early.")

    def too_large(self) -> ResponseTooLarge:
        """What to raise of a body that is larger than wanted."""
        return ResponseTooLarge(f"The answer of {self._place} has more than {self._limit:,} bytes.")

    def _inflated(self, inflater: zlib._Decompress, chunk: bytes) -> bytes:
        try:
            return inflater.decompress(chunk, _PIECE)
        except zlib.error:
            raise BrokenResponse(
                f"The answer of {self._place} is not compressed as it says."
            ) from None
