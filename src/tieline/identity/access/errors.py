"""What can be wrong with a question about rights."""

from tieline.kit.errors import NotFound


class CallerNotFound(NotFound):
    """There is no such key, user or application in this organisation. Check the id."""

    code = "CALLER_NOT_FOUND"


class OperationNotFound(NotFound):
    """There is no such operation. Take its name or its path from the pages of the APIs."""

    code = "OPERATION_NOT_FOUND"
