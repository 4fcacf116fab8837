"""What events look like: their JSON Schemas and examples."""

from __future__ import annotations

from typing import Any

import pytest
from event_factories import document
from jsonschema import Draft202012Validator, FormatChecker

from tieline.catalogue.builtin import built_in_events
from tieline.catalogue.definitions import EventDefinition
from tieline.catalogue.examples import example_of
from tieline.catalogue.parsing import parse_definition
from tieline.catalogue.payloads import payload_example, payload_schema


def assert_valid(definition: EventDefinition) -> dict[str, Any]:
    """The example, once it fits the schema for an independent validator."""
    schema, example = payload_schema(definition), payload_example(definition)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(example)
    return example


@pytest.mark.parametrize("name", list(built_in_events()))
def test_the_example_of_a_built_in_event_fits_its_schema(name):
    definition = built_in_events()[name]
    example = assert_valid(definition)
    assert example["_event_name"] == name
    assert set(definition.fields) <= set(example)


def test_an_event_of_a_reading_has_no_entity_that_triggered_it():
    example = payload_example(built_in_events()["MeterReadingAdded"])
    assert example["operation"] == "createEntity"
    assert "trigger_entity" not in example


def test_a_missing_required_field_does_not_fit():
    definition = parse_definition(document())
    example = payload_example(definition)
    del example["number"]
    assert not Draft202012Validator(payload_schema(definition)).is_valid(example)


def test_fields_with_entities_and_nodes_are_described():
    fields = {"customer": {"entity_schema": "contact", "required": True}}
    definition = parse_definition(document(schema_fields=fields))
    example = assert_valid(definition)
    assert example["customer"]["_schema"] == "contact"
    assert example["contract"]["_schema"] == "contract"
    assert [entity["_schema"] for entity in example["contact"]] == ["contact"]


def test_what_the_author_gave_is_the_example():
    definition = parse_definition(document(example={"number": "C-77"}))
    assert payload_example(definition)["number"] == "C-77"


def test_an_optional_field_without_a_fitting_example_is_left_out():
    field = {"json_schema": {"type": "string", "pattern": "^[0-9]{4}$"}}
    definition = parse_definition(document(schema_fields={"code": field}))
    assert "code" not in assert_valid(definition)


@pytest.mark.parametrize(
    "schema",
    [
        {"const": 5},
        {"default": "x", "type": "string"},
        {"example": 5},
        {"examples": [7]},
        {"enum": ["a", "b"]},
        {"type": "integer"},
        {"type": "integer", "minimum": 5},
        {"type": "integer", "exclusiveMinimum": 5},
        {"type": "number", "maximum": -1},
        {"type": "number", "exclusiveMaximum": 0},
        {"type": "integer", "multipleOf": 7},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"type": "array"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]},
        {"properties": {"a": {"type": "integer"}}},
        {"items": {"type": "integer"}},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "email"},
        {},
        {"enum": [], "type": "object"},
    ],
)
def test_an_example_fits_its_schema(schema):
    checked = {name: part for name, part in schema.items() if name != "enum" or part}
    Draft202012Validator(checked, format_checker=FormatChecker()).validate(example_of(schema))


def test_an_example_of_what_is_no_schema_is_a_text():
    assert example_of(True) == "text"
