"""JSONPath (RFC 9535), for use inside a sandbox process: filters may hold regular expressions."""

from __future__ import annotations

import re
from typing import Any

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.limits import Limits
from tieline.expressions.models import UNDEFINED

Step = str | int

_STEP = re.compile(
    r"""  \.([^\W\d]\w*)
        | \[(0|-?[1-9]\d{0,8})\]
        | \['([^'\\\x00-\x1f]*)'\]
        | \["([^"\\\x00-\x1f]*)"\]
    """,
    re.VERBOSE,
)


def plain_steps(query: str) -> tuple[Step, ...] | None:
    """The names and indices of a query that has nothing else, such as `$.a['b'][0]`.

    None for any other query: those need the library.
    """
    steps: list[Step] = []
    at = 1
    while at < len(query):
        match = _STEP.match(query, at)
        if match is None:
            return None
        name, index, single, double = match.groups()
        steps.append(int(index) if index is not None else name or single or double or "")
        at = match.end()
    return tuple(steps)


def walk(value: Any, steps: tuple[Step, ...]) -> Any:
    """The value that the steps lead to, `UNDEFINED` when they lead nowhere."""
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return UNDEFINED
            value = value[step]
        elif isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return UNDEFINED
    return value


class JsonPath:
    """A compiled query."""

    def __init__(self, source: str, limits: Limits) -> None:
        # Imported late: most configurations need only plain steps, and the library is large.
        from jsonpath import JSONPathEnvironment, JSONPathError

        if len(source) > limits.max_source_length:
            raise ExpressionError(
                ExpressionFault.LIMIT,
                f"The JSONPath has {len(source)} characters; "
                f"{limits.max_source_length} are allowed",
            )
        try:
            self._query = JSONPathEnvironment(strict=True).compile(source)
        except RecursionError:
            raise ExpressionError(
                ExpressionFault.LIMIT, "The JSONPath is nested too deeply"
            ) from None
        except JSONPathError as error:
            reason = str(error).partition("\n")[0]
            position = getattr(getattr(error, "token", None), "index", None)
            if position is not None and position < 0:
                position = len(source)
            raise ExpressionError(ExpressionFault.SYNTAX, reason, position) from None

    def find(self, value: Any) -> Any:
        """One match as itself, several as a list, none as `UNDEFINED`. Raises `ExpressionError`."""
        try:
            matches = self._query.findall(value)
        except RecursionError:
            raise ExpressionError(
                ExpressionFault.LIMIT, "The JSONPath goes too deep into the payload"
            ) from None
        if not matches:
            return UNDEFINED
        return matches[0] if len(matches) == 1 else matches
