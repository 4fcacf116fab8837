"""A file as the answer to a request: sent while it arrives, never held as a whole."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import structlog
from fastapi import Response
from starlette.types import Receive, Scope, Send

from tieline.fileproxy.models import Ending, File
from tieline.kit.errors import TielineError

log = structlog.get_logger(__name__)

_LONGEST_SENDING = 600.0  # seconds, for receivers that read slowly or not at all


class FileResponse(Response):
    """A file of somebody else's, which a browser keeps and does not show.

    It is served from the address of the API, where a page or an image with scripts in it must not
    run. When the file breaks off, so does the connection: nobody takes half a file for the whole.
    """

    def __init__(self, file: File, *, with_body: bool) -> None:
        # Not by the constructor of the base class, which wants to know the body.
        self.status_code = 200
        self.background = None
        self.body = b""
        self._file = file
        self._with_body = with_body
        self.init_headers(
            {
                "content-type": file.content_type,
                "content-disposition": content_disposition(file.filename),
                "cache-control": "no-store",
                "x-content-type-options": "nosniff",
                "content-security-policy": "sandbox; default-src 'none'",
                "referrer-policy": "no-referrer",
                "accept-ranges": "none",
            }
        )
        del self.headers["content-length"]
        if file.size is not None:
            self.headers["content-length"] = str(file.size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, and say in the end how it went."""
        gone = asyncio.create_task(_until_gone(receive))
        sending = _Sending(self._file, send, gone)
        error: Exception | None = None
        try:
            async with asyncio.timeout(_LONGEST_SENDING):
                await sending.start(self.raw_headers)
                await sending.body(self._with_body)
        except TielineError as broken:
            # The status is out. The server closes a connection whose answer is not complete.
            log.warning("file.broken_off", code=broken.code, reason=broken.message)
            error = broken
        except TimeoutError as late:
            error = late
        finally:
            gone.cancel()
            left = not sending.complete
            await self._file.close(Ending(sending.sent, error, receiver_left=left))


class _Sending:
    """Sends one file; `complete` says whether all of it went out, `sent` counts bytes."""

    def __init__(self, file: File, send: Send, gone: asyncio.Task[None]) -> None:
        self._file = file
        self._send = send
        self._gone = gone
        self.sent = 0
        self.complete = False

    async def start(self, headers: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def body(self, wanted: bool) -> None:
        if wanted:
            async for chunk in self._file.chunks:
                if self._gone.done():
                    return
                message = {"type": "http.response.body", "body": chunk, "more_body": True}
                await self._send(message)
                self.sent += len(chunk)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        self.complete = True


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def content_disposition(filename: str) -> str:
    """The header that names a file (RFC 6266), with its name in ASCII for those who know no other.

    Characters that could end the header are in neither form.
    """
    plain = "".join(char if char.isascii() and char.isprintable() else "_" for char in filename)
    plain = plain.replace("\\", "_").replace('"', "_").replace("%", "_")
    header = f'attachment; filename="{plain}"'
    if plain == filename:
        return header
    return f"{header}; filename*=UTF-8''{quote(filename, safe='')}"
