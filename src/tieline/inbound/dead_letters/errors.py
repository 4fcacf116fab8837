"""Errors about dead letters."""

from tieline.kit.errors import NotFound


class RedriveNotFound(NotFound):
    """This integration has no redrive with this id. `replayDeadLetters` answers with the id."""

    code = "REDRIVE_NOT_FOUND"
