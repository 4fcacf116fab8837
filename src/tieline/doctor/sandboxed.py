"""What runs inside the sandbox when it is examined: one expression on an empty document."""

from __future__ import annotations

from tieline.expressions.jsonata import JlensEngine
from tieline.expressions.limits import Limits
from tieline.expressions.scope import Scope
from tieline.kit import json


def evaluate(_shared: bytes, source: bytes, limits: Limits) -> bytes:
    """The value of a JSONata expression as JSON. Raises `ExpressionError`."""
    expression = JlensEngine(limits).compile(source.decode())
    return json.dumps(expression.evaluate(Scope({}), limits.evaluation_seconds))
