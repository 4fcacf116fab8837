"""Posting the data set, and following one event from its payload to the activity it caused."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tieline.demo.client import Client
from tieline.demo.models import Dataset, DemoEvent, Status

_MOST_SECONDS = 600.0


@dataclass
class Posted:
    """What was posted and how fast it was accepted and applied."""

    receipts: Counter[str] = field(default_factory=Counter)
    event_ids: dict[str, str] = field(default_factory=dict)
    """The event id that Tieline gave to each deduplication id, the first time it was sent."""
    accept_seconds: float = 0.0
    total_seconds: float = 0.0


@dataclass(frozen=True)
class Story:
    """One event's way."""

    event: DemoEvent
    event_id: str
    outcome: Mapping[str, Any]
    entity: Mapping[str, Any]
    account: Mapping[str, Any]
    activity: Mapping[str, Any]


async def post_all(client: Client, integration_id: str, dataset: Dataset) -> Posted:
    """Post every batch in order and wait until the last accepted event is applied.

    Events of one integration are applied in the order of their acceptance, so the last one's
    outcome means that nothing is pending.
    """
    posted = Posted()
    last = ""
    started = time.perf_counter()
    for batch in dataset.batches:
        results = await client.post(integration_id, batch)
        for event, result in zip(batch.events, results, strict=True):
            posted.receipts[result["status"]] += 1
            posted.event_ids.setdefault(event.deduplication_id, result["event_id"])
            if result["status"] == "success":
                last = result["event_id"]
    posted.accept_seconds = time.perf_counter() - started
    await client.wait_for_outcome(integration_id, last, _MOST_SECONDS)
    posted.total_seconds = time.perf_counter() - started
    return posted


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
    event = next(e for e in dataset.events() if e.deduplication_id == dataset.showcase)
    event_id = posted.event_ids[dataset.showcase]
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
