"""The published OpenAPI definitions: whether an answer is one that they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tieline.kit import json

_METHODS = ("get", "put", "post", "patch", "delete")

UNDOCUMENTED_ERRORS: dict[str, dict[str, Any]] = {
    # Errors that a definition does not list, or lists without a body, have the form of the others.
    "erpIntegration": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "string"}, "message": {"type": "string", "minLength": 1}},
    },
    "metering": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "string"}, "message": {"type": "string", "minLength": 1}},
    },
    "webhooks": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "string"}, "message": {"type": "string", "minLength": 1}},
    },
    "eventCatalog": {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "string"}, "message": {"type": "string", "minLength": 1}},
    },
    "entity": {
        "type": "object",
        "required": ["status", "error"],
        "properties": {"status": {"type": "integer"}, "error": {"type": "string", "minLength": 1}},
    },
    "accessToken": {
        "type": "object",
        "required": ["status", "error"],
        "properties": {"status": {"type": "integer"}, "error": {"type": "string", "minLength": 1}},
    },
    "environments": {
        "type": "object",
        "required": ["status", "error"],
        "properties": {"status": {"type": "integer"}, "error": {"type": "string", "minLength": 1}},
    },
}


@dataclass(frozen=True)
class Operation:
    """One operation of a definition."""

    name: str
    document: dict[str, Any]


class Definition:
    """One API's definition."""

    def __init__(self, api: str, path: Path) -> None:
        self.api = api
        self.document: dict[str, Any] = json.loads(path.read_bytes())
        self._open_parts_of_compositions()
        self._uri = f"urn:definition:{api}"
        resource = DRAFT4.create_resource(self.document)
        self._registry: Registry[Any] = Registry().with_resource(self._uri, resource)
        self._operations = {operation.name: operation for operation in self._read_operations()}

    def __contains__(self, operation: str) -> bool:
        return operation in self._operations

    def request_examples(self, operation: str) -> dict[str, Any]:
        """The example requests that the definition carries for an operation, by name."""
        body = self._resolved(self._operations[operation].document["requestBody"])
        content = body["content"]["application/json"]
        examples = content.get("examples") or {"example": {"value": content["example"]}}
        return {name: example["value"] for name, example in examples.items()}

    def faults(self, operation: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer; nothing when the definition allows it."""
        responses = self._operations[operation].document["responses"]
        documented = responses.get(str(status), responses.get("default"))
        if documented is None:
            return [f"{operation} must not answer {status}, only {', '.join(responses)}: {body}"]
        content = self._resolved(documented).get("content", {})
        if not content and status >= 400:
            return self.error_faults(body)
        if not content:
            # Only 204 forbids a body; for other answers the definition is merely silent.
            empty = status != 204 or body in (None, "")
            return [] if empty else [f"{operation} {status} has no body, got {body}"]
        return self._violations(content["application/json"]["schema"], body)

    def error_faults(self, body: Any) -> list[str]:
        """What is wrong with the body of an error that the definition does not list."""
        return self._violations(UNDOCUMENTED_ERRORS[self.api], body)

    def _violations(self, schema: Mapping[str, Any], body: Any) -> list[str]:
        validator = OAS30ReadValidator(
            _absolute(schema, self._uri),
            registry=self._registry,
            format_checker=oas30_format_checker,
        )
        return [
            f"{'.'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}"
            for error in validator.iter_errors(body)
        ]

    def _open_parts_of_compositions(self) -> None:
        # A part of `allOf` that forbids other properties forbids those of the other parts too, and
        # no answer at all would be right. It is meant to describe its own properties.
        for node in _objects(self.document):
            for part in node.get("allOf", ()):
                target = self._resolved(part)
                if target.get("additionalProperties") is False:
                    del target["additionalProperties"]

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _read_operations(self) -> Iterator[Operation]:
        for item in self.document["paths"].values():
            for method in _METHODS:
                if method in item:
                    yield Operation(item[method]["operationId"], item[method])


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document, at any depth."""
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _objects(child)


def _absolute(node: Any, uri: str) -> Any:
    """The schema with its local references made absolute, so that it can be used on its own."""
    match node:
        case {"$ref": str(reference)} if reference.startswith("#"):
            return {**node, "$ref": uri + reference}
        case dict():
            return {key: _absolute(value, uri) for key, value in node.items()}
        case list():
            return [_absolute(value, uri) for value in node]
        case _:
            return node
