"""Posting the data set, and following one event from its payload to the activity it caused."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tieline.demo.client import Client
from tieline.demo.models import Batch, Dataset, DemoEvent, Status
from tieline.demo.portal import Arrival, Portal
from tieline.demo.tariff_changes import tariff_changes

_MOST_SECONDS = 600.0
_MOST_SECONDS_TO_THE_PORTAL = 30.0


@dataclass
class Posted:
    """What was posted and how fast it was accepted and applied."""

    receipts: Counter[str] = field(default_factory=Counter)
    event_ids: dict[str, str] = field(default_factory=dict)
    """The event id that Tieline gave to each deduplication id, the first time it was sent."""
    accept_seconds: float = 0.0
    total_seconds: float = 0.0
    arrival: Arrival | None = None
    """How the last event's change came to the portal."""
    arrival_seconds: float = 0.0
    """From sending the last event to that."""


@dataclass(frozen=True)
class Story:
    """One event's way."""

    event: DemoEvent
    event_id: str
    outcome: Mapping[str, Any]
    entity: Mapping[str, Any]
    account: Mapping[str, Any]
    activity: Mapping[str, Any]


async def post_all(client: Client, integration_id: str, dataset: Dataset, portal: Portal) -> Posted:
    """Post every batch in order; the last one only when all else is applied and delivered.

    Events of one integration are applied in the order of their acceptance, so the last one's
    outcome means that nothing is pending.
    """
    posted = Posted()
    last = ""
    *batches, final = dataset.batches
    started = time.perf_counter()
    for batch in batches:
        last = await _post(client, integration_id, batch, posted) or last
    posted.accept_seconds = time.perf_counter() - started
    await client.wait_for_outcome(integration_id, last, _MOST_SECONDS)
    posted.total_seconds = time.perf_counter() - started
    before = [event for batch in batches for event in batch.events]
    due = len(list(tariff_changes(before)))
    await portal.wait(lambda: portal.messages >= due, _MOST_SECONDS_TO_THE_PORTAL)
    await _post_last(client, integration_id, final, posted, portal)
    return posted


async def _post_last(
    client: Client, integration_id: str, batch: Batch, posted: Posted, portal: Portal
) -> None:
    """Post the last event, and wait for its outcome and for what comes of it at the portal."""
    known, started = portal.messages, time.perf_counter()
    event_id = await _post(client, integration_id, batch, posted)
    if await portal.wait(lambda: portal.messages > known, _MOST_SECONDS_TO_THE_PORTAL):
        posted.arrival = portal.arrivals[-1]
        posted.arrival_seconds = posted.arrival.at - started
    await client.wait_for_outcome(integration_id, event_id, _MOST_SECONDS)


async def _post(client: Client, integration_id: str, batch: Batch, posted: Posted) -> str:
    """Post a batch, and note the answers; the id of the last event that was accepted."""
    last = ""
    results = await client.post(integration_id, batch)
    for event, result in zip(batch.events, results, strict=True):
        posted.receipts[result["status"]] += 1
        posted.event_ids.setdefault(event.deduplication_id, result["event_id"])
        if result["status"] == "success":
            last = result["event_id"]
    return last


def expected_receipts(dataset: Dataset) -> Counter[str]:
    """What senders must be told: accepted, skipped as a duplicate, or ignored."""
    receipts: Counter[str] = Counter()
    for event in dataset.events():
        if event.ending.status != Status.SKIPPED:
            receipts["success"] += 1
        elif event.ending.code == "DUPLICATE_EVENT":
            receipts["skipped"] += 1
        else:
            receipts["ignored"] += 1
    return receipts


async def follow(client: Client, integration_id: str, dataset: Dataset, posted: Posted) -> Story:
    """Look up all that the showcase event left behind."""
    event = dataset.showcase
    event_id = posted.event_ids[event.deduplication_id]
    number, company_code = dataset.showcase_key
    outcome = await client.outcome(integration_id, event_id)
    (entity,) = await client.find("contract", contract_number=number, company_code=company_code)
    link = entity["billing_account"]["$relation"][0]
    return Story(
        event=event,
        event_id=event_id,
        outcome=outcome,
        entity=entity,
        account=await client.entity("billing_account", link["entity_id"]),
        activity=(await client.activities("contract", entity["_id"]))[0],
    )
