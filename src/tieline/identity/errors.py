"""What can go wrong when somebody calls."""

from tieline.kit.errors import Forbidden, InvalidInput, NotFound, Unauthenticated


class InvalidApiKey(Unauthenticated):
    """The API key is not known, has expired or was revoked. Use another one."""

    code = "INVALID_API_KEY"


class MissingScope(Forbidden):
    """The API key lacks the scope for this call. Use a key that has it."""

    code = "MISSING_SCOPE"


class UnknownScope(InvalidInput):
    """There is no such scope. Use `*` or the scopes listed in docs/authentication.md."""

    code = "UNKNOWN_SCOPE"


class InvalidKeyName(InvalidInput):
    """A key's name has 1 to 100 characters. Say what the key is for."""

    code = "INVALID_KEY_NAME"


class InvalidOrganisation(InvalidInput):
    """An organisation's id is up to 64 letters, digits, `-` and `_`, letter or digit first."""

    code = "INVALID_ORGANISATION"


class ApiKeyNotFound(NotFound):
    """There is no such API key. `tieline keys list` shows those that exist."""

    code = "API_KEY_NOT_FOUND"
