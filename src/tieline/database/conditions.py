"""Statements whose conditions depend on what is asked: their parts, and the arguments of these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Parameters:
    """The arguments of one statement; `$1` is the organisation, `values` are those after it."""

    def __init__(self, *values: Any) -> None:
        self.values: list[Any] = list(values)

    def bind(self, value: Any) -> str:
        """What stands in the statement for one more value."""
        self.values.append(value)
        return f"${len(self.values) + 1}"


class Conditions(Parameters):
    """The WHERE clause of one statement, and its arguments."""

    def __init__(self, first: str, *values: Any) -> None:
        super().__init__()
        self._conditions: list[str] = []
        self.add(first, *values)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition, with `{}` where its values stand."""
        self._conditions.append(condition.format(*map(self.bind, values)))

    def add_given(self, conditions: Iterable[tuple[str, Any]]) -> None:
        """Those conditions whose value is given: None lets everything pass."""
        for condition, value in conditions:
            if value is not None:
                self.add(condition, value)

    def __str__(self) -> str:
        return " AND ".join(self._conditions)
