"""Handlers that break the sandbox process itself, each in its own way, when they are loaded."""

from __future__ import annotations

import os
import sys
import time
from typing import Any


def _die(message: bytes) -> None:
    os._exit(1)


def _stall(message: bytes) -> None:
    time.sleep(60)


def __getattr__(name: str) -> Any:
    worker: Any = sys.modules["__main__"]
    match name:
        case "dying":
            worker.decode_batch = _die
        case "stalling":
            worker.decode_batch = _stall
        case "slow_to_load":
            time.sleep(60)
        case _:
            raise AttributeError(name)
    return _die
