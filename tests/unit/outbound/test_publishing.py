from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tieline.catalogue.models import Event
from tieline.entities.changes.models import Change, ChangeKind, EntityChange
from tieline.entities.models import Activity, Diff
from tieline.integrations.outbound_routes import OutboundMapping, OutboundRoute
from tieline.kit import json
from tieline.mapping.errors import ExpressionFailed, MappingError
from tieline.mapping.mapper import Evaluation
from tieline.outbound.deliveries.models import DeliveryState, Ending
from tieline.outbound.publishing.documents import (
    MOST_RELATED,
    Content,
    Materials,
    correlation_of,
    event_content,
    event_metadata,
    related_ids,
)
from tieline.outbound.publishing.planning import Sending, awaited_names, sendings
from tieline.outbound.publishing.rendering import MAX_BODY_BYTES, Draft, render
from tieline.outbound.webhooks.models import PayloadOptions, Transport, Webhook

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
ENTITY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
ULID = "01KGA4K0000000000000000000"
ALL = PayloadOptions(
    hydrate_entity=True,
    include_relations=True,
    include_activity=True,
    include_changed_attributes=True,
)


def webhook(number: int, *event_types: str, **different: Any) -> Webhook:
    usual: dict[str, Any] = {
        "id": UUID(int=number),
        "org_id": "org",
        "name": f"Webhook {number}",
        "url": "https://receiver.invalid",
        "created_at": NOW,
        "updated_at": NOW,
        "event_types": event_types,
    }
    return Webhook(**{**usual, **different})


def route(*webhooks: int | str, name: str = "Use case") -> OutboundRoute:
    mappings = tuple(
        OutboundMapping(
            id=None,
            name=f"mapping {number}",
            expression="$",
            enabled=True,
            webhook=str(number),
            webhook_id=UUID(int=number) if isinstance(number, int) else None,
            webhook_name=None,
        )
        for number in webhooks
    )
    return OutboundRoute(UUID(int=100), UUID(int=200), name, mappings)


def event(name: str = "E", **different: Any) -> Event:
    usual: dict[str, Any] = {
        "org_id": "org",
        "id": ULID,
        "name": name,
        "version": "1.0",
        "time": NOW,
        "source": "entity",
        "trigger_source_type": "operation",
        "trigger_source": "a",
    }
    return Event(**{**usual, **different})


def change(
    after: dict[str, Any], diff: Diff | None, kind: ChangeKind = ChangeKind.UPDATED
) -> EntityChange:
    made = Change(1, kind, "contract", ENTITY, 2, "activity", NOW)
    return EntityChange(made, {"_id": str(ENTITY), "_schema": "contract", **after}, diff)


def plan(events: Sequence[Event], *arguments: Any) -> list[tuple[str, int, str | None]]:
    return [
        (each.event.name, each.webhook_id.int, each.mapping and each.mapping.name)
        for each in sendings(events, *arguments)
    ]


def test_events_keep_their_order_and_mappings_come_first() -> None:
    routes = {"E": [route(3, 1), route(1)], "F": [route(1)]}
    webhooks = [webhook(1, "E"), webhook(2, "E"), webhook(3, "X")]

    assert plan([event("E"), event("F"), event("G")], routes, webhooks) == [
        ("E", 3, "mapping 3"),
        ("E", 1, "mapping 1"),
        ("E", 1, "mapping 1"),
        ("E", 2, None),
        ("F", 1, "mapping 1"),
    ]


def test_a_webhook_that_is_gone_or_disabled_is_told_of_by_its_mapping_only() -> None:
    webhooks = [webhook(1, "E", enabled=False), webhook(2, "E", enabled=False)]

    assert plan([event()], {"E": [route(1, 9, "no id")]}, webhooks) == [
        ("E", 1, "mapping 1"),
        ("E", 9, "mapping 9"),
    ]


