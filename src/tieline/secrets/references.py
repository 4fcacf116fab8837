"""References to environment variables in configuration: `{{env.key}}` or `{{ env.key }}`.

What is stored is the reference; the value takes its place when the configuration is used, and
nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tieline.database import OrgTransaction
from tieline.kit.json import JsonValue
from tieline.secrets.errors import UnresolvedVariable
from tieline.secrets.material import HIDDEN

# Takes more than a key may be: what looks like a reference must never pass for a text.
_REFERENCE = re.compile(r"\{\{\s*+env\.([^{}]*)\}\}")
_LONGEST_SHOWN = 128


class Variables(Protocol):
    """Where values come from; `EnvironmentService` is one."""

    async def values_of(self, tx: OrgTransaction, keys: Iterable[str]) -> Mapping[str, str]:
        """The values of those of some variables that have one."""


@dataclass(frozen=True)
class Resolved:
    """A JSON value with the values of variables in it. Printed, it shows nothing of them."""

    value: JsonValue = field(repr=False)

    def __str__(self) -> str:
        return HIDDEN


@dataclass(frozen=True)
class Reference:
    """A variable that is named somewhere; `where` is such as `headers.x-token` or `steps[0]`."""

    name: str
    where: str


def references_in(value: JsonValue) -> list[Reference]:
    """All references in the texts of a JSON value, in order. Names of members hold none."""
    return [
        Reference(match[1].strip(), where)
        for where, text in _texts(value, "")
        for match in _REFERENCE.finditer(text)
    ]


def names_in(value: JsonValue) -> list[str]:
    """The variables that a JSON value refers to, each once, in order."""
    return list(dict.fromkeys(reference.name for reference in references_in(value)))


async def resolve(variables: Variables, tx: OrgTransaction, value: JsonValue) -> Resolved:
    """The JSON value with every reference replaced, after one read for all of them.

    A value that holds `{{env.x}}` itself is taken as it is. Raises `UnresolvedVariable`, which
    names the variable and where it is named, for one that does not exist or has no value.
    """
    names = names_in(value)
    if not names:
        return Resolved(value)
    values = await variables.values_of(tx, names)
    for reference in references_in(value):
        if reference.name not in values:
            raise _unresolved(reference)
    return Resolved(_replaced(value, values))


def _replaced(value: JsonValue, values: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: values[match[1].strip()], value)
    if isinstance(value, Mapping):
        return {name: _replaced(member, values) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, values) for item in value]
    return value


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _texts(member, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _texts(item, f"{where}[{position}]")


def _unresolved(reference: Reference) -> UnresolvedVariable:
    name = reference.name[:_LONGEST_SHOWN]
    place = f"{reference.where}: " if reference.where else ""
    return UnresolvedVariable(
        f"{place}the environment variable {name!r} does not exist or has no value. "
        "Set it at /environments, or correct the reference.",
        variable=name,
        where=reference.where,
    )
