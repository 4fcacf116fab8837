"""Compiles every expression of a configuration without running it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tieline.expressions.errors import ExpressionError
from tieline.expressions.evaluator import Evaluator
from tieline.mapping.blocks import Expression, InboundConfiguration, Query


def check_expressions(
    configuration: InboundConfiguration, evaluator: Evaluator
) -> list[tuple[str, str]]:
    """The path and the message of every expression or JSONPath that cannot be compiled."""
    faults: list[tuple[str, str]] = []
    for place in _places(configuration):
        try:
            if isinstance(place, Expression):
                evaluator.check_expression(place.source)
            elif place.steps is None:
                evaluator.check_path(place.source)
        except ExpressionError as error:
            faults.append((place.path, f"{place.label}: {located(error)}. Correct it."))
    return faults


def check_source(source: str, evaluator: Evaluator) -> list[tuple[str, str]]:
    """What keeps a single expression from being compiled: nothing, or one message."""
    try:
        evaluator.check_expression(source)
    except ExpressionError as error:
        return [("", located(error))]
    return []


def located(error: ExpressionError) -> str:
    """The message of an error, with the place in the expression where there is one."""
    where = "" if error.position is None else f" at character {error.position + 1}"
    return f"{error.message}{where}"


def _places(part: object) -> Iterator[Expression | Query]:
    """Every expression and query in a configuration, in its order."""
    if isinstance(part, Expression | Query):
        yield part
    elif isinstance(part, tuple):
        for member in part:
            yield from _places(member)
    elif isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            yield from _places(getattr(part, name))
