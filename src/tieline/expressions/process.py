"""One sandbox process, seen from its owner."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec

import tieline
from tieline.expressions.errors import SandboxStartFailed
from tieline.expressions.limits import Limits
from tieline.expressions.models import FailureReason, Result, Task
from tieline.expressions.progress import Progress
from tieline.expressions.shared import KnownBlobs
from tieline.expressions.wire import (
    Batch,
    FrameReader,
    Status,
    StreamError,
    encode_batch,
    to_result,
)

START_SECONDS = 30.0
STALLED_SECONDS = 30.0
_CHECKS_PER_TASK = 20
_STDERR_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Loss:
    """The process is gone: why, and the position of the task it died on, if on any."""

    reason: FailureReason
    task: int | None


@dataclass(frozen=True, slots=True)
class Round:
    """The results, in order, that one message to a process brought, and how it ended."""

    results: list[Result]
    loss: Loss | None


def child_environment() -> dict[str, str]:
    """The variables a sandbox process gets: where to find code, nothing that could be secret."""
    search = [str(Path(tieline.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {"PYTHONPATH": os.pathsep.join(part for part in search if part)}
    for name in ("PATH", "LANG"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


class WorkerProcess(asyncio.SubprocessProtocol):
    """Starts the process, exchanges batches with it, and kills it when a task takes too long."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._progress = Progress.create()
        self._known = KnownBlobs()
        self._frames = FrameReader()
        self._stderr = bytearray()
        self._results: list[Result] = []
        self._expected = 0
        self._loss: Loss | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._finished: asyncio.Future[None] | None = None
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def start(cls, handler: str, limits: Limits) -> WorkerProcess:
        """A process that has loaded its handler. Raises `SandboxStartFailed`."""
        worker = cls(limits)
        descriptor = worker._progress.descriptor
        command = [sys.executable, "-P", "-B", "-m", "tieline.expressions.worker", handler]
        command += [msgspec.json.encode(limits).decode(), str(descriptor), str(os.getpid())]
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker._loop.subprocess_exec(
                    lambda: worker,
                    *command,
                    env=child_environment(),
                    pass_fds=(descriptor,),
                    start_new_session=True,
                )
                await worker._ready
        except BaseException as error:
            await worker.stop()
            if isinstance(error, OSError | TimeoutError):
                raise SandboxStartFailed(f"A sandbox process did not start: {error!r}") from error
            raise
        return worker

    @property
    def pid(self) -> int:
        """The operating system's number of the process."""
        return self._transport.get_pid() if self._transport else 0

    @property
    def alive(self) -> bool:
        """Whether the process can take another batch."""
        return self._ready.done() and self._loss is None and not self._exited.done()

    async def exchange(self, shared: Mapping[str, bytes], tasks: Sequence[Task]) -> Round:
        """Send tasks and wait for their results, or for the end of the process."""
        forget, learn = self._known.prepare(shared, (task.shared_name for task in tasks))
        message = encode_batch(Batch(forget, learn, list(tasks)))
        self._results, self._expected = [], len(tasks)
        self._finished = self._loop.create_future()
        if self._loss is not None:
            return Round([], self._loss)
        self._progress.task = None
        self._stdin().write(message)
        watch = self._loop.create_task(self._watch())
        try:
            await self._finished
        finally:
            watch.cancel()
            if not self._finished.done() or self._finished.cancelled():
                self.kill()
        return Round(self._results, self._loss)

    def kill(self) -> None:
        """End the process at once."""
        self._lose(FailureReason.CRASHED, None)
        if self._transport is not None and not self._exited.done():
            # Not through the transport: that would reap the process behind the loop's back.
            with suppress(ProcessLookupError):
                os.kill(self._transport.get_pid(), signal.SIGKILL)

    async def stop(self) -> None:
        """Kill the process, wait for its end and let go of everything it held."""
        self.kill()
        if self._transport is not None:
            await self._exited
            self._transport.close()
        self._progress.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process was created."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Results, or what the process complains about."""
        if fd != 1:
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]
            return
        try:
            for status, body in self._frames.feed(data):
                if status == Status.READY and not self._ready.done():
                    self._ready.set_result(None)
                else:
                    self._results.append(to_result(status, body))
        except StreamError:
            self._lose(FailureReason.CRASHED, self._progress.task)
            self.kill()
            return
        if len(self._results) >= self._expected:
            self._finish()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """The process closed a pipe; all that it had sent has been received before."""
        if fd == 1:
            self._lose_at_work()
            self._finish()

    def process_exited(self) -> None:
        """The process has ended and been reaped."""
        self._lose_at_work()
        if not self._ready.done():
            complaint = self._stderr.decode("utf-8", "replace").strip() or "it said nothing"
            self._ready.set_exception(
                SandboxStartFailed(f"A sandbox process ended while starting: {complaint}")
            )
        if not self._exited.done():
            self._exited.set_result(None)

    def _lose(self, reason: FailureReason, task: int | None) -> None:
        """Note why the process is lost; the first reason counts."""
        if self._loss is None:
            self._loss = Loss(reason, task)

    def _lose_at_work(self) -> None:
        # Once a loss is noted, the page may be gone already.
        if self._loss is None:
            self._lose(FailureReason.CRASHED, self._progress.task)

    def _stdin(self) -> asyncio.WriteTransport:
        assert self._transport is not None
        return cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))

    def _finish(self) -> None:
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    async def _watch(self) -> None:
        """Kill the process once the same task is seen at work for longer than the limit."""
        pause = self._limits.task_seconds / _CHECKS_PER_TASK
        seen, since = (self._progress.task, len(self._results)), self._loop.time()
        while True:
            await asyncio.sleep(pause)
            now = (self._progress.task, len(self._results))
            if now != seen:
                seen, since = now, self._loop.time()
                continue
            allowed = STALLED_SECONDS if now[0] is None else self._limits.task_seconds
            if self._loop.time() - since >= allowed:
                self._lose(FailureReason.TIMEOUT, now[0])
                self.kill()
                return
