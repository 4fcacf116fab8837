from typing import Any

import pytest

from tieline.integrations.outbound_configuration import parse_outbound
from tieline.mapping.errors import InvalidConfiguration

ID = "7d9f2a10-7a0c-4b51-8a3e-0f1f5f1f5f1f"


def mapping(**different: Any) -> dict[str, Any]:
    usual = {
        "id": ID,
        "name": "to ERP",
        "jsonata_expression": "$",
        "enabled": True,
        "delivery": {"type": "webhook", "webhook_id": "w", "webhook_url": "https://e.example"},
    }
    return {key: value for key, value in (usual | different).items() if value is not None}


def outbound(*mappings: Any) -> dict[str, Any]:
    return {"event_catalog_event": "contract.created", "mappings": list(mappings)}


def test_the_expression_of_every_mapping_is_found() -> None:
    expressions, warnings = parse_outbound(
        outbound(mapping(), mapping(id=None, enabled=False, jsonata_expression="entity"))
    )

    assert expressions == {
        "mappings[0].jsonata_expression": "$",
        "mappings[1].jsonata_expression": "entity",
    }
    assert warnings == []


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "event_catalog_event"),
        ({"event_catalog_event": " ", "mappings": [mapping()]}, "event_catalog_event"),
        ({"event_catalog_event": "a"}, "mappings"),
        (outbound(), "mappings"),
        (outbound("x"), "mappings[0]"),
        (outbound(mapping(id="x")), "mappings[0].id"),
        (outbound(mapping(), mapping(id=ID.upper())), "mappings[1].id"),
        (outbound(mapping(name=None)), "mappings[0].name"),
        (outbound(mapping(enabled=None)), "mappings[0].enabled"),
        (outbound(mapping(enabled="true")), "mappings[0].enabled"),
        (outbound(mapping(jsonata_expression=None)), "mappings[0].jsonata_expression"),
        (outbound(mapping(jsonata_expression=1)), "mappings[0].jsonata_expression"),
        (outbound(mapping(delivery=None)), "mappings[0].delivery"),
        (outbound(mapping(delivery={"webhook_id": "w"})), "mappings[0].delivery.type"),
        (outbound(mapping(delivery={"type": "mail"})), "mappings[0].delivery.type"),
        (outbound(mapping(delivery={"type": "webhook"})), "mappings[0].delivery.webhook_id"),
    ],
)
def test_what_could_never_work_is_refused_with_its_path(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_outbound(raw)

    assert caught.value.path == path
    assert path in caught.value.message


def test_unknown_keys_are_warnings() -> None:
    raw = {
        **outbound(mapping(x=1, delivery={"type": "webhook", "webhook_id": "w", "y": 1})),
        "z": 1,
    }

    _, warnings = parse_outbound(raw)

    assert [warning.path for warning in warnings] == [
        "z",
        "mappings[0].x",
        "mappings[0].delivery.y",
    ]
