"""The demo's result in plain text, for somebody who sees Tieline for the first time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tieline.demo.models import Dataset, Ending, Served, Status
from tieline.demo.story import Posted, Story
from tieline.demo.tariff_changes import EVENT, tariff_changes
from tieline.demo.use_cases import INTEGRATION_NAME
from tieline.demo.verification import Findings
from tieline.kit import json
from tieline.receiving.showing import verification_text

WIDTH = 100

_MEANINGS = {
    Status.SUCCESS: "applied",
    Status.WARNING: "applied, and worth a look",
    Status.SKIPPED: "not applied, on purpose",
    Status.ERROR: "failed; the entities are untouched, a replay is one call",
}


def report(dataset: Dataset, posted: Posted, findings: Findings, story: Story) -> str:
    """Everything but the calls to try next."""
    sections = (
        _title("What was posted", _posted(dataset)),
        _title("What became of it", _endings(findings)),
        _title("How fast", _speed(dataset, posted)),
        _title("What is stored now", _entities(dataset, findings)),
        _title("The way of one event", _story(story)),
        _title("The same change at the sales portal", _delivery(posted, dataset)),
        _title("What did not go through, and why", _failures(findings)),
        _title("Checked", _verdict(dataset, findings)),
    )
    return "\n\n".join("\n".join(section) for section in sections)


def next_calls(place: Served, integration_id: str, story: Story) -> str:
    """Calls to copy into a shell."""
    entity = f"$TIELINE/entity/v1/entity/contract/{story.entity['_id']}"
    erp = f"$TIELINE/erp-integration/v1/integrations/{integration_id}"
    get = 'curl -s -H "Authorization: Bearer $KEY"'
    post = f'{get} -H "Content-Type: application/json"'
    lines = [
        f"TIELINE={place.address}",
        f"KEY={place.key}",
        "",
        "# The contract above, and its history",
        f'{get} "{entity}"',
        f'{get} "{entity}/activity"',
        "# Everybody named Süß",
        f'{post} -d \'{{"q": "_schema:contact AND last_name:Süß"}}\' \\',
        '  "$TIELINE/entity/v1/entity:search"',
        "# The events that failed",
        f'{post} -d \'{{"status": "error"}}\' \\',
        f'  "{erp}/monitoring/inbound-events"',
        "# The event of the contract above as it was sent; then a replay of it",
        f'{post} -d \'{{"event_id": "{story.event_id}"}}\' \\',
        f'  "{erp}/events"',
        f'{post} -d \'{{"event_ids": ["{story.event_id}"]}}\' \\',
        f'  "{erp}/events/replay"',
        "# What was delivered to the sales portal",
        f'{post} -d \'{{"status": "succeeded", "limit": 5}}\' \\',
        f'  "{erp}/monitoring/outbound-events"',
        "# The use cases and their mappings",
        f'{get} "{erp}/use-cases"',
        "",
        f"API pages: {place.address}/ names them all, such as {place.address}/erp-integration/docs",
    ]
    return "\n".join(_title("Try next", lines))


def _title(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield title
    yield "-" * len(title)
    yield from lines


def _posted(dataset: Dataset) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for system in dict.fromkeys(batch.system for batch in dataset.batches):
        batches = [batch for batch in dataset.batches if batch.system == system]
        events = [event for batch in batches for event in batch.events]
        formats = " and ".join(sorted({event.format.upper() for event in events}))
        rows.append((system, f"{len(events):,} events", f"{len(batches)} requests", formats))
    rows.append(("all", f"{len(dataset):,} events", f"{len(dataset.batches)} requests", ""))
    yield "Three programs of an invented utility sent events to one integration,"
    yield f"{INTEGRATION_NAME}. Each kind of message has its use case."
    yield from _table(rows, right=(1, 2))


def _endings(findings: Findings) -> Iterator[str]:
    totals = {
        status: sum(n for ending, n in findings.endings.items() if ending.status == status)
        for status in Status
    }
    yield from _table(
        [(status, f"{totals[status]:,}", _MEANINGS[status]) for status in Status], right=(1,)
    )


def _speed(dataset: Dataset, posted: Posted) -> Iterator[str]:
    rows = [
        (name, f"{len(dataset) / seconds:,.0f} events/s", f"{seconds:.2f} s", meaning)
        for name, seconds, meaning in (
            ("accepted", posted.accept_seconds, "durably stored, one request at a time"),
            ("end to end", posted.total_seconds, "from the first request to the last entity"),
        )
    ]
    yield from _table(rows, right=(1, 2))
    yield "Client, server and database share this machine."


def _entities(dataset: Dataset, findings: Findings) -> Iterator[str]:
    rows = [(schema, f"{count:,}") for schema, count in sorted(findings.entities.items())]
    rows.append(("all", f"{sum(findings.entities.values()):,}"))
    yield from _table(rows, right=(1,))
    expected = dataset.expectation
    yield from _wrapped(
        f"{expected.stubs_created:,} of them were first only named by a relation, because the "
        "message about them came later: a stub held their place until it did. "
        f"{expected.stubs_left} still wait for theirs."
    )


def _story(story: Story) -> Iterator[str]:
    activity = story.activity
    # An activity may hold operations on several entities.
    operation = next(o for o in activity["operations"] if o["entity"] == story.entity["_id"])
    link = story.entity["billing_account"]["$relation"][0]
    tags = ", ".join(link.get("_tags", ()))
    rows = [
        ("event", f"{story.event_id} from {story.event.system}"),
        ("payload", _spaced(story.event.payload)),
        ("use case", story.event.route["use_case_slug"]),
        ("outcome", f"{story.outcome['status']} after {_duration(story.outcome)}"),
        ("entity", f"contract {story.entity['_id']}"),
        *((f"  {name}", json.dumps_str(story.entity[name])) for name in _SHOWN),
        ("relation", f"billing_account, {tags}: {story.account['external_id']}"),
        ("activity", f"{activity['type']} {activity['_id']}"),
        *(
            (f"  {name}", f"{json.dumps_str(before)} became {json.dumps_str(story.entity[name])}")
            for name, before in operation["diff"]["updated"].items()
            if not name.startswith("_") and name in story.entity
        ),
    ]
    yield from _explained(rows)


def _explained(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Names on the left, and what there is to say of them on the right."""
    for name, text in rows:
        yield from textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f"{name:<22}",
            subsequent_indent=" " * 22,
            break_on_hyphens=False,
        )


