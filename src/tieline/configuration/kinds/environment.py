"""Environment variables and their groups in files: their names, never their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from tieline.configuration.kinds.kind import Document, Parents, Report, Stored, TopKind, checked
from tieline.configuration.models import Thing
from tieline.http.bodies import BoundedBody
from tieline.kit.errors import InvalidInput
from tieline.secrets.environments.checking import check_group_name, check_key
from tieline.secrets.environments.groups import EnvironmentGroups
from tieline.secrets.environments.models import MAX_TEXT, ValueType, VariableChange
from tieline.secrets.environments.service import EnvironmentService

Prose = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]


class _GroupText(BoundedBody):
    """What a file says of a group."""

    model_config = ConfigDict(extra="forbid")

    name: str
    description: Prose | None = None


class _VariableText(BoundedBody):
    """What a file says of a variable."""

    model_config = ConfigDict(extra="forbid")

    key: str
    type: ValueType = Field(ValueType.STRING)
    description: Prose | None = None
    group: str | None = None
    protected: StrictBool = False


class GroupKind(TopKind):
    """Groups of environment variables."""

    noun = "environment group"
    section = "environment_groups"
    group = "environment"

    def __init__(self, environment: EnvironmentService) -> None:
        self._groups: EnvironmentGroups = environment.groups
        self._environment = environment

    async def current(self, org_id: str) -> list[Thing]:
        """All groups."""
        return [
            _thing(_said({"name": group.name, "description": group.description}), "name")
            for group in await self._groups.list_groups(org_id)
        ]

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a group."""
        text = checked(_GroupText, raw, report)
        if text is None:
            return raw
        _report_name(text.name, "name", report)
        return _said(text.model_dump())

    def key(self, document: Document) -> str:
        """The name."""
        return str(document.get("name", ""))

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a group."""
        await self._groups.put(org_id, wanted.key, wanted.document.get("description"))
        return Stored(wanted.key)

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Describe a group in other words."""
        return await self.create(org_id, parents, wanted)

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove a group; variables that are still in it have none then."""
        await self._groups.delete(org_id, current.key)


class VariableKind(TopKind):
    """Environment variables. What they hold is set elsewhere, and stays as it is."""

    noun = "environment variable"
    section = "environment_variables"
    group = "environment"

    def __init__(self, environment: EnvironmentService) -> None:
        self._environment = environment

    async def current(self, org_id: str) -> list[Thing]:
        """All variables."""
        found = await self._environment.list_variables(org_id)
        return [
            _thing(
                _said(
                    {
                        "key": variable.key,
                        "type": variable.type.value,
                        "description": variable.description,
                        "group": variable.group,
                        "protected": variable.protected,
                    }
                ),
                "key",
            )
            for variable in found
        ]

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a variable."""
        if "value" in raw:
            report(("value",), "files hold no values. Set it at /environments, and leave it out")
        named = {key: value for key, value in raw.items() if key != "value"}
        text = checked(_VariableText, named, report)
        if text is None:
            return raw
        try:
            check_key(text.key)
        except InvalidInput as error:
            report(("key",), error.message.removeprefix("key: "))
        if text.group is not None:
            _report_name(text.group, "group", report)
        return _said({**text.model_dump(), "type": text.type.value})

    def key(self, document: Document) -> str:
        """The key."""
        return str(document.get("key", ""))

    def implied(self, document: Document) -> Iterable[tuple[str, Document]]:
        """The group of the variable, which is made when it is first named."""
        if document.get("group"):
            yield GroupKind.section, {"name": document["group"]}

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a variable without a value."""
        await self._environment.create(org_id, wanted.key, _change(wanted.document))
        return Stored(wanted.key)

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Change what is said about a variable."""
        await self._environment.put(org_id, wanted.key, _change(wanted.document))
        return Stored(wanted.key)

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove a variable with its value."""
        await self._environment.delete(org_id, current.key)

    async def reminders(self, org_id: str, keys: Sequence[str]) -> list[str]:
        """The variables that have no value yet."""
        stored = await self._environment.list_variables(org_id)
        missing = [one.key for one in stored if not one.has_value and one.key in set(keys)]
        if not missing:
            return []
        return [
            "These environment variables have no value yet; set each by PUT "
            '/environments/v1/environments/KEY with {"value": "..."}:',
            *(f"  {key}" for key in missing),
        ]


def _change(document: Document) -> VariableChange:
    return VariableChange(
        type=ValueType(document["type"]),
        description=document.get("description"),
        group=document.get("group"),
        protected=document.get("protected", False),
    )


def _said(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in document.items() if value is not None and value is not False
    }


def _thing(document: Mapping[str, Any], key: str) -> Thing:
    return Thing(None, str(document[key]), document)


def _report_name(name: str, field: str, report: Report) -> None:
    try:
        check_group_name(field, name)
    except InvalidInput as error:
        report((field,), error.message.removeprefix(f"{field}: "))
