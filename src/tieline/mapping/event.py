"""One event while it is being mapped: values, switches and errors in the words of its author."""

from __future__ import annotations

from typing import Any

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.evaluator import Evaluator
from tieline.expressions.jsonpath import walk
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.mapping.blocks import Constant, Enabled, Expression, Property, Query, Source
from tieline.mapping.errors import ExpressionFailed, ExpressionTimeout
from tieline.mapping.models import FileProxyContext, MappingWarning


class Event:
    """A payload with all that is needed to take values from it."""

    def __init__(
        self,
        evaluator: Evaluator,
        payload: Any,
        text: bytes | None,
        file_proxy: FileProxyContext | None,
    ) -> None:
        self.root = Scope(payload, text=text)
        self.file_proxy = file_proxy
        self.warnings: list[MappingWarning] = []
        self._evaluator = evaluator

    def scopes(self, expression: Expression | None) -> tuple[Scope, list[Scope]]:
        """The pre-processed payload, and the items it fans out to, each seeing the payload as `$$`.

        A list yields one item per element, nothing and null yield none, anything else yields
        itself. Without an expression the payload takes the place of the result.
        """
        whole = self.root
        if expression is not None:
            whole = Scope(self.evaluate(expression, self.root))
        if whole.value is UNDEFINED or whole.value is None:
            return whole, []
        if isinstance(whole.value, list):
            return whole, [Scope(item, self.root) for item in whole.value]
        return whole, [self.root if whole is self.root else Scope(whole.value, self.root)]

    def evaluate(self, expression: Expression, scope: Scope) -> Any:
        """The value of an expression, or `UNDEFINED`. Raises `ExpressionFailed` and its kin."""
        try:
            return self._evaluator.evaluate(expression.source, scope)
        except ExpressionError as error:
            raise _translated(error, expression) from None

    def value(self, source: Source | None, scope: Scope) -> Any:
        """The value that a source yields in an item's scope, or `UNDEFINED`."""
        match source:
            case Property(name=name):
                item = scope.value
                return item.get(name, UNDEFINED) if isinstance(item, dict) else UNDEFINED
            case Expression():
                return self.evaluate(source, scope)
            case Constant(value=value):
                return value
            case Query():
                return self._find(source, scope)
        return UNDEFINED

    def is_enabled(self, enabled: Enabled, scope: Scope) -> bool:
        """Whether a switch is on; an expression's value counts as JSONata's `$boolean` has it."""
        if isinstance(enabled, bool):
            return enabled
        return is_truthy(self.evaluate(enabled, scope))

    def warn(self, schema: str, field: str, message: str) -> None:
        """Note something that the author of the configuration should know."""
        self.warnings.append(MappingWarning(schema, field, message))

    def _find(self, query: Query, scope: Scope) -> Any:
        value = self.root.value if query.from_root else scope.value
        if query.steps is not None:
            return walk(value, query.steps)
        try:
            return self._evaluator.find(query.source, value)
        except ExpressionError as error:
            raise _translated(error, query) from None


def is_truthy(value: Any) -> bool:
    """Whether a value counts as true; a list does when one of its members does."""
    if value is UNDEFINED:
        return False
    if isinstance(value, list):
        return any(is_truthy(member) for member in value)
    return bool(value)


def _translated(
    error: ExpressionError, place: Expression | Query
) -> ExpressionFailed | ExpressionTimeout:
    where = "" if error.position is None else f" at character {error.position + 1}"
    code = "" if error.engine_code is None else f" ({error.engine_code})"
    problem = f"{place.label}: {error.message}{where}{code}."
    if error.fault is ExpressionFault.TIMEOUT:
        return ExpressionTimeout(f"{problem} Simplify the expression at {place.path}.", place.path)
    return ExpressionFailed(f"{problem} Correct the expression at {place.path}.", place.path)
