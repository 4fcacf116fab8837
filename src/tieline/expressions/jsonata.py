"""JSONata over the jlens engine, for use inside a sandbox process.

The engine says `None` for undefined and for null alike, and knows no second input document; this
module adds both. Another engine fits in by providing `JsonataEngine` and `JsonataExpression`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from jlens import Document, Expression, JlensError

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.limits import Limits
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope

# The engine refuses a regular expression right after a parenthesis, hence the assignments.
_ITEM_PREFIX = '$__item.({"v":($__v := '
_PROBE_PREFIX = "$type(($__v := "
_MAX_MESSAGE = 300


class JsonataExpression(Protocol):
    """A compiled expression."""

    def evaluate(self, scope: Scope, timeout: float) -> Any:
        """Its value in the scope, `UNDEFINED` when there is none; `timeout` is in seconds.

        Raises `ExpressionError`.
        """


class JsonataEngine(Protocol):
    """An implementation of the language."""

    def compile(self, source: str) -> JsonataExpression:
        """The compiled expression. Raises `ExpressionError`."""


class JlensEngine:
    """The engine that Tieline ships with."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._options: dict[str, Any] = {
            "max_depth": limits.max_depth,
            "max_steps": limits.max_steps,
            "max_array_length": limits.max_array_length,
            "max_string_length": limits.max_string_length,
            "max_result_size": limits.max_result_bytes,
        }

    def compile(self, source: str) -> JlensExpression:
        """The compiled expression. Raises `ExpressionError` for syntax, length and nesting."""
        if len(source) > self._limits.max_source_length:
            raise ExpressionError(
                ExpressionFault.LIMIT,
                f"The expression has {len(source)} characters; "
                f"{self._limits.max_source_length} are allowed. Split it up",
            )
        try:
            return JlensExpression(source, self._options)
        except JlensError as error:
            raise _translate(error, compiling=True) from None


class JlensExpression:
    """An expression compiled by jlens, with the variants that some scopes call for."""

    __slots__ = ("_item", "_null_probe", "_options", "_plain", "_source", "_uses_root")

    def __init__(self, source: str, options: dict[str, Any]) -> None:
        self._source = source
        self._options = options
        self._plain = Expression(source)
        self._uses_root = "$$" in source
        self._null_probe: Expression | None = None
        self._item: Expression | None = None

    def evaluate(self, scope: Scope, timeout: float) -> Any:
        """The value of the expression, `UNDEFINED` when there is none. Raises `ExpressionError`.

        An item that is itself a list sees itself as `$$`: the language would iterate over it.
        """
        split = self._uses_root and scope.root is not scope and not isinstance(scope.value, list)
        try:
            if split:
                return self._evaluate_item(scope, timeout)
            document = _document(scope)
            value = self._plain.evaluate_document(document, timeout=timeout, **self._options)
            return value if value is not None else self._null_or_undefined(document, timeout)
        except JlensError as error:
            shift = len(_ITEM_PREFIX) if split else 0
            raise _translate(error, timeout=timeout, shift=shift) from None

    def _null_or_undefined(self, document: Document, timeout: float) -> Any:
        if self._null_probe is None:
            self._null_probe = Expression(f"{_PROBE_PREFIX}{self._source}))")
        kind = self._null_probe.evaluate_document(document, timeout=timeout, **self._options)
        return None if kind == "null" else UNDEFINED

    def _evaluate_item(self, scope: Scope, timeout: float) -> Any:
        if self._item is None:
            self._item = Expression(f"{_ITEM_PREFIX}{self._source})}})")
        wrapped = self._item.evaluate_document(
            _document(scope.root), {"__item": _convertible(scope)}, timeout=timeout, **self._options
        )
        return wrapped.get("v", UNDEFINED) if isinstance(wrapped, dict) else UNDEFINED


def _document(scope: Scope) -> Document:
    if scope.prepared is None:
        scope.prepared = _parse(scope.text) or _convert(scope.value)
    document: Document = scope.prepared
    return document


def _parse(text: bytes | None) -> Document | None:
    """The document in a JSON text; None when the engine cannot take the text as it is."""
    if text is None:
        return None
    try:
        return Document.from_json(text.decode())
    except ValueError:
        return None


def _convert(value: Any) -> Document:
    try:
        return Document(value)
    except TypeError:
        return Document(_as_doubles(value))


def _convertible(scope: Scope) -> Any:
    """The scope's value in a form that can be bound to a name."""
    try:
        Document(scope.value)
    except TypeError:
        return _as_doubles(scope.value)
    return scope.value


def _as_doubles(value: Any) -> Any:
    """The value with every decimal as the double that the language defines for it."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {key: _as_doubles(item) for key, item in value.items()}
        case list():
            return [_as_doubles(item) for item in value]
        case _:
            return value


_LIMIT_CODES = {"U1001", "U1006", "D1011", "D2014", "D2016"}


def _translate(
    error: JlensError, *, compiling: bool = False, timeout: float = 0.0, shift: int = 0
) -> ExpressionError:
    """The engine's error in our words, with the position in the source as it was written."""
    message = str(error)[:_MAX_MESSAGE].rstrip(".")
    match error.code:
        case "D1012":
            fault = ExpressionFault.TIMEOUT
            message = f"The evaluation took longer than {timeout:.3g} seconds"
        case "U1006":
            fault = ExpressionFault.LIMIT
            message += "; look for an endless recursion"
        case code if code in _LIMIT_CODES:
            fault = ExpressionFault.LIMIT
        case code if compiling or code.startswith("S0"):
            fault = ExpressionFault.SYNTAX
        case _:
            fault = ExpressionFault.EVALUATION
    position = None if error.start is None else error.start - shift
    inside = position is not None and position >= 0
    return ExpressionError(fault, message, position if inside else None, error.code)
