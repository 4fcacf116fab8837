"""`python -m tests.components`: a sink in a process of its own, for benchmarks and for chaos.

Its first line of output is its address. It ends when its input ends or a signal comes, and answers:

    GET  /_sink/requests  what it was sent, without the bodies, as a list
    GET  /_sink/counts    how many requests there were for each `webhook-id`
    POST /_sink/clear     forget all that
    anything else         200, or the failure that the options ask for
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import uvloop

from tests.components.failing import TROUBLES, FailingShare
from tests.components.http_protocol import Fault, Received, Reply
from tests.components.sink import Sink, summary

CONTROL = "/_sink/"


class ControlledSink(Sink):
    """A sink that another process asks."""

    def reply(self, request: Received) -> Reply:
        """What was asked, or the answer to what was sent."""
        match request.path.removeprefix(CONTROL):
            case "requests":
                return Reply.of(summary(self.requests))
            case "counts":
                return Reply.of(dict(self.counts()))
            case "clear":
                self.requests.clear()
                return Reply(204)
        return super().reply(request)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.components", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fail", type=float, default=0.0, help="share that fails, 0 to 1")
    parser.add_argument("--by", choices=("message", "attempt"), default="message")
    parser.add_argument("--troubles", action="store_true", help="fail in several ways")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--hang", action="append", default=[], help="a path that never answers")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    sink = ControlledSink(keep_bodies=False)
    if options.fail:
        how = TROUBLES if options.troubles else (Reply(500),)
        sink.otherwise = FailingShare(options.fail, options.by, how)
    elif options.delay:
        sink.otherwise = lambda _request: Reply(200, b"{}", delay=options.delay)
    for path in options.hang:
        sink.answer(path, Reply(fault=Fault.HANG))
    async with sink.serving(options.port):
        print(sink.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve(_options()))
