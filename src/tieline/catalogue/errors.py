"""What goes wrong with events of the catalogue."""

from __future__ import annotations

from tieline.kit.errors import Conflict, Forbidden, InvalidInput, NotFound


class UnknownEvent(NotFound):
    """The catalogue has no event of this name. List the events to see which there are."""

    code = "UNKNOWN_EVENT"


class EventNotInHistory(NotFound):
    """No such occurrence of the event is stored. It may be older than the history is kept."""

    code = "EVENT_NOT_IN_HISTORY"


class EventDisabled(Forbidden):
    """The event is switched off in this organisation. Switch it on before it is triggered."""

    code = "EVENT_DISABLED"


class InvalidDefinition(InvalidInput):
    """The definition of the event cannot work. Correct it at the place named."""

    code = "INVALID_EVENT_DEFINITION"

    def __init__(self, message: str | None = None, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class InvalidOccurrence(InvalidInput):
    """The event cannot happen with these values. Correct the field that is named."""

    code = "INVALID_EVENT"


class EventNameTaken(Conflict):
    """The name belongs to another event, which may be deprecated. Choose another one."""

    code = "EVENT_NAME_TAKEN"


class EventIsBuiltIn(Conflict):
    """A built-in event can be switched on and off, and nothing else. Make one of your own."""

    code = "EVENT_IS_BUILT_IN"


class EventNotADraft(Conflict):
    """The definition is published and does not change any more. Make an event of another name."""

    code = "EVENT_NOT_A_DRAFT"


class EventDeprecated(Conflict):
    """The event is deprecated already. There is nothing left to do."""

    code = "EVENT_DEPRECATED"


class TooManyEvents(Conflict):
    """The organisation has as many events of its own as it may. Use those that there are."""

    code = "TOO_MANY_CUSTOM_EVENTS"
