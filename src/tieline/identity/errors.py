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


class InvalidOrganisation(InvalidInput):
    """An organisation's id is up to 64 letters, digits, `-` and `_`, letter or digit first."""

    code = "INVALID_ORGANISATION"


class OrganisationNotFound(NotFound):
    """There is no such organisation. `tieline organisations list` shows those that exist."""

    code = "ORGANISATION_NOT_FOUND"


class UnknownRole(InvalidInput):
    """There is no such role. Use viewer, operator, editor or admin."""

    code = "UNKNOWN_ROLE"


class PrivilegeEscalation(Forbidden):
    """Nobody gives away more than they have. Leave out the named scopes, or ask an admin."""

    code = "PRIVILEGE_ESCALATION"
