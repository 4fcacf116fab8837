"""What can go wrong with environment variables."""

from tieline.kit.errors import Conflict, Forbidden, InvalidInput, NotFound


class VariableNotFound(NotFound):
    """There is no such environment variable. GET /environments/v1/environments lists them."""

    code = "VARIABLE_NOT_FOUND"


class GroupNotFound(NotFound):
    """There is no such group. GET /environments/v1/environments/groups lists them."""

    code = "GROUP_NOT_FOUND"


class VariableExists(Conflict):
    """There is an environment variable of this key. Change it with PUT, or choose another key."""

    code = "VARIABLE_EXISTS"


class VariableProtected(Forbidden):
    """The variable is protected. Send `protected: false` with the change, or before deleting it."""

    code = "VARIABLE_PROTECTED"


class SecretValueNeeded(Conflict):
    """A secret is never made readable. Send the value with the type String, or delete it first."""

    code = "SECRET_VALUE_NEEDED"


class EnvironmentFull(InvalidInput):
    """An organisation has at most 1,000 variables and 1,000 groups. Delete what nobody uses."""

    code = "ENVIRONMENT_FULL"
