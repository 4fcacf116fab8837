"""`tieline trigger`: an event happens as if somebody had called the API, and is followed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tieline.audit.actor import current_actor
from tieline.catalogue.definitions import EventDefinition
from tieline.catalogue.models import Event
from tieline.catalogue.service import EventCatalogue
from tieline.catalogue.triggering import ManualTrigger
from tieline.cli.database import migrated
from tieline.cli.documents import read_document
from tieline.cli.errors import UnreadableFile
from tieline.cli.tables import table
from tieline.database import Database
from tieline.entities.queries import live_entities
from tieline.expressions.limits import limits_from
from tieline.expressions.sandbox import SandboxPool
from tieline.identity.organisations import require_organisation
from tieline.integrations.outbound_routes import OutboundRoutes
from tieline.kit import json
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.outbound.log.models import LoggedDelivery, LogStatus, Waiting
from tieline.outbound.log.service import DeliveryLog
from tieline.outbound.publishing.publisher import Publisher
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.settings import Settings

_LONGEST_WAIT = 86_400.0
_POLL_SECONDS = 0.1
_WELL, _NOT_WELL = 0, 1


@dataclass(frozen=True)
class TriggerRequest:
    """The event that somebody wants to happen; `fields` are texts such as `name=value`."""

    org_id: str
    event: str
    entity: str | None
    node: str | None
    fields: tuple[str, ...]
    data: Path | None
    wait: float | None


async def trigger_event(settings: Settings, request: TriggerRequest, *, as_json: bool) -> int:
    """Trigger the event, and print its id and its deliveries.

    With `wait` the exit code is 1 unless each of them has arrived or was skipped by then. Raises
    `OrganisationNotFound`, `UnknownEvent`, `EventDisabled`, `InvalidOccurrence`, `InvalidInput` and
    `UnreadableFile`.
    """
    _refuse_impossible(request)
    fields = _fields(request)
    async with _tools(settings) as (database, catalogue):
        async with database.reading(request.org_id) as tx:
            await require_organisation(tx)
        definition = (await catalogue.get_event(request.org_id, request.event)).event.definition
        seed_id = _entity_id(request)
        wanted = ManualTrigger(
            source=f"{current_actor().kind}:{current_actor().id}",
            seed_id=seed_id,
            seed_node=await _node(database, request, seed_id, definition),
            fields=fields,
        )
        event = await catalogue.trigger(request.org_id, request.event, wanted)
        log = DeliveryLog(database)
        deliveries = await _followed(log, event, request.wait)
        waiting = await log.waiting(request.org_id, [each for each in deliveries if _waits(each)])
    if as_json:
        print(json.dumps_str(_document(event, deliveries, waiting)))
    else:
        print(_text(event, deliveries, waiting, waited=request.wait is not None))
    if request.wait is None or all(_is_well(each) for each in deliveries):
        return _WELL
    return _NOT_WELL


@contextlib.asynccontextmanager
async def _tools(settings: Settings) -> AsyncIterator[tuple[Database, EventCatalogue]]:
    sandbox = SandboxPool(handler=HANDLER, limits=limits_from(settings))
    async with migrated(settings) as database:
        mapper = Mapper(sandbox)
        publisher = Publisher(mapper, OutboundRoutes(), WebhookDirectory(database))
        await sandbox.start()
        try:
            yield database, EventCatalogue(database, mapper, publisher)
        finally:
            await sandbox.close()


def _refuse_impossible(request: TriggerRequest) -> None:
    if request.wait is not None and not 0 <= request.wait <= _LONGEST_WAIT:
        raise InvalidInput(f"--wait: must be 0 to {_LONGEST_WAIT:g} seconds.")
    if request.node is not None and request.entity is None:
        raise InvalidInput("--node: says where in the graph an entity stands. Name it by --entity.")


def _fields(request: TriggerRequest) -> dict[str, Any]:
    """The fields of the file, and those that are named one by one, which win."""
    found: Any = {} if request.data is None else read_document(request.data)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise UnreadableFile(f"{request.data}: has to be an object with the fields of the event.")
    for text in request.fields:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise InvalidInput(f"--field: {text[:60]!r} has no name and value. Write name=value.")
        found[name] = _value(value)
    return found


def _entity_id(request: TriggerRequest) -> UUID | None:
    found = None if request.entity is None else parse_uuid(request.entity)
    if request.entity is not None and found is None:
        raise InvalidInput(f"--entity: {request.entity[:60]!r} is no id of an entity, a UUID.")
    return found


def _value(text: str) -> Any:
    """The JSON value that a text stands for, or else the text itself."""
    try:
        return json.loads(text)
    except (json.InvalidJson, RecursionError):
        return text


async def _node(
    database: Database, request: TriggerRequest, seed_id: UUID | None, definition: EventDefinition
) -> str | None:
    """The node for the entity: the one that was named, or that of the entity's schema."""
    graph = definition.graph
    if graph is None:
        if seed_id is not None:
            raise InvalidInput(f"--entity: {definition.name} has no entity graph. Leave it out.")
        return None
    nodes = ", ".join(f"{node.id} ({node.schema})" for node in graph.nodes)
    if seed_id is None:
        raise InvalidInput(
            f"--entity: {definition.name} is about an entity. Name it by its id; it can be one of "
            f"these nodes: {nodes}."
        )
    if request.node is not None:
        return request.node
    async with database.reading(request.org_id) as tx:
        found = await live_entities(tx, [seed_id])
    if not found:
        raise InvalidInput(f"--entity: organisation {request.org_id} has no such entity.")
    schema = found[0].entity.schema
    node = graph.of_schema(schema)
    if node is None:
        raise InvalidInput(
            f"--entity: this one is of the schema {schema}, and the event has these nodes: {nodes}."
        )
    return node.id


