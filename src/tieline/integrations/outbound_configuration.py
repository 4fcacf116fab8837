"""Checks the configuration of an outbound use case. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tieline.kit.ids import parse_uuid
from tieline.mapping.models import ConfigurationWarning
from tieline.mapping.reader import Reader

_KEYS = {"event_catalog_event", "mappings"}
_MAPPING_KEYS = {
    "id",
    "name",
    "jsonata_expression",
    "enabled",
    "delivery",
    "created_at",
    "updated_at",
}
_DELIVERY_KEYS = {"type", "webhook_id", "webhook_name", "webhook_url"}


class DeliveryType(StrEnum):
    """How a mapped event leaves."""

    WEBHOOK = "webhook"


def parse_outbound(raw: Mapping[str, Any]) -> tuple[dict[str, str], list[ConfigurationWarning]]:
    """The JSONata expressions by their paths, and what has no effect.

    Raises `InvalidConfiguration` for anything that could never work.
    """
    warnings: list[ConfigurationWarning] = []
    reader = Reader(raw, "", warnings)
    reader.warn_unknown(_KEYS)
    reader.required_text("event_catalog_event")
    mappings = reader.children("mappings", required=True)
    if not mappings:
        raise reader.fail("mappings", "must not be empty. Say where the event goes.")
    expressions: dict[str, str] = {}
    seen: set[str] = set()
    for mapping in mappings:
        mapping.warn_unknown(_MAPPING_KEYS)
        _check_id(mapping, seen)
        mapping.required_text("name")
        require_switch(mapping, "enabled")
        _check_delivery(mapping)
        path = mapping.at("jsonata_expression")
        expressions[path] = mapping.required_text("jsonata_expression")
    return expressions, warnings


def require_switch(reader: Reader, key: str) -> bool:
    """A boolean that must be there."""
    value = reader.raw.get(key)
    if not isinstance(value, bool):
        raise reader.fail(key, "is required and must be true or false. Correct it.")
    return value


def _check_id(mapping: Reader, seen: set[str]) -> None:
    text = mapping.text("id")
    if text is None:
        return
    mapping_id = parse_uuid(text)
    if mapping_id is None:
        raise mapping.fail("id", "must be a UUID. Correct it, or leave it out.")
    if str(mapping_id) in seen:
        raise mapping.fail("id", "is that of another mapping too. Make it unique.")
    seen.add(str(mapping_id))


def _check_delivery(mapping: Reader) -> None:
    if not mapping.has("delivery"):
        raise mapping.fail("delivery", "is required. Name the webhook that the event goes to.")
    delivery = mapping.child("delivery")
    delivery.warn_unknown(_DELIVERY_KEYS)
    delivery.required_text("type")
    delivery.choice("type", DeliveryType, DeliveryType.WEBHOOK)
    delivery.required_text("webhook_id")
