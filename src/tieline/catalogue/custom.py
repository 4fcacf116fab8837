"""Events of an organisation's own: drafted, published, and deprecated in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from tieline.audit.recording import record
from tieline.catalogue import repository
from tieline.catalogue.builtin import built_in_events
from tieline.catalogue.checking import fault_of
from tieline.catalogue.definitions import EventDefinition, Status
from tieline.catalogue.errors import (
    EventDeprecated,
    EventIsBuiltIn,
    EventNameTaken,
    EventNotADraft,
    InvalidDefinition,
    TooManyEvents,
    UnknownEvent,
)
from tieline.catalogue.known import CustomEvent
from tieline.catalogue.parsing import parse_definition
from tieline.catalogue.payloads import payload_example, payload_schema
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock
from tieline.mapping.mapper import Mapper

MAX_EVENTS = 500

_AUDITED = "catalogue_event"


class Switching(Protocol):
    """Sets switches of an event in a transaction, and has changes heard of from then on."""

    async def __call__(self, tx: OrgTransaction, name: str, wanted: Mapping[str, bool]) -> None:
        """Set them. Raises `UnknownEvent`."""
        ...


class CustomEvents:
    """What one can do with events of one's own."""

    def __init__(self, database: Database, mapper: Mapper, switch: Switching, clock: Clock) -> None:
        self._database = database
        self._mapper = mapper
        self._switch = switch
        self._clock = clock

    async def create(self, org_id: str, document: Mapping[str, Any]) -> None:
        """Store the draft of a new event.

        Raises `InvalidDefinition`, `EventNameTaken` and `TooManyEvents`.
        """
        definition = await self._checked(document)
        now = self._clock()
        event = CustomEvent(definition, Status.DRAFT, 1, now, now)
        async with self._database.organisation(org_id) as tx:
            await repository.begin_change(tx)
            existing = await repository.all_custom_events(tx)
            if definition.name in existing or definition.name in built_in_events():
                raise EventNameTaken
            if len(existing) >= MAX_EVENTS:
                raise TooManyEvents(
                    f"There are {MAX_EVENTS} events of the organisation's own, which is the limit."
                )
            _check_base(definition, existing)
            await repository.insert_custom_event(tx, event)
            await _record(tx, "event.created", None, event)

    async def replace_draft(self, org_id: str, name: str, document: Mapping[str, Any]) -> None:
        """Store another definition of a draft.

        Raises `InvalidDefinition`, `UnknownEvent`, `EventIsBuiltIn` and `EventNotADraft`.
        """
        definition = await self._checked(document)
        if definition.name != name:
            raise InvalidDefinition(
                "event_name is not the name in the path, and cannot change.", "event_name"
            )
        async with self._database.organisation(org_id) as tx:
            before, existing = await self._locked(tx, name)
            if before.status is not Status.DRAFT:
                raise EventNotADraft
            _check_base(definition, existing)
            await self._store(tx, "event.updated", before, definition=definition)

    async def publish(
        self, org_id: str, name: str, switches: Mapping[str, bool], *, base_auto: bool | None
    ) -> None:
        """Let a draft happen from now on, switched as it is wanted.

        `base_auto` false keeps changes from triggering the event that this one was made from.
        Raises `UnknownEvent`, `EventIsBuiltIn`, `EventNotADraft` and `InvalidDefinition`.
        """
        async with self._database.organisation(org_id) as tx:
            before, _ = await self._locked(tx, name)
            if before.status is not Status.DRAFT:
                raise EventNotADraft
            base = before.definition.base
            if base_auto is not None and base is None:
                raise InvalidDefinition("base_auto_trigger_enabled: the event has no lineage.")
            await self._store(tx, "event.published", before, status=Status.ACTIVE)
            await self._switch(tx, name, {"enabled": True, "auto_trigger": True, **switches})
            if base is not None and base_auto is False:
                await self._switch(tx, base[0], {"auto_trigger": False})

    async def deprecate(self, org_id: str, name: str) -> None:
        """End an event; its definition and its history can still be read.

        Raises `UnknownEvent`, `EventIsBuiltIn` and `EventDeprecated`.
        """
        async with self._database.organisation(org_id) as tx:
            before, _ = await self._locked(tx, name)
            if before.status is Status.DEPRECATED:
                raise EventDeprecated
            await self._store(tx, "event.deprecated", before, status=Status.DEPRECATED)

    async def _checked(self, document: Mapping[str, Any]) -> EventDefinition:
        definition = parse_definition(document)
        sources = definition.sources()
        faults = await self._mapper.check_sources(list(sources.values())) if sources else []
        for place, fault in zip(sources, faults, strict=True):
            if fault is not None:
                raise InvalidDefinition(f"{place}: {fault}", place)
        if definition.example is not None:
            fault = fault_of(payload_schema(definition), payload_example(definition))
            if fault is not None:
                raise InvalidDefinition(f"example does not fit the event: {fault}", "example")
        return definition

    async def _locked(
        self, tx: OrgTransaction, name: str
    ) -> tuple[CustomEvent, Mapping[str, CustomEvent]]:
        """The event, which nobody else changes until the transaction ends, and all others."""
        if name in built_in_events():
            raise EventIsBuiltIn
        await repository.begin_change(tx)
        existing = await repository.all_custom_events(tx)
        if name not in existing:
            raise UnknownEvent
        return existing[name], existing

    async def _store(
        self,
        tx: OrgTransaction,
        action: str,
        before: CustomEvent,
        *,
        definition: EventDefinition | None = None,
        status: Status | None = None,
    ) -> None:
        after = replace(
            before,
            definition=definition or before.definition,
            status=status or before.status,
            version=before.version + 1,
            updated_at=self._clock(),
        )
        await repository.update_custom_event(tx, after)
        await _record(tx, action, before, after)


def _check_base(definition: EventDefinition, existing: Mapping[str, CustomEvent]) -> None:
    if definition.base is None:
        return
    name, version = definition.base
    own = existing.get(name)
    base = built_in_events().get(name) or (own.definition if own else None)
    if base is None or base.version != version:
        raise InvalidDefinition(
            f"lineage: there is no event {name[:80]!r} of the version {version[:20]!r}.", "lineage"
        )


async def _record(
    tx: OrgTransaction, action: str, before: CustomEvent | None, after: CustomEvent
) -> None:
    await record(
        tx,
        action,
        _AUDITED,
        after.definition.name,
        before=_audited(before) if before else None,
        after=_audited(after),
    )


def _audited(event: CustomEvent) -> Mapping[str, Any]:
    return {**event.definition.document(), "event_status": event.status.value}