async def _followed(log: DeliveryLog, event: Event, wait: float | None) -> list[LoggedDelivery]:
    """The deliveries of an event: as they are, or once all have ended, or after so many seconds."""
    until = time.monotonic() + (wait or 0)
    while True:
        # The ids of deliveries are made after the event, and its time is cut to milliseconds.
        since = event.time - timedelta(seconds=1)
        found = await log.of_event(event.org_id, event.name, event.id, since)
        if not any(map(_waits, found)) or time.monotonic() >= until:
            return found
        # They are sent by other processes, which tell nobody of their end.
        await asyncio.sleep(_POLL_SECONDS)


def _status(delivery: LoggedDelivery) -> LogStatus:
    return LogStatus.of(delivery.state)


def _is_well(delivery: LoggedDelivery) -> bool:
    return _status(delivery) in (LogStatus.SUCCEEDED, LogStatus.SKIPPED)


def _waits(delivery: LoggedDelivery) -> bool:
    return _status(delivery) is LogStatus.IN_PROGRESS


def _document(
    event: Event, deliveries: Sequence[LoggedDelivery], waiting: Mapping[UUID, Waiting]
) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "event_name": event.name,
        "deliveries": [
            {
                "id": str(each.id),
                "webhook_id": str(each.webhook_id),
                "webhook_name": _webhook_name(each),
                "url": each.url,
                "message_id": each.message_id,
                "status": _status(each),
                "attempts": each.attempts,
                "status_code": each.status_code,
                "code": each.error_code,
                "reason": each.reason,
                "waiting": waiting[each.id].reason if each.id in waiting else None,
            }
            for each in deliveries
        ],
    }


def _text(
    event: Event,
    deliveries: Sequence[LoggedDelivery],
    waiting: Mapping[UUID, Waiting],
    *,
    waited: bool,
) -> str:
    lines = [f"{event.name} happened: event {event.id}."]
    if not deliveries:
        lines.append("Nothing is sent: no enabled outbound use case and no webhook takes it.")
        return "\n".join(lines)
    rows = [
        (
            str(each.id),
            _webhook_name(each) or str(each.webhook_id),
            _status(each).replace("_", " "),
            str(each.attempts),
            "" if each.status_code is None else str(each.status_code),
            _why(each, waiting.get(each.id)),
        )
        for each in deliveries
    ]
    lines.append(table(("delivery", "webhook", "status", "attempts", "answer", "reason"), rows))
    if not waited and any(map(_waits, deliveries)):
        lines.append("A running worker sends what is in progress; --wait 30 would wait for it.")
    return "\n".join(lines)


def _why(delivery: LoggedDelivery, waiting: Waiting | None) -> str:
    """What went wrong, and what it waits for, on one line."""
    words = (delivery.reason or "", "" if waiting is None else waiting.message)
    return " ".join(" ".join(words).split())


def _webhook_name(delivery: LoggedDelivery) -> str | None:
    name = delivery.metadata.get("webhook_name")
    return name if isinstance(name, str) else None
