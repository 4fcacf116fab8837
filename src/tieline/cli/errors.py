"""What can go wrong on the command line, apart from what the services say."""

from tieline.kit.errors import Conflict, InvalidInput, NotFound, Unavailable


class AddressTaken(Conflict):
    """The address is in use. Choose another port with --port, or 0 for a free one."""

    code = "ADDRESS_TAKEN"


class AddressUnusable(InvalidInput):
    """Nothing can listen on this address. Name an address of this machine with --host."""

    code = "ADDRESS_UNUSABLE"


class InvalidDuration(InvalidInput):
    """A duration is a whole number and a unit: `90m`, `12h`, `30d` or `8w`."""

    code = "INVALID_DURATION"


class UnknownSurface(NotFound):
    """There is no such API. `tieline openapi --help` shows how to name one."""

    code = "UNKNOWN_SURFACE"


class SchemaOutdated(Unavailable):
    """The database belongs to another version of Tieline. Run `tieline migrate`."""

    code = "SCHEMA_OUTDATED"


class UnreadableFile(InvalidInput):
    """A file is not what it should be. Correct it at the place named."""

    code = "UNREADABLE_FILE"


class AmbiguousIntegration(InvalidInput):
    """The organisation does not have just one integration. Name one with --integration."""

    code = "AMBIGUOUS_INTEGRATION"


class ConfirmationNeeded(InvalidInput):
    """Nobody can be asked here. Look at `tieline plan`, then apply with --yes."""

    code = "CONFIRMATION_NEEDED"


class NothingSelected(InvalidInput):
    """Nothing says which dead letters are meant. Give --event, a filter, or --all."""

    code = "NOTHING_SELECTED"


class InvalidLimit(InvalidInput):
    """A limit is a whole number of requests per minute, `none` or `default`."""

    code = "INVALID_LIMIT"
