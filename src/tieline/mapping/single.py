"""A single expression on a single value: for everything that is rendered and not mapped."""

from __future__ import annotations

import msgspec

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.evaluator import Evaluator
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.kit import json as lossless_json
from tieline.mapping.check import located
from tieline.mapping.errors import ExpressionFailed, ExpressionTimeout
from tieline.mapping.payload import parse_payload
from tieline.mapping.wire import ValueReply


def evaluate_source(source: str, text: bytes, evaluator: Evaluator) -> ValueReply:
    """What an expression makes of the JSON value in `text`.

    Raises `ExpressionFailed`, `ExpressionTimeout`, and `MalformedPayload`.
    """
    scope = Scope(parse_payload(text), text=text)
    try:
        value = evaluator.evaluate(source, scope)
    except ExpressionError as error:
        message = f"{located(error)}. Correct the expression."
        if error.fault is ExpressionFault.TIMEOUT:
            raise ExpressionTimeout(message) from None
        raise ExpressionFailed(message) from None
    if value is UNDEFINED:
        return ValueReply(defined=False, json=msgspec.Raw(b"null"))
    return ValueReply(defined=True, json=msgspec.Raw(lossless_json.dumps(value)))
