"""What can go wrong with meter readings."""

from tieline.kit.errors import InvalidInput, NotFound, TooLarge


class InvalidReading(InvalidInput):
    """The meter reading cannot be stored as sent. Correct the named attribute."""

    code = "INVALID_METER_READING"


class ReadingRefused(InvalidInput):
    """The meter reading contradicts those around it. Correct it, or skip the validation."""

    code = "METER_READING_REFUSED"


class MeterNotFound(NotFound):
    """There is no such meter. Create it first, as an entity of the schema `meter`."""

    code = "METER_NOT_FOUND"


class CounterNotFound(NotFound):
    """The meter has no such counter. Create it first, related to its meter."""

    code = "METER_COUNTER_NOT_FOUND"


class ReadingNotFound(NotFound):
    """The meter has no such reading. Check the counter, the timestamp and the direction."""

    code = "METER_READING_NOT_FOUND"


class TooManyReadings(TooLarge):
    """The scope holds too many readings to be handled at once. Narrow it to one counter."""

    code = "TOO_MANY_METER_READINGS"
