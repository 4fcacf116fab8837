"""Everything a task needs to evaluate expressions: compiled once, within the task's time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.jsonata import JlensEngine, JsonataEngine, JsonataExpression
from tieline.expressions.jsonpath import JsonPath
from tieline.expressions.limits import DEFAULT_LIMITS, Limits
from tieline.expressions.scope import Scope

_CACHED = 2_000
# The rest of a task's time is for reading the payload and writing the result.
_SHARE_OF_TASK = 0.9

T = TypeVar("T")


class CompileCache(Generic[T]):
    """The most recently used compiled sources."""

    def __init__(self, compile_source: Callable[[str], T], size: int = _CACHED) -> None:
        self._compile = compile_source
        self._size = size
        self._entries: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, source: str) -> T:
        """The compiled form of the source; whatever compiling raises goes through."""
        entry = self._entries.get(source)
        if entry is None:
            entry = self._entries[source] = self._compile(source)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(source)
        return entry


class Evaluator:
    """Evaluates JSONata and JSONPath, sharing one allowance of time among a task's expressions."""

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        engine: JsonataEngine | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._deadline = float("inf")
        self._expressions: CompileCache[JsonataExpression]
        self._expressions = CompileCache((engine or JlensEngine(limits)).compile)
        self._paths: CompileCache[JsonPath] = CompileCache(lambda text: JsonPath(text, limits))

    def begin_task(self) -> None:
        """Start the clock for the expressions of one task."""
        self._deadline = self._clock() + self._limits.task_seconds * _SHARE_OF_TASK

    def evaluate(self, source: str, scope: Scope) -> Any:
        """The value of a JSONata expression, or `UNDEFINED`. Raises `ExpressionError`."""
        expression = self._expressions.get(source)
        remaining = self._deadline - self._clock()
        if remaining <= 0:
            raise ExpressionError(
                ExpressionFault.TIMEOUT, "The expressions before this one used up the event's time"
            )
        return expression.evaluate(scope, min(self._limits.evaluation_seconds, remaining))

    def find(self, query: str, value: Any) -> Any:
        """What a JSONPath finds: one match, a list, or `UNDEFINED`. Raises `ExpressionError`."""
        return self._paths.get(query).find(value)

    def check_expression(self, source: str) -> None:
        """Raise the `ExpressionError` that the expression would end with before it even runs."""
        self._expressions.get(source)

    def check_path(self, query: str) -> None:
        """Raise the `ExpressionError` that the JSONPath would end with before it even runs."""
        self._paths.get(query)