def _delivery(posted: Posted, dataset: Dataset) -> Iterator[str]:
    if posted.arrival is None:
        yield "It never came."
        return
    delivery = posted.arrival.delivery
    rows = [
        ("event", f"{EVENT}, which the change of the contract triggered"),
        ("use case", "tariff_change, of type outbound"),
        ("message", f"{delivery.message_id}, attempt {delivery.attempt}, to {delivery.path}"),
        ("body", _spaced(json.loads(delivery.body))),
        ("signatures", verification_text(delivery)),
        ("arrived", f"{posted.arrival_seconds * 1000:.0f} ms after the ERP sent the event"),
    ]
    yield from _explained(rows)
    yield ""
    earlier = len(list(tariff_changes(dataset.events()))) - 1
    yield from _wrapped(f"{earlier} changed tariffs were sent there before.")


_SHOWN = ("contract_number", "company_code", "tariff", "yearly_consumption")


def _spaced(value: Any) -> str:
    """JSON with spaces, so that it can be broken into lines."""
    return msgspec.json.format(json.dumps(value), indent=0).decode()


def _duration(outcome: Mapping[str, Any]) -> str:
    return f"{outcome.get('processing_duration_ms', 0)} ms"


def _failures(findings: Findings) -> Iterator[str]:
    ordered = sorted(findings.failures, key=lambda e: (list(Status).index(e.status), e.code or ""))
    for ending in ordered:
        yield f"{findings.endings[ending]:>4}  {ending.status:<8}{_code(ending)}"
        yield from textwrap.wrap(
            findings.failures[ending], WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
        )


def _code(ending: Ending) -> str:
    return ending.code or "(no code)"


def _verdict(dataset: Dataset, findings: Findings) -> Iterator[str]:
    if not findings.differences:
        yield from _wrapped(
            f"All {len(dataset):,} events ended as they must, all counts are right, and "
            f"{len(dataset.expectation.samples)} entities with their relations were compared, "
            "digit by digit, with what was sent last. Each changed tariff, and nothing else, came "
            "to the sales portal with a right signature, the last one within a second."
        )
        return
    count = len(findings.differences)
    noun = "difference" if count == 1 else "differences"
    yield f"{count} {noun} between what must be and what is:"
    for difference in findings.differences:
        yield f"  {difference}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            f"{cell:>{width}}" if column in right else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