@pytest.mark.parametrize(
    ("webhooks", "expected"),
    [
        ([], {"R"}),
        ([webhook(1, "E", "event_F")], {"R", "E", "F", "event_F"}),
        ([webhook(1, "E", enabled=False)], {"R"}),
        ([webhook(1, "*")], None),
        ([webhook(1)], None),
    ],
)
def test_which_events_anybody_wants(webhooks: list[Webhook], expected: set[str] | None) -> None:
    assert awaited_names({"R": [route(1)]}, webhooks) == expected


def test_a_message_begins_with_its_metadata_and_holds_the_event() -> None:
    content = event_content(
        event(fields={"operation": "createEntity"}, ack_id="a"), PayloadOptions(), Materials()
    )

    text = content.text({"metadata": {"x": 1}, "_ack_id": "b"})

    found = json.loads(text)
    assert list(found)[:2] == ["metadata", "_ack_id"]
    assert found == content.whole({"metadata": {"x": 1}, "_ack_id": "b"})
    assert found["_ack_id"] == "b"
    assert found["operation"] == "createEntity"
    assert found["_event_name"] == "E"
    assert found["entity"] is None
    assert not {"relations", "activity", "changed_attributes"} & set(found)


@pytest.mark.parametrize(
    ("value", "first", "text"),
    [({}, {}, b"{}"), ({"a": 1}, {}, b'{"a":1}'), ({}, {"b": 2}, b'{"b":2}')],
)
def test_a_message_with_an_empty_part_is_json_too(
    value: dict[str, Any], first: dict[str, Any], text: bytes
) -> None:
    assert Content.of(value).text(first) == text


def test_a_message_holds_what_its_options_say() -> None:
    target = UUID(int=7)
    relation = {"$relation": [{"entity_id": str(target), "_tags": ["P"]}, {"entity_id": "none"}]}
    diff = Diff(added={"b": 2}, updated={"a": 0}, deleted={"c": 3})
    happened = event(change=change({"a": 1, "customer": relation}, diff))
    activity = Activity("ErpEvent", "t", "m", {"correlation_id": "c-1"}, {"key_id": "api_1"})
    materials = Materials({target: {"_id": str(target), "name": "Anna"}}, {"activity": activity})

    found = event_content(happened, ALL, materials).value

    assert found["entity"]["customer"][0]["name"] == "Anna"
    [related] = found["relations"]
    assert related["name"] == "Anna"
    assert related["$relation"] == {
        "entity_id": str(target),
        "_tags": ["P"],
        "attribute": "customer",
    }
    assert found["activity"]["type"] == "ErpEvent"
    assert found["changed_attributes"] == {
        "added": {"b": 2},
        "deleted": {"c": 3},
        "updated": {"a": 0},
    }
    assert correlation_of(happened, materials) == "c-1"
    metadata = event_metadata(happened, webhook(1), materials)
    assert (metadata["action"], metadata["user_id"]) == ("updateEntity", "api_1")


def test_of_a_new_entity_everything_was_added() -> None:
    happened = event(change=change({"a": 1, "_title": "T"}, None, ChangeKind.CREATED))

    found = event_content(happened, ALL, Materials()).value

    assert found["changed_attributes"] == {"added": {"a": 1}, "deleted": {}, "updated": {}}
    assert found["activity"] is None
    assert correlation_of(happened, Materials()) == ULID


def test_an_event_without_a_change_speaks_of_the_entity_that_it_names() -> None:
    happened = event(entity_id=ENTITY, trigger_source_type="api", trigger_source="somebody")
    materials = Materials({ENTITY: {"_id": str(ENTITY), "number": "M-1"}})

    found = event_content(happened, ALL, materials).value

    assert found["entity"]["number"] == "M-1"
    assert found["relations"] == []
    assert "changed_attributes" not in found
    metadata = event_metadata(happened, webhook(1), materials)
    assert metadata["action"] == "Triggered by api somebody"
    assert "user_id" not in metadata


def test_the_action_of_a_reading_is_what_happened_to_it() -> None:
    happened = event(entity_id=ENTITY, source="metering", fields={"operation": "createEntity"})

    assert event_metadata(happened, webhook(1), Materials())["action"] == "createEntity"


