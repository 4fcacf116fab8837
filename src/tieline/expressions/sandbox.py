"""A pool of sandbox processes for work that may hang, crash or eat memory.

The pool knows nothing of what the work is: a handler is named by `module:function`, takes
`(shared: bytes, body: bytes, limits: Limits)` and returns bytes. A handler must be pure, because
a task may run twice when its process dies.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from tieline.expressions.errors import SandboxClosed
from tieline.expressions.limits import DEFAULT_LIMITS, Limits
from tieline.expressions.models import Failed, FailureReason, Result, Task
from tieline.expressions.process import Loss, WorkerProcess

_MAX_CRASHES_PER_TASK = 2
_MAX_FRUITLESS_ROUNDS = 3

# A batch gives its process up between slices: batches of others must not wait until all of a slow
# one is done, and a process must not hold the whole of a large one in its limited memory.
_SLICE_SECONDS = 0.1
_SLICE_BYTES = 8 << 20
_FIRST_SLICE = 20
_LARGEST_SLICE = 200


class _Slot:
    """A place in the pool: the process in it is replaced whenever it dies."""

    def __init__(self, handler: str, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._process: WorkerProcess | None = None
        self._closed = False

    async def process(self) -> WorkerProcess:
        """The living process of this place, started if need be. Raises `SandboxClosed`."""
        if self._closed:
            raise SandboxClosed
        if self._process is None or not self._process.alive:
            await self.stop()
            self._process = await WorkerProcess.start(self._handler, self._limits)
        return self._process

    async def close(self) -> None:
        self._closed = True
        await self.stop()

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.alive else None


class _Run:
    """One batch on its way through as many processes as it costs."""

    def __init__(self, shared: Mapping[str, bytes], tasks: Sequence[Task], limits: Limits) -> None:
        self._shared = shared
        self._tasks = tasks
        self._limits = limits
        self._results: list[Result | None] = [None] * len(tasks)
        self._pending = list(range(len(tasks)))
        self._crashes: Counter[int] = Counter()
        self._fruitless = 0

    async def finish(self, slot: _Slot) -> list[Result]:
        while self._pending:
            process = await slot.process()
            sent = self._pending
            outcome = await process.exchange(self._shared, [self._tasks[i] for i in sent])
            for index, result in zip(sent, outcome.results, strict=False):
                self._results[index] = result
            if outcome.loss is not None:
                self._account(outcome.loss, sent, received=len(outcome.results))
            self._pending = [i for i in sent if self._results[i] is None]
        return [result for result in self._results if result is not None]

    def _account(self, loss: Loss, sent: list[int], received: int) -> None:
        """Blame the task that was being worked on, or nobody; what else was sent runs again."""
        culprit = loss.task
        if culprit is None or not received <= culprit < len(sent):
            self._fruitless = 0 if received else self._fruitless + 1
            if self._fruitless >= _MAX_FRUITLESS_ROUNDS:
                self._fail(sent, FailureReason.CRASHED, "the sandbox process keeps dying")
            return
        index = sent[culprit]
        if loss.reason is FailureReason.TIMEOUT:
            seconds = self._limits.task_seconds
            self._fail([index], loss.reason, f"did not finish within {seconds:g} seconds")
            return
        # A process killed from outside is not the task's fault: it gets a second chance.
        self._crashes[index] += 1
        if self._crashes[index] >= _MAX_CRASHES_PER_TASK:
            self._fail([index], loss.reason, "crashed the sandbox process")

    def _fail(self, indices: Sequence[int], reason: FailureReason, message: str) -> None:
        for index in indices:
            if self._results[index] is None:
                self._results[index] = Failed(reason, message)


class SandboxPool:
    """`size` processes running the handler; concurrent runs take turns with them."""

    def __init__(self, *, handler: str, size: int = 1, limits: Limits = DEFAULT_LIMITS) -> None:
        if size < 1:
            raise ValueError("A sandbox pool needs at least one process.")
        self._limits = limits
        self._slots = [_Slot(handler, limits) for _ in range(size)]
        # Last in, first out: a busy process knows more shared blobs than an idle one.
        self._idle: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()
        self._open = False

    @property
    def pids(self) -> list[int]:
        """The operating system's numbers of the living processes."""
        return [slot.pid for slot in self._slots if slot.pid is not None]

    async def start(self) -> None:
        """Start every process. Raises `SandboxStartFailed`."""
        try:
            await asyncio.gather(*(slot.process() for slot in self._slots))
        except BaseException:
            await self.close()
            raise
        for slot in self._slots:
            self._idle.put_nowait(slot)
        self._open = True

    async def close(self) -> None:
        """Kill every process, idle or not."""
        self._open = False
        await asyncio.gather(*(slot.close() for slot in self._slots))

    async def run(self, shared: Mapping[str, bytes], tasks: Sequence[Task]) -> list[Result]:
        """The results of the tasks, in order; a task that fails costs only itself.

        `shared` holds at least the blobs that the tasks name; a process gets a blob only when it
        does not know its name yet, so a name must always stand for the same bytes. Raises
        `SandboxClosed` outside `start` and `close`, `SandboxStartFailed` when no process starts.
        """
        if not self._open:
            raise SandboxClosed
        if not tasks:
            return []
        results: list[Result] = []
        count = _FIRST_SLICE
        while len(results) < len(tasks):
            part = _next_slice(tasks, len(results), count)
            done, seconds = await self._run_slice(shared, part)
            results += done
            count = round(len(part) * _SLICE_SECONDS / max(seconds, 0.001))
            count = max(1, min(count, _LARGEST_SLICE))
            await asyncio.sleep(0)  # whoever waits for the process takes it now
        return results

    async def _run_slice(
        self, shared: Mapping[str, bytes], tasks: Sequence[Task]
    ) -> tuple[list[Result], float]:
        """The results of a few tasks, and the seconds that they took."""
        slot = await self._idle.get()
        started = time.monotonic()
        try:
            results = await _Run(shared, tasks, self._limits).finish(slot)
            return results, time.monotonic() - started
        except BaseException:
            # Whatever happened in between, the next batch must not see this one's leftovers.
            await slot.stop()
            raise
        finally:
            self._idle.put_nowait(slot)


def _next_slice(tasks: Sequence[Task], start: int, count: int) -> Sequence[Task]:
    """Up to `count` tasks from `start`, and no more bytes than fit, but at least one."""
    end, size = start, 0
    while end < min(start + count, len(tasks)):
        size += len(tasks[end].body)
        if size > _SLICE_BYTES and end > start:
            break
        end += 1
    return tasks[start:end]
