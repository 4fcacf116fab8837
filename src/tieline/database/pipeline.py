"""Statements of one transaction that run while the caller prepares the next ones.

A batch costs the database about as much time as it costs this process. Run one after the other,
each would wait for the other half of the time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar

from tieline.database.pool import Transaction

_Item = TypeVar("_Item")
_Row = TypeVar("_Row")
_BETWEEN_PAUSES = 8


class UnexpectedRowCount(Exception):
    """A statement changed another number of rows than it had to: somebody else was there first."""


class Step(Protocol):
    """Something to be done in the transaction."""

    async def run(self, tx: Transaction) -> None:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; raises `UnexpectedRowCount` unless `expected` rows change, if it is given."""

    sql: str
    arguments: Sequence[Any]
    expected: int | None = None

    async def run(self, tx: Transaction) -> None:
        """Run it."""
        changed = await tx.execute(self.sql, *self.arguments)
        if self.expected is not None and changed != self.expected:
            raise UnexpectedRowCount


@dataclass(frozen=True, slots=True)
class Copy:
    """New rows of a table that nothing can contradict."""

    table: str
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]

    async def run(self, tx: Transaction) -> None:
        """Add them."""
        await tx.copy(self.table, self.columns, self.rows)


class Pipeline:
    """Runs steps in order, in the background. Use it as a context manager.

    While it is open nothing else may use the transaction. Leaving it waits for all steps and raises
    what the first failing one raised; the steps after that one are dropped.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._steps: deque[Step] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def add(self, step: Step) -> None:
        """Have a step run after those before it; returns without waiting for it."""
        if self._runner is not None and self._runner.done():
            self._runner.result()
            self._runner = None
        self._steps.append(step)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        await self.breathe()

    async def prepare(self, items: Sequence[_Item], row: Callable[[_Item], _Row]) -> list[_Row]:
        """The row for each item, made with pauses in which the steps go on."""
        rows: list[_Row] = []
        for start in range(0, len(items), _BETWEEN_PAUSES):
            rows += map(row, items[start : start + _BETWEEN_PAUSES])
            await self.breathe()
        return rows

    async def breathe(self) -> None:
        """Let the database's answers in and the next step out, if any step is under way."""
        if self._runner is not None and not self._runner.done():
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _run(self) -> None:
        while self._steps:
            await self._steps.popleft().run(self._tx)

    async def __aenter__(self) -> Pipeline:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is None:
            return
        if error is None:
            await self._runner
            return
        # The transaction is lost; only the statement that is under way has to end.
        self._steps.clear()
        await asyncio.wait({self._runner})
        if not self._runner.cancelled():
            self._runner.exception()
