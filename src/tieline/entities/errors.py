"""What can go wrong with entities, their schemas and their activities."""

from collections.abc import Sequence
from typing import Any

from tieline.kit.errors import Conflict, InvalidInput, NotFound, TielineError, Unprocessable


class EntityNotFound(NotFound):
    """There is no such entity of this schema. Check the id and the schema's slug."""

    code = "ENTITY_NOT_FOUND"


class RelationNotFound(NotFound):
    """The entity has no such relation. Check the attribute and the related entity's id."""

    code = "RELATION_NOT_FOUND"


class SchemaNotFound(NotFound):
    """There is no such schema. `GET /v1/entity/schemas` lists those that exist."""

    code = "SCHEMA_NOT_FOUND"


class ActivityNotFound(NotFound):
    """There is no such activity. Create it first with `POST /v1/entity/activity`."""

    code = "ACTIVITY_NOT_FOUND"


class InvalidEntity(InvalidInput):
    """The entity cannot be stored as sent. Correct the named attribute."""

    code = "INVALID_ENTITY"


class InvalidSchema(InvalidInput):
    """The schema cannot be stored as sent. Correct the named property."""

    code = "INVALID_SCHEMA"


class EntityNotDeleted(InvalidInput):
    """The entity is not in the recycle bin, so there is nothing to restore."""

    code = "ENTITY_NOT_DELETED"


class EntityIsDeleted(TielineError):
    """A deleted entity cannot be updated. Restore it first."""

    code = "ENTITY_IS_DELETED"
    http_status = 405


class EntityChanged(Conflict):
    """A newer version of the entity exists. Read it again and repeat the change on it."""

    code = "ENTITY_CHANGED"


class SeveralEntitiesMatch(Conflict):
    """Several entities match the unique key. Add attributes to it, or merge the entities."""

    code = "SEVERAL_ENTITIES_MATCH"


class ValidationFailed(Unprocessable):
    """The entity does not fit its schema. Correct the attributes in `errors`."""

    code = "ENTITY_VALIDATION_FAILED"

    def __init__(self, errors: Sequence[Any]) -> None:
        super().__init__(status="error", errors=errors)
