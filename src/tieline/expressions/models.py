"""What goes into the sandbox and what comes out."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

import msgspec


class Undefined(Enum):
    """The type of `UNDEFINED`: JSONata's "nothing here", which is not the same as null."""

    UNDEFINED = "undefined"


UNDEFINED: Final = Undefined.UNDEFINED


class FailureReason(StrEnum):
    """Why a task has no result."""

    TIMEOUT = "timeout"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    HANDLER_ERROR = "handler_error"


class Task(msgspec.Struct, frozen=True, array_like=True):
    """One piece of work: the name of a shared blob and the bytes that the handler gets with it."""

    shared_name: str
    body: bytes


class Done(msgspec.Struct, frozen=True):
    """The handler's answer to a task."""

    body: bytes


class Failed(msgspec.Struct, frozen=True):
    """A task that ended without an answer; `message` says why in words."""

    reason: FailureReason
    message: str


Result = Done | Failed
