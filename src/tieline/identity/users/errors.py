"""What can go wrong with users."""

from tieline.kit.errors import Conflict, Forbidden
from tieline.records.errors import RecordNotFound


class UserNotFound(RecordNotFound):
    """There is no such user in this organisation. List the users."""

    code = "USER_NOT_FOUND"


class UserDisabled(Forbidden):
    """This user, or the one of this key, is disabled. Ask an administrator."""

    code = "USER_DISABLED"


class LastAdmin(Conflict):
    """Nobody would be left who may do everything. Make somebody else an admin first."""

    code = "LAST_ADMIN"
