"""The events of an organisation as they stand: definitions and what it has switched. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tieline.catalogue.definitions import EventDefinition, Operation, Status
from tieline.catalogue.errors import UnknownEvent
from tieline.catalogue.triggers import is_about


@dataclass(frozen=True)
class Switches:
    """What an organisation has switched itself. `version` counts how often."""

    enabled: bool
    auto_trigger: bool
    automation_trigger: bool
    version: int = 1

    def document(self) -> dict[str, bool]:
        """The switches as the audit log keeps them."""
        return {
            "enabled": self.enabled,
            "auto_trigger": self.auto_trigger,
            "automation_trigger": self.automation_trigger,
        }


@dataclass(frozen=True)
class CustomEvent:
    """An event that an organisation has made itself."""

    definition: EventDefinition
    status: Status
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class KnownEvent:
    """An event of an organisation: one of its own, or a built-in one."""

    definition: EventDefinition
    custom: CustomEvent | None = None
    switched: Switches | None = None

    @property
    def name(self) -> str:
        """The name of the event."""
        return self.definition.name

    @property
    def status(self) -> Status:
        """How far the event is."""
        return self.custom.status if self.custom else Status.ACTIVE

    @property
    def switches(self) -> Switches:
        """The switches as they stand, whether somebody set them or not."""
        return self.switched or Switches(
            enabled=True, auto_trigger=True, automation_trigger=self.definition.automation_trigger
        )

    @property
    def enabled(self) -> bool:
        """Whether the event can happen at all."""
        return self.status is Status.ACTIVE and self.switches.enabled

    @property
    def automatic(self) -> bool:
        """Whether changes make the event happen, if anybody cares."""
        return bool(self.enabled and self.switches.auto_trigger and self.definition.trigger)

    @property
    def wanted(self) -> bool:
        """Whether the organisation itself wants the event, even when nobody waits for it."""
        return self.switched is not None or self.custom is not None


class OrgEvents:
    """All events of one organisation at one moment, by name and by what triggers them."""

    def __init__(self, events: Mapping[str, KnownEvent]) -> None:
        self._events = events
        self._automatic = [event for event in events.values() if event.automatic]

    def __iter__(self) -> Iterator[KnownEvent]:
        return iter(self._events.values())

    def find(self, name: str) -> KnownEvent | None:
        """The event of that name."""
        return self._events.get(name)

    def get(self, name: str) -> KnownEvent:
        """The event of that name. Raises `UnknownEvent`."""
        found = self._events.get(name)
        if found is None:
            raise UnknownEvent
        return found

    def heard(self, listened: Collection[str] | None) -> Triggers:
        """What triggers the events that happen, when somebody waits for these (None: for all)."""
        return Triggers([event for event in self._automatic if is_heard(event, listened)])


def is_heard(event: KnownEvent, listened: Collection[str] | None) -> bool:
    """Whether somebody cares if an event happens."""
    return event.wanted or listened is None or event.name in listened


class Triggers:
    """Which events changes of a schema may make happen."""

    def __init__(self, events: Sequence[KnownEvent]) -> None:
        self._events = events
        self._found: dict[tuple[Operation, str], list[KnownEvent]] = {}

    def of(self, operation: Operation, schema: str) -> list[KnownEvent]:
        """The events that have to be looked at when such a change comes."""
        found = self._found.get((operation, schema))
        if found is None:
            found = self._found[operation, schema] = [
                event
                for event in self._events
                if event.definition.trigger is not None
                and is_about(event.definition.trigger, operation, schema)
            ]
        return found
