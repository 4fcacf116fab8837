"""What can go wrong with any record."""

from tieline.kit.errors import Conflict, NotFound


class RecordNotFound(NotFound):
    """There is no such record in this organisation. List them, and check the id."""

    code = "RECORD_NOT_FOUND"


class VersionConflict(Conflict):
    """Somebody changed the record since it was read. Read it again and repeat the change on it."""

    code = "VERSION_CONFLICT"
