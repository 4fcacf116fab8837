"""The fields of events: worked out from what the graph holds, and checked. Pure but the sandbox.

Most expressions are plain paths, `contract.contract_number`. Through objects they mean in JSONata
what they say, and are followed here; all others go to the sandbox, those of a whole batch at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tieline.catalogue.checking import fault_of, takes_null
from tieline.catalogue.definitions import EntityField, EventDefinition, ValueField
from tieline.kit import json
from tieline.mapping.errors import MappingError
from tieline.mapping.mapper import Evaluation, Mapper

Faults = list[tuple[str, str]]  # places and what is wrong there

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_WORDS = frozenset({"and", "or", "in", "true", "false", "null"})


class Missing(Enum):
    """Stands for the value of a path that leads nowhere, which null is not."""

    MISSING = "missing"


class Unclear(Enum):
    """Stands for a path through lists, which the language treats in its own way."""

    UNCLEAR = "unclear"


MISSING, UNCLEAR = Missing.MISSING, Unclear.UNCLEAR


@dataclass
class Filling:
    """The fields of one event while they are worked out: `scope` is what expressions see."""

    definition: EventDefinition
    scope: Mapping[str, Any]
    fields: dict[str, Any]
    faults: Faults = field(default_factory=list)


async def fill(mapper: Mapper, fillings: Sequence[Filling]) -> None:
    """Work out every field that has an expression and no value, and check what came of it."""
    asked: list[tuple[Filling, str]] = []
    evaluations: list[Evaluation] = []
    for filling in fillings:
        sources = _sources_to_evaluate(filling)
        scope = json.dumps(filling.scope) if sources else b""
        for name, source in sources.items():
            asked.append((filling, name))
            evaluations.append(Evaluation(source, scope))
    if evaluations:
        answers = await mapper.evaluate(evaluations)
        for (filling, name), answer in zip(asked, answers, strict=True):
            _take(filling, name, answer)
    for filling in fillings:
        _check(filling)


def _sources_to_evaluate(filling: Filling) -> dict[str, str]:
    """The expressions that need the sandbox, by field (all fields: ''); others are followed."""
    if filling.definition.mapping:
        return {"": filling.definition.mapping}
    unclear = {}
    for name, each in filling.definition.fields.items():
        if isinstance(each, ValueField) and each.graph_source and name not in filling.fields:
            value = follow(each.graph_source, filling.scope)
            if value is UNCLEAR:
                unclear[name] = each.graph_source
            elif value is not MISSING:
                filling.fields[name] = value
    return unclear


def follow(source: str, scope: Mapping[str, Any]) -> Any:
    """What a plain path yields, `MISSING`, or `UNCLEAR` when only the language can tell."""
    if not _PATH.fullmatch(source):
        return UNCLEAR
    value: Any = scope
    for step in source.split("."):
        if step in _WORDS or isinstance(value, list):
            return UNCLEAR
        if not isinstance(value, Mapping) or step not in value:
            return MISSING
        value = value[step]
    return value


def _take(filling: Filling, name: str, answer: bytes | MappingError | None) -> None:
    place = f"schema_fields.{name}.graph_source" if name else "mapping.jsonata"
    if isinstance(answer, MappingError):
        filling.faults.append((place, answer.message))
    elif answer is not None and name:
        filling.fields[name] = json.loads(answer)
    elif not name:
        found = json.loads(answer) if answer is not None else None
        if isinstance(found, dict):
            filling.fields = {**found, **filling.fields}
        else:
            filling.faults.append((place, "must yield an object with the fields."))


def _check(filling: Filling) -> None:
    declared = filling.definition.fields
    filling.faults += [
        (f"fields.{name:.80}", "is no field of the event.")
        for name in filling.fields
        if name not in declared
    ]
    for name, each in declared.items():
        if isinstance(each, EntityField):
            present = name in filling.fields
        else:
            present = _check_value(filling, name, each)
        if each.required and not present:
            filling.faults.append((f"fields.{name}", "is required and has no value."))


def _check_value(filling: Filling, name: str, each: ValueField) -> bool:
    """Whether the field has a value; null is one only where the field's schema knows null."""
    if name not in filling.fields:
        return False
    value = filling.fields[name]
    if value is None and not takes_null(each.json_schema):
        del filling.fields[name]
        return False
    fault = fault_of(each.json_schema, value)
    if fault is not None:
        filling.faults.append((f"fields.{name}", f"does not fit its schema: {fault}."))
    return True
