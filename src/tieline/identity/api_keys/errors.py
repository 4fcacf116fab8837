"""What can go wrong with an API key."""

from tieline.kit.errors import Conflict, InvalidInput
from tieline.records.errors import RecordNotFound


class ApiKeyNotFound(RecordNotFound):
    """There is no such API key. `tieline keys list` shows those that exist."""

    code = "API_KEY_NOT_FOUND"


class InvalidKey(InvalidInput):
    """The wish for an API key cannot be met. Correct the named field."""

    code = "INVALID_API_KEY_REQUEST"


class InvalidKeyName(InvalidInput):
    """A key's name has 1 to 100 characters. Say what the key is for."""

    code = "INVALID_KEY_NAME"


class KeyRevoked(Conflict):
    """The API key was revoked for good. Create another one."""

    code = "API_KEY_REVOKED"


class KeyNotActive(Conflict):
    """Only a key that can be used is rotated. Create another one instead."""

    code = "API_KEY_NOT_ACTIVE"


class KeyAlreadyRotated(Conflict):
    """Another key has taken the place of this one already. Rotate that one, or revoke it first."""

    code = "API_KEY_ALREADY_ROTATED"


class BudgetExhausted(Conflict):
    """The key has spent what it may spend. Raise max_budget_usd, which unblocks it."""

    code = "BUDGET_EXHAUSTED"


class ModelNotAllowed(Conflict):
    """The key is not for this model. Name one of its allowed_models."""

    code = "MODEL_NOT_ALLOWED"
