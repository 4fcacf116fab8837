"""Why an event could not be mapped.

MappingError
├── MalformedPayload          validation     the payload is not what its format says
├── MissingUniqueIdentifiers  validation     an identifying attribute has no value
├── AttributeTypeMismatch     validation     a value of the wrong kind
├── RelationRefValueUndefined validation     a reference has no value to refer to
├── InvalidConfiguration      configuration  the configuration cannot work
├── ExpressionFailed          configuration  a JSONata expression or a JSONPath failed
├── ResultTooLarge            configuration  the result exceeds the limit
├── ExpressionTimeout         timeout        the expressions took too long
└── SandboxFailed             system         the process that maps died
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from tieline.kit.errors import TielineError


class ErrorCategory(StrEnum):
    """Where to look for the cause of an error."""

    VALIDATION = "validation"
    CONFIGURATION = "configuration"
    TIMEOUT = "timeout"
    SYSTEM = "system"


class MappingError(TielineError):
    """The event could not be mapped. Try its payload in the mapping simulation.

    `path` leads to the part of the configuration that is concerned, such as
    `entities[0].fields[2].jsonataExpression`; it is empty when that is all of it.
    """

    code = "MAPPING_FAILED"
    http_status = 422
    category: ClassVar[ErrorCategory] = ErrorCategory.VALIDATION

    def __init__(self, message: str | None = None, path: str = "") -> None:
        super().__init__(message, path=path)
        self.path = path


class MalformedPayload(MappingError):
    """The payload is not well-formed. Correct it at the place named and send the event again."""

    code = "MALFORMED_PAYLOAD"


class MissingUniqueIdentifiers(MappingError):
    """An identifying attribute has no value. Send it, or correct the field that produces it."""

    code = "MISSING_UNIQUE_IDENTIFIERS"


class AttributeTypeMismatch(MappingError):
    """A value is of the wrong kind. Correct the field that produces it."""

    code = "ATTRIBUTE_TYPE_MISMATCH"


class RelationRefValueUndefined(MappingError):
    """A relation reference has no value to refer to. Send it, or correct its source."""

    code = "RELATION_REF_VALUE_UNDEFINED"


class InvalidConfiguration(MappingError):
    """The configuration cannot work. Correct it at the path named."""

    code = "INVALID_CONFIGURATION"
    http_status = 400
    category = ErrorCategory.CONFIGURATION


class ExpressionFailed(MappingError):
    """An expression failed. Correct it at the path named and replay the event."""

    code = "MAPPING_EXPRESSION_FAILED"
    category = ErrorCategory.CONFIGURATION


class ResultTooLarge(MappingError):
    """The mapping produced too much. Send less in one event, or map fewer attributes."""

    code = "MAPPING_RESULT_TOO_LARGE"
    category = ErrorCategory.CONFIGURATION


class ExpressionTimeout(MappingError):
    """The expressions took too long. Simplify them, or send less in one event."""

    code = "EXPRESSION_TIMEOUT"
    category = ErrorCategory.TIMEOUT


class SandboxFailed(MappingError):
    """The process that evaluates expressions died. Replay the event; simplify its expressions."""

    code = "SANDBOX_FAILED"
    http_status = 500
    category = ErrorCategory.SYSTEM


def which_item(index: int, count: int) -> str:
    """What a message about one of several items begins with; nothing if there is only one."""
    return "" if count == 1 else f"In item [{index}] of {count}: "


def of_item(error: MappingError, index: int, count: int) -> MappingError:
    """The same error, naming which of several items it is about."""
    if count == 1:
        return error
    return type(error)(f"{which_item(index, count)}{error.message}", error.path)


_KINDS: list[type[MappingError]] = [MappingError, *MappingError.__subclasses__()]
BY_CODE = {kind.code: kind for kind in _KINDS}
