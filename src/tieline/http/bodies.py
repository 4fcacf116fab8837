"""What all bodies have in common: however large one is, few faults are looked for in it.

A fault costs a kilobyte while it is gathered. A list of a million wrong entries, which is a body of
a few megabytes, would otherwise take the memory and the time of everybody else.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema

MOST_MEMBERS = 100  # of an object that takes known names only; none has half as many


def _end_lists_at_first_fault(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") == "list":
            schema["fail_fast"] = True
        for part in schema.values():
            _end_lists_at_first_fault(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _end_lists_at_first_fault(part)


class BoundedBody(BaseModel):
    """A body, or an object in one, whose lists are read up to the first wrong entry."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the class, with every list in it ending at its first fault."""
        schema = handler(source)
        _end_lists_at_first_fault(schema)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _refuse_crowds(cls, value: Any) -> Any:
        strict = cls.model_config.get("extra") == "forbid"
        if strict and isinstance(value, dict) and len(value) > MOST_MEMBERS:
            raise ValueError(f"has {len(value):,} members. Send those that the API page names")
        return value
