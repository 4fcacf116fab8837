from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tieline.integrations.mapping_stamps import with_stamps, without_stamps
from tieline.integrations.models import UseCase, UseCaseType
from tieline.integrations.outbound_routes import arrange_outbound, webhook_id_from
from tieline.records.identifiers import UuidForm

FIRST = datetime(2026, 1, 31, 8, tzinfo=UTC)
LATER = datetime(2026, 2, 1, 8, tzinfo=UTC)
WEBHOOK = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def mapping(name: str = "to SAP", **different: Any) -> dict[str, Any]:
    usual = {
        "name": name,
        "jsonata_expression": "$",
        "enabled": True,
        "delivery": {"type": "webhook", "webhook_id": str(WEBHOOK)},
    }
    return {**usual, **different}


def configuration(*mappings: dict[str, Any], event: str = "E") -> dict[str, Any]:
    return {"event_catalog_event": event, "mappings": list(mappings)}


def use_case(number: int, raw: dict[str, Any] | None, *, enabled: bool = True) -> UseCase:
    return UseCase(
        id=UUID(int=number),
        integration_id=UUID(int=100),
        version=1,
        name=f"use case {number}",
        slug=None,
        type=UseCaseType.OUTBOUND,
        enabled=enabled,
        change_description=None,
        configuration=raw,
        created_at=FIRST,
        updated_at=FIRST,
    )


def test_only_what_is_enabled_and_sends_something_is_a_route() -> None:
    routes = arrange_outbound(
        [
            use_case(1, configuration(mapping("a"), mapping("off", enabled=False))),
            use_case(2, configuration(mapping("b"), event="F")),
            use_case(3, configuration(mapping("off", enabled=False))),
            use_case(4, configuration(mapping("c")), enabled=False),
            use_case(5, None),
            use_case(6, configuration(mapping("d"))),
        ]
    )

    assert {
        event: [(route.name, [each.name for each in route.mappings]) for route in found]
        for event, found in routes.items()
    } == {
        "E": [("use case 1", ["a"]), ("use case 6", ["d"])],
        "F": [("use case 2", ["b"])],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (str(WEBHOOK), WEBHOOK),
        (UuidForm("whk").to_wire(WEBHOOK), WEBHOOK),
        (UuidForm("whk").to_wire(WEBHOOK).lower(), WEBHOOK),
        (UuidForm("cnn").to_wire(WEBHOOK), None),
        ("wh1", None),
        ("", None),
    ],
)
def test_a_webhook_is_named_by_either_of_its_ids(text: str, expected: UUID | None) -> None:
    assert webhook_id_from(text) == expected


def test_a_new_mapping_is_stamped() -> None:
    [found] = with_stamps(configuration(mapping()), None, FIRST)["mappings"]

    assert UUID(found["id"]).version == 7
    assert found["created_at"] == found["updated_at"] == "2026-01-31T08:00:00.000Z"


def test_what_a_new_mapping_brings_along_is_kept() -> None:
    sent = mapping(id=str(WEBHOOK), created_at="2020-01-01T00:00:00Z", updated_at="x")

    assert with_stamps(configuration(sent), None, FIRST)["mappings"] == [sent]


def test_the_same_again_changes_nothing() -> None:
    sent = configuration(mapping("a"), mapping("b"), mapping("a", jsonata_expression="1"))
    stored = with_stamps(sent, None, FIRST)

    assert with_stamps(sent, stored, LATER) == stored
    assert with_stamps(stored, stored, LATER) == stored


def test_a_mapping_that_changes_keeps_its_id_and_its_beginning() -> None:
    stored = with_stamps(configuration(mapping("a"), mapping("b")), None, FIRST)
    first, second = stored["mappings"]
    changed = [{**second, "name": "c"}, mapping("a", enabled=False)]

    by_id, by_name = with_stamps(configuration(*changed), stored, LATER)["mappings"]

    assert (by_id["id"], by_id["created_at"]) == (second["id"], second["created_at"])
    assert (by_name["id"], by_name["created_at"]) == (first["id"], first["created_at"])
    assert by_id["updated_at"] == by_name["updated_at"] == "2026-02-01T08:00:00.000Z"


def test_an_id_that_is_sent_belongs_to_nobody_else() -> None:
    stored = with_stamps(configuration(mapping("a")), None, FIRST)
    former = stored["mappings"][0]["id"]
    both = configuration(mapping("a"), mapping("b", id=former))

    named, sent = with_stamps(both, stored, LATER)["mappings"]

    assert sent["id"] == former
    assert named["id"] != former


def test_mappings_without_stamps_get_them_at_the_next_change() -> None:
    bare = configuration(mapping("a"))

    [found] = with_stamps(bare, bare, LATER)["mappings"]

    assert found["created_at"] == "2026-02-01T08:00:00.000Z"
    assert UUID(found["id"])


@pytest.mark.parametrize("raw", [None, {}, {"mappings": 1}, {"mappings": ["text"]}])
def test_what_is_no_configuration_yet_is_left_alone(raw: Any) -> None:
    assert without_stamps(raw) == raw


def test_files_hold_no_stamps() -> None:
    sent = configuration(mapping("a"), mapping("b"))

    assert without_stamps(with_stamps(sent, None, FIRST)) == sent
