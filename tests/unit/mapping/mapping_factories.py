"""Small configurations and the short way to map with them."""

from __future__ import annotations

from typing import Any

from tieline.expressions.evaluator import Evaluator
from tieline.kit import json as lossless_json
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.engine import map_event
from tieline.mapping.models import EntityUpdate, FileProxyContext, MappingResult

ID_FIELD = {"attribute": "id", "field": "id"}
EVALUATOR = Evaluator()
FILES = FileProxyContext("https://hub.example/erp-integration", "org", "integration")


def entity(*fields: dict[str, Any], **block: Any) -> dict[str, Any]:
    """A configuration with one entity block, identified by the property `id`."""
    return {
        "entities": [
            {
                "entity_schema": "contact",
                "unique_ids": ["id"],
                "fields": [ID_FIELD, *fields],
                **block,
            }
        ]
    }


def reading(**block: Any) -> dict[str, Any]:
    """A configuration with one meter reading block."""
    return {
        "meter_readings": [
            {
                "meter": {"unique_ids": [{"attribute": "external_id", "field": "meter"}]},
                "fields": [
                    {"attribute": "external_id", "field": "id"},
                    {"attribute": "timestamp", "field": "at"},
                    {"attribute": "source", "constant": "ERP"},
                    {"attribute": "value", "field": "value"},
                ],
                **block,
            }
        ]
    }


def relations(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A field with relations to billing accounts."""
    config: dict[str, Any] = {"operation": "_set", **more}
    if "jsonataExpression" not in more:
        config["items"] = list(items)
    return {"attribute": "account", "relations": config}


def account(**unique_id: Any) -> dict[str, Any]:
    """A relation item."""
    return {
        "entity_schema": "billing_account",
        "unique_ids": [{"attribute": "external_id", **unique_id}],
    }


def query(*unique_ids: dict[str, Any], removal: str = "delete") -> dict[str, Any]:
    """The keys of a block that prunes among the entities with these values."""
    scope = {"scope_mode": "query", "query": list(unique_ids)}
    return {"mode": f"upsert-prune-scope-{removal}", "scope": scope}


def related_to(schema: str, *unique_ids: dict[str, Any], removal: str = "delete") -> dict[str, Any]:
    """The keys of a block that prunes among the entities related to one other."""
    scope = {"scope_mode": "relations", "schema": schema, "unique_ids": list(unique_ids)}
    return {"mode": f"upsert-prune-scope-{removal}", "scope": scope}


def references(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A field that refers to items of contacts."""
    config: dict[str, Any] = {"operation": "_set", **more}
    if "jsonataExpression" not in more:
        config["items"] = list(items)
    return {"attribute": "delivery", "relation_refs": config}


def address(value: dict[str, Any], **unique_id: Any) -> dict[str, Any]:
    """A reference to an address of a contact; `value` says where the address comes from."""
    return {
        "entity_schema": "contact",
        "unique_ids": [{"attribute": "number", **(unique_id or {"field": "number"})}],
        "path": "address",
        "value": {"attribute": "address", "operation": "_append", **value},
    }


def map_payload(configuration: dict[str, Any], payload: Any, **options: Any) -> MappingResult:
    """The result of mapping a payload, given as a value or as JSON text."""
    text = payload if isinstance(payload, bytes) else lossless_json.dumps(payload)
    parsed, _ = parse_configuration(configuration)
    return map_event(parsed, lossless_json.loads(text), EVALUATOR, text=text, **options)


def one(result: MappingResult) -> EntityUpdate:
    """The only entity update."""
    [update] = result.entities
    return update


def attributes(field: dict[str, Any], payload: Any, **options: Any) -> dict[str, Any]:
    """What one field makes of a payload, without the identifying attribute."""
    mapped = dict(one(map_payload(entity(field), payload, **options)).attributes)
    del mapped["id"]
    return mapped
