"""The answer to one request, taken apart as it arrives. No I/O.

The parser is llhttp, the one of Node.js, in its strict mode. What it leaves open is bounded here:
an answer may not have more bytes around its body than fit into the headers of a sane one, so that
neither endless headers nor endless chunk extensions nor a stream of interim answers go on forever.
"""

from __future__ import annotations

import re
from collections import deque

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tieline.egress.errors import BrokenResponse, ResponseTooLarge, Unreachable
from tieline.egress.models import first_header

LARGEST_HEADERS = 64_000
_OVERHEAD_OF_A_BYTE = 8  # a chunk that holds one byte takes six
_WITHOUT_BODY = frozenset({"HEAD", "CONNECT"})
_STATUS_WITHOUT_BODY = frozenset({204, 304})
_DIGITS = re.compile(r"[0-9]{1,18}")


class IncomingAnswer:
    """Takes bytes and becomes an answer.

    `ready` is set once status and headers are there, `complete` once the body is too. `pieces`
    holds what has arrived of the body and nobody has taken yet; `reusable` says, in the end, that
    the connection may carry another request, and `surplus` that more came than was asked for. Names
    of headers are in lower case.
    """

    def __init__(self, method: str, place: str) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.pieces: deque[bytes] = deque()
        self.unread_bytes = 0
        self.ready = False
        self.complete = False
        self.surplus = False
        self._keeps_alive = False
        self._without_body = method in _WITHOUT_BODY
        self._place = place
        self._overhead = 0
        self._body_bytes = 0
        self._ends_with_connection = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request."""
        return self._keeps_alive and self.complete and not self.surplus

    @property
    def declared_bytes(self) -> int | None:
        """How long the body says that it is, if it does."""
        text = first_header(self.headers, "content-length") or ""
        if self._without_body or self.status in _STATUS_WITHOUT_BODY:
            return None
        return int(text) if _DIGITS.fullmatch(text) else None

    def take(self) -> bytes:
        """The next piece of the body, of which there must be one."""
        piece = self.pieces.popleft()
        self.unread_bytes -= len(piece)
        return piece

    def feed(self, data: bytes) -> None:
        """Take bytes from the wire. Raises `BrokenResponse` and `ResponseTooLarge`."""
        if self.complete or self._parser is None:
            self.surplus = True
            return
        body_before = self._body_bytes
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.complete:
                self.surplus = True
            elif isinstance(error.__context__, BrokenResponse):
                raise error.__context__ from None
            else:
                raise self._no_http() from None
        self._overhead += len(data) - (self._body_bytes - body_before)
        allowed = LARGEST_HEADERS + _OVERHEAD_OF_A_BYTE * self._body_bytes
        if not self.complete and self._overhead > allowed:
            raise self._too_large()
        if self.complete:
            self._parser = None  # it refers back to this object

    def end(self, *, broken: bool = False) -> None:
        """The connection has ended, or was broken. Raises `BrokenResponse` and `Unreachable` if
        that is too early.
        """
        self._parser = None
        self._keeps_alive = False
        if self.complete:
            return
        if self.ready and self._ends_with_connection and not broken:
            self.complete = True
        elif self.ready or self._overhead:
            raise BrokenResponse(
                f"The answer of {self._place} breaks off before its end. Try again."
            )
        else:
            raise Unreachable(
                f"{self._place} closed the connection without an answer. Check that it runs, and "
                "try again."
            )

    # --- what the parser calls

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """A header, or after the body a trailer, which nobody needs."""
        if not self.ready:
            text = "" if value is None else value.decode("latin-1")
            self.headers.append((name.decode("latin-1").lower(), text))

    def on_headers_complete(self) -> None:
        """Status and headers are there. Raises `BrokenResponse`."""
        parser = self._parser
        if self.ready or parser is None:
            return
        self.status = parser.get_status_code()
        if parser.get_http_version() not in {"1.1", "1.0"} or not 100 <= self.status <= 999:
            raise self._no_http()
        if self.status < 200:
            return
        if sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEADERS:
            raise self._too_large()
        self._frame()
        self._keeps_alive = parser.should_keep_alive() and not self._ends_with_connection
        self.ready = True
        if self._without_body:
            # The parser would wait for what the headers announce.
            self.complete = True

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self.complete:
            self.surplus = True
            return
        self._body_bytes += len(data)
        self.unread_bytes += len(data)
        self.pieces.append(data)

    def on_message_begin(self) -> None:
        """An answer begins: the one that is awaited, or one more than was asked for."""
        if self.complete:
            self.surplus = True

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one, which says nothing."""
        if self.ready:
            self.complete = True
        else:
            self.headers.clear()

    def _frame(self) -> None:
        encodings = [value for name, value in self.headers if name == "transfer-encoding"]
        if encodings and (len(encodings) > 1 or encodings[0].strip().lower() != "chunked"):
            raise BrokenResponse(
                f"{self._place} sends its answer in a transfer encoding that was not asked for."
            )
        sized = encodings or any(name == "content-length" for name, _ in self.headers)
        self._ends_with_connection = not sized and self.status not in _STATUS_WITHOUT_BODY

    def _no_http(self) -> BrokenResponse:
        return BrokenResponse(
            f"What {self._place} answers is no HTTP. Check that the port is that of a web server."
        )

    def _too_large(self) -> ResponseTooLarge:
        return ResponseTooLarge(
            f"The headers of the answer of {self._place} have more than {LARGEST_HEADERS:,} bytes."
        )
