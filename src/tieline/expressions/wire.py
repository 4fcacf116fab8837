"""The bytes between a sandbox process and its owner.

To the process: `u32 length, msgpack Batch`. From it: `u32 length, u8 status, body` per task, and
one `READY` frame once the handler is loaded.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

import msgspec

from tieline.expressions.models import Done, Failed, FailureReason, Result, Task

BATCH_HEADER = Struct("<I")
FRAME_HEADER = Struct("<IB")
MAX_FRAME_BYTES = 1 << 28


class Status(IntEnum):
    """What a frame from the process says."""

    READY = 0
    DONE = 1
    HANDLER_ERROR = 2
    OUT_OF_MEMORY = 3


class Batch(msgspec.Struct, array_like=True):
    """The tasks for a process, with the shared blobs it has to learn or to forget first."""

    forget: list[str]
    learn: dict[str, bytes]
    tasks: list[Task]


class StreamError(ValueError):
    """The process sent something that is no frame."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """The message that carries a batch, with its length in front."""
    message = _encoder.encode(batch)
    return BATCH_HEADER.pack(len(message)) + message


def decode_batch(message: bytes) -> Batch:
    """The batch in a message without its length."""
    return _decoder.decode(message)


def encode_frame(status: int, body: bytes) -> bytes:
    """The frame that carries a task's outcome."""
    return FRAME_HEADER.pack(len(body), status) + body


class FrameReader:
    """Cuts a stream of bytes into frames, however the bytes arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames completed by `data`. Raises `StreamError` when there is no sense in it."""
        buffer = self._buffer
        buffer += data
        frames: list[tuple[int, bytes]] = []
        start, available, header = 0, len(buffer), FRAME_HEADER.size
        while available - start >= header:
            size, status = FRAME_HEADER.unpack_from(buffer, start)
            if size > MAX_FRAME_BYTES or status > Status.OUT_OF_MEMORY:
                raise StreamError
            end = start + header + size
            if end > available:
                break
            frames.append((status, bytes(buffer[start + header : end])))
            start = end
        del buffer[:start]
        return frames


def to_result(status: int, body: bytes) -> Result:
    """The result that a frame of a task stands for."""
    match Status(status):
        case Status.DONE:
            return Done(body)
        case Status.HANDLER_ERROR:
            return Failed(FailureReason.HANDLER_ERROR, body.decode("utf-8", "replace"))
        case Status.OUT_OF_MEMORY:
            return Failed(FailureReason.OUT_OF_MEMORY, body.decode("utf-8", "replace"))
    raise StreamError
