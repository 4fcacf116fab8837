"""Errors of the inbound pipeline."""

from tieline.kit.errors import InvalidInput, TooLarge, Unavailable


class TooManyEvents(TooLarge):
    """The request carries more events than allowed. Split it into several requests."""

    code = "TOO_MANY_EVENTS"


class InvalidEventRequest(InvalidInput):
    """The request is no list of events. Send `integration_id` and `events`."""

    code = "INVALID_REQUEST"


class TooBusy(Unavailable):
    """More events arrive than the database takes in. Nothing was stored; send them again later."""

    code = "TOO_BUSY"
