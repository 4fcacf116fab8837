"""The body of an answer, decompressed and never larger than wanted."""

from __future__ import annotations

import zlib

from tieline.egress.errors import BrokenResponse, ResponseTooLarge

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


class BoundedContent:
    """Collects the bytes of one body.

    `limit` holds for what arrives and for what it becomes: a bomb is seen after `limit` bytes,
    however small it arrives.
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
        self._body = bytearray()
        self._compressed = name in _COMPRESSED
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)

    def add(self, chunk: bytes) -> None:
        """Take bytes from the wire. Raises `ResponseTooLarge` and `BrokenResponse`."""
        self._arrived += len(chunk)
        if self._arrived > self._limit:
            raise self._too_large()
        if not self._compressed:
            self._body += chunk
            return
        while chunk:
            if self._inflater.eof:  # what follows is another member of the same gzip file
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            self._body += self._inflated(chunk)
            if len(self._body) > self._limit:
                raise self._too_large()
            chunk = self._inflater.unused_data or self._inflater.unconsumed_tail

    def finish(self) -> bytes:
        """The whole body. Raises `BrokenResponse` when its compressed form is cut off."""
        if self._compressed and self._arrived and not self._inflater.eof:
            raise BrokenResponse(f"The compressed answer of {self._place} ends too early.")
        return bytes(self._body)

    def _inflated(self, chunk: bytes) -> bytes:
        try:
            return self._inflater.decompress(chunk, self._limit - len(self._body) + 1)
        except zlib.error:
            raise BrokenResponse(
                f"The answer of {self._place} is not compressed as it says."
            ) from None

    def _too_large(self) -> ResponseTooLarge:
        return ResponseTooLarge(f"The answer of {self._place} has more than {self._limit:,} bytes.")