def test_the_related_entities_are_bounded_and_each_is_named_once() -> None:
    ids = [UUID(int=number) for number in range(1, 151)]
    items = [{"entity_id": str(each)} for each in (*ids, *ids)]
    reference = {"entity_id": str(UUID(int=999)), "path": "address.0"}

    assert related_ids({"a": {"$relation": items}}) == ids[:MOST_RELATED]
    assert related_ids({"a": {"$relation_ref": [reference, 7]}, "b": 1}) == [UUID(int=999)]


class Expressions:
    """Evaluates three expressions that it knows."""

    async def evaluate(self, items: Sequence[Evaluation]) -> list[bytes | MappingError | None]:
        known: dict[str, bytes | MappingError | None] = {
            "fails": ExpressionFailed("It failed."),
            "nothing": None,
            "large": b"x" * (MAX_BODY_BYTES + 1),
        }
        return [known.get(item.source, item.source.encode()) for item in items]


def draft(to: Webhook | None, expression: str | None = None, **document: Any) -> Draft:
    return Draft(
        webhook_id=UUID(int=1),
        webhook=to,
        first={"metadata": {}},
        content=Content.of(document),
        expression=expression,
        place="Here",
    )


async def test_each_message_is_rendered_by_itself() -> None:
    condition = {"field": "a", "operation": "equals", "values": ["1"]}
    conditional = webhook(2, filter_conditions={"conditions": [condition]})
    filtered = webhook(3, filter={"keyToFilter": "b", "supportedValues": ["2"]})
    drafts = [
        draft(webhook(1), None, a=1),
        draft(webhook(1), "'x'"),
        draft(webhook(1), "fails"),
        draft(webhook(1), "nothing"),
        draft(webhook(1), "large"),
        draft(None, "'x'"),
        draft(webhook(1, enabled=False), "'x'"),
        draft(webhook(4, url=None), "'x'"),
        draft(webhook(5, url=None, transport=Transport.PULL), "'x'"),
        draft(conditional, None, a=2),
        draft(conditional, None, a=1),
        draft(filtered, None, b=1),
    ]

    rendered = await render(Expressions(), drafts)  # type: ignore[arg-type]

    assert [(each.state, each.code) if isinstance(each, Ending) else each for each in rendered] == [
        b'{"metadata":{},"a":1}',
        b"'x'",
        (DeliveryState.FAILED, "MAPPING_EXPRESSION_FAILED"),
        (DeliveryState.SKIPPED, "NOTHING_TO_SEND"),
        (DeliveryState.FAILED, "TOO_LARGE"),
        (DeliveryState.FAILED, "WEBHOOK_NOT_FOUND"),
        (DeliveryState.SKIPPED, "WEBHOOK_DISABLED"),
        (DeliveryState.FAILED, "WEBHOOK_INCOMPLETE"),
        b"'x'",
        (DeliveryState.SKIPPED, "CONDITIONS_NOT_MET"),
        b'{"metadata":{},"a":1}',
        (DeliveryState.SKIPPED, "CONDITIONS_NOT_MET"),
    ]
    reasons = [each.reason for each in rendered if isinstance(each, Ending)]
    assert reasons[0] == "Here: It failed."
    assert all("Here" in reason or '"' in reason for reason in reasons)


def test_where_an_expression_stands_is_told_in_words() -> None:
    own = webhook(1, jsonata_expression="own")
    known = route(1, name="Contracts")

    mapped = Sending(event(), own.id, own, known, known.mappings[0])
    subscribed = Sending(event(), own.id, own)
    gone = Sending(event(), own.id, None)

    assert (mapped.place, mapped.expression) == ('Use case "Contracts", mapping "mapping 1"', "$")
    assert (subscribed.place, subscribed.expression) == ('Webhook "Webhook 1"', "own")
    assert (gone.expression, gone.options) == (None, PayloadOptions())
    assert str(own.id) in gone.place
