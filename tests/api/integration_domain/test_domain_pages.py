"""The API page of the domain says of everything what it means."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.app import openapi_pages

PAGE = openapi_pages()["api/v1/integration"]
RECORDS = ("applications", "connectors", "api-keys", "webhooks", "users")
SCHEMAS = PAGE["components"]["schemas"]


def members(schema: Any, seen: frozenset[str] = frozenset()) -> Any:
    """The fields of a schema and of those that it refers to, each with its own."""
    if isinstance(schema, list):
        for part in schema:
            yield from members(part, seen)
    if not isinstance(schema, dict):
        return
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and name not in seen:
        yield from members(SCHEMAS[name], seen | {name})
    yield from schema.get("properties", {}).items()
    for part in ("items", "anyOf", "allOf", "oneOf"):
        yield from members(schema.get(part), seen)


def operations() -> Any:
    for path, methods in PAGE["paths"].items():
        if path.split("/")[1] in RECORDS:
            for method, operation in methods.items():
                yield pytest.param(operation, id=f"{method} {path}")


@pytest.mark.parametrize("operation", operations())
def test_every_field_and_parameter_of_a_record_is_described(operation: Any) -> None:
    bodies = [operation.get("requestBody", {"content": {}})]
    bodies += [answer for status, answer in operation["responses"].items() if status < "300"]
    schemas = [kind["schema"] for body in bodies for kind in body["content"].values()]
    fields = [field for schema in schemas for field in members(schema)]

    assert fields
    silent = {name for name, own in fields if not own.get("description")}
    parameters = operation.get("parameters", [])
    silent |= {each["name"] for each in parameters if not each.get("description")}
    assert silent - {"items"} == set()
