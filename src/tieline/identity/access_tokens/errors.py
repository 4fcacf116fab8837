"""What can be wrong with an access token, or with the wish for one."""

from tieline.kit.errors import InvalidInput, NotFound


class InvalidLifetime(InvalidInput):
    """expires_in: 30 to 604800 seconds, or a text such as "10h" or "7 days" up to 365 days."""

    code = "INVALID_LIFETIME"


class InvalidAssignment(InvalidInput):
    """assignments: write `<organisation>:<role>` with a role viewer, operator, editor or admin."""

    code = "INVALID_ASSIGNMENT"


class AccessTokenNotFound(NotFound):
    """There is no such access token in this organisation. List them to see those that exist."""

    code = "ACCESS_TOKEN_NOT_FOUND"
