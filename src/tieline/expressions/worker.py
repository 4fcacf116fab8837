"""The inside of a sandbox process: `python -m tieline.expressions.worker`, never run by hand.

It confines itself before it imports anything that touches untrusted input, then answers batches
from its standard input until that ends.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable

import msgspec

from tieline.expressions.limits import Limits
from tieline.expressions.progress import Progress
from tieline.expressions.wire import BATCH_HEADER, Status, decode_batch, encode_frame

Handler = Callable[[bytes, bytes, Limits], bytes]

_PR_SET_PDEATHSIG = 1
_FLUSH_SECONDS = 0.01
_FLUSH_BYTES = 1 << 16
_MAX_MESSAGE = 500


def confine(limits: Limits, parent: int) -> None:
    """Give up memory beyond the limit, core dumps, file writes, and life beyond the parent's."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def claim_streams() -> tuple[int, int]:
    """Take the pipes for the protocol, so that a stray print or input cannot reach them."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, replies


def load_handler(name: str) -> Handler:
    """The function that `package.module:function` names."""
    module, _, function = name.partition(":")
    handler: Handler = getattr(importlib.import_module(module), function)
    return handler


def read_exactly(descriptor: int, size: int) -> bytes | None:
    """The next `size` bytes, or None when the stream ends before."""
    chunks: list[bytes] = []
    while size:
        chunk = os.read(descriptor, min(size, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write everything, however small the pipe."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Server:
    """Answers batches; knows the shared blobs that it was told."""

    def __init__(self, handler: Handler, limits: Limits, replies: int, progress: Progress) -> None:
        self._handler = handler
        self._limits = limits
        self._replies = replies
        self._progress = progress
        self._shared: dict[str, bytes] = {}

    def answer(self, message: bytes) -> None:
        """Run every task of a batch, sending results in bunches. Exits after a MemoryError."""
        batch = decode_batch(message)
        for name in batch.forget:
            self._shared.pop(name, None)
        self._shared.update(batch.learn)
        progress, outgoing, flushed = self._progress, bytearray(), time.monotonic()
        for position, task in enumerate(batch.tasks):
            progress.task = position
            status, body = self._run(task.shared_name, task.body)
            outgoing += encode_frame(status, body)
            if status == Status.OUT_OF_MEMORY:
                self._flush(outgoing)
                os._exit(0)
            if len(outgoing) > _FLUSH_BYTES or time.monotonic() - flushed > _FLUSH_SECONDS:
                self._flush(outgoing)
                outgoing, flushed = bytearray(), time.monotonic()
        self._flush(outgoing)

    def _run(self, name: str, body: bytes) -> tuple[int, bytes]:
        try:
            return Status.DONE, self._handler(self._shared[name], body, self._limits)
        except MemoryError:
            limit = self._limits.memory_bytes >> 20
            return Status.OUT_OF_MEMORY, f"needed more than {limit} MiB of memory".encode()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"[:_MAX_MESSAGE]
            return Status.HANDLER_ERROR, text.encode("utf-8", "replace")

    def _flush(self, outgoing: bytearray) -> None:
        # Waiting for the owner to read is nobody's fault: no task is shown meanwhile.
        self._progress.task = None
        write_all(self._replies, outgoing)


def main(arguments: list[str]) -> None:
    """Serve until the owner closes the pipe: handler, limits as JSON, descriptor, parent's id."""
    handler_name, limits_json, descriptor, parent = arguments
    limits = msgspec.json.decode(limits_json, type=Limits)
    confine(limits, int(parent))
    requests, replies = claim_streams()
    progress = Progress(int(descriptor))
    server = Server(load_handler(handler_name), limits, replies, progress)
    write_all(replies, encode_frame(Status.READY, b""))
    while (header := read_exactly(requests, BATCH_HEADER.size)) is not None:
        message = read_exactly(requests, BATCH_HEADER.unpack(header)[0])
        if message is None:
            return
        server.answer(message)


if __name__ == "__main__":
    main(sys.argv[1:])
