"""What goes wrong with expressions and with the processes that run them."""

from __future__ import annotations

from enum import StrEnum

from tieline.kit.errors import TielineError, Unavailable


class ExpressionFault(StrEnum):
    """The kinds of fault an expression can have."""

    SYNTAX = "syntax"
    EVALUATION = "evaluation"
    TIMEOUT = "timeout"
    LIMIT = "limit"


class ExpressionError(TielineError):
    """The expression failed. Correct it and try it in the mapping simulation.

    `engine_code` is the code that the language defines for the fault, such as `T2001`, if any;
    `position` counts characters from the start of the expression.
    """

    code = "EXPRESSION_FAILED"
    http_status = 422

    def __init__(
        self,
        fault: ExpressionFault,
        message: str,
        position: int | None = None,
        engine_code: str | None = None,
    ) -> None:
        super().__init__(message, position=position, engine_code=engine_code)
        self.fault = fault
        self.position = position
        self.engine_code = engine_code


class SandboxStartFailed(Unavailable):
    """A sandbox process did not start. Look for its output in the server's log."""

    code = "SANDBOX_START_FAILED"


class SandboxClosed(Unavailable):
    """The sandbox is shut down. Wait until the server has restarted and try again."""

    code = "SANDBOX_CLOSED"
