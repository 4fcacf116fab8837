"""Handlers that run inside the sandbox processes of these tests."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tieline.expressions.errors import ExpressionError
from tieline.expressions.evaluator import Evaluator
from tieline.expressions.limits import Limits
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope


def obey(shared: bytes, body: bytes, limits: Limits) -> bytes:
    """Do what the body says."""
    match body.split(b" ")[0]:
        case b"echo":
            return shared + b"|" + body
        case b"print":
            print("stray output " * 1000)
            sys.stdout.flush()
            os.write(1, b"\x00\xff\xff\xff\xff")
            return b"printed"
        case b"read":
            return sys.stdin.read().encode() + b"nothing to read"
        case b"fail":
            raise ValueError("no such thing " * 100)
        case b"hang":
            while True:
                time.monotonic()
        case b"pause":
            time.sleep(0.02)
            return b"paused"
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"die-once":
            marker = Path(body.split(b" ")[1].decode())
            if marker.exists():
                marker.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            return b"survived"
        case b"eat":
            return bytes(bytearray(4 << 30))
        case b"pid":
            return str(os.getpid()).encode()
        case b"garble":
            for descriptor in range(3, 10):
                with suppress(OSError):
                    os.write(descriptor, bytes.fromhex("ffffffffff"))
            time.sleep(60)
        case b"large":
            return b"x" * 3_000_000
        case b"environment":
            return json.dumps(dict(os.environ)).encode()
        case b"confinement":
            return json.dumps(
                {
                    "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
                    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
                    "file": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
                    "sigint": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
                }
            ).encode()
    raise AssertionError(body)


_evaluators: dict[Limits, Evaluator] = {}


def evaluate(shared: bytes, body: bytes, limits: Limits) -> bytes:
    """Evaluate the body as JSONata against the shared JSON, answering with JSON."""
    evaluator = _evaluators.setdefault(limits, Evaluator(limits))
    evaluator.begin_task()
    try:
        value = evaluator.evaluate(body.decode(), Scope(json.loads(shared), text=shared))
    except ExpressionError as error:
        return json.dumps({"fault": error.fault, "message": error.message}).encode()
    return json.dumps({} if value is UNDEFINED else {"value": value}).encode()


def find(shared: bytes, body: bytes, limits: Limits) -> bytes:
    """Evaluate the body as JSONPath on the shared JSON."""
    return json.dumps(Evaluator(limits).find(body.decode(), json.loads(shared))).encode()
