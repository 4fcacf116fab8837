"""What a kind of thing that is configured has to be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from tieline.configuration.models import Path, Thing
from tieline.http.errors import in_words
from tieline.kit.errors import TielineError

Checked = TypeVar("Checked", bound=BaseModel)
Document = Mapping[str, Any]
Report = Callable[[Path, str], None]
Parents = tuple[str, ...]


@dataclass(frozen=True)
class Stored:
    """A thing was created or changed: its id, and what is worth a warning."""

    id: str
    warnings: tuple[str, ...] = ()


class Kind(ABC):
    """A kind of thing. Ids and `parents`, the ids of what it belongs to, are those of files."""

    noun: ClassVar[str]  # for people: "use case"
    section: ClassVar[str]  # the property of files that lists such things: `use_cases`
    has_ids: ClassVar[bool] = False
    # Not so for examples, in which the names of secrets mean something else.
    holds_configuration: ClassVar[bool] = True
    permanent: ClassVar[str | None] = None  # why nothing of the kind can be deleted, if it cannot
    # Properties that may name things of kinds that come later; they are set when all are there.
    late: ClassVar[Sequence[str]] = ()
    parts: Sequence[Kind] = ()

    @abstractmethod
    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a thing in the form of `Thing.document`; faults are reported."""

    @abstractmethod
    def key(self, document: Document) -> str:
        """The name by which people know the thing; empty if it has none."""

    def usual_id(self, text: str) -> str | None:
        """An id in the form that `Thing.id` has, or None when the text is no such id."""
        return text

    async def verify(  # noqa: B027 - most kinds have nothing to add
        self, current: Thing | None, wanted: Thing, fault: Report, warn: Report
    ) -> None:
        """Report why the thing cannot become what is wanted, and what would have no effect."""

    @abstractmethod
    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a new thing without its parts, under its id if it has one."""

    @abstractmethod
    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Make a thing what is wanted, without its parts."""

    @abstractmethod
    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove a thing and its parts."""


class TopKind(Kind):
    """A kind of thing that belongs to no other."""

    group: ClassVar[str]  # the name of the file for such things, as `--kind` knows it
    a_file_each: ClassVar[bool] = False
    # Whether making the changes and undoing them is cheap, so that a plan tries them.
    rehearsed: ClassVar[bool] = True

    @abstractmethod
    async def current(self, org_id: str) -> list[Thing]:
        """All such things with their parts, in the order of age."""

    async def note_export(self, org_id: str, things: Sequence[Thing]) -> None:
        """Note in the audit log that somebody is shown what must not be looked at unseen."""

    def implied(self, document: Document) -> Iterable[tuple[str, Document]]:
        """Things of other kinds, by their sections, that come with this one unless described."""
        return ()

    async def reminders(self, org_id: str, keys: Sequence[str]) -> list[str]:
        """What people have still to do about the things with these keys."""
        return []


def checked(model: type[Checked], raw: dict[str, Any], report: Report) -> Checked | None:
    """The model of what a file says, or None when that is not valid, which is reported."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        found: dict[Path, list[str]] = {}
        for fault in error.errors():
            words = "is missing" if fault["type"] == "missing" else in_words(fault).rstrip(".")
            found.setdefault(_place(raw, fault["loc"], fault["type"]), []).append(words)
        for path, alternatives in found.items():
            report(path, " or ".join(alternatives).replace(" or must be ", " or "))
    except TielineError as error:
        report((), error.message)
    return None


def _place(raw: Any, location: Path, fault_type: str) -> Path:
    """The location without the names of alternatives, which lead nowhere in what was said."""
    found: list[str | int] = []
    for number, step in enumerate(location):
        is_there = step in raw if isinstance(raw, dict) else _is_index(raw, step)
        if is_there:
            raw = raw[step]
        if is_there or (fault_type == "missing" and number == len(location) - 1):
            found.append(step)
    return tuple(found)


def _is_index(raw: Any, step: str | int) -> bool:
    return isinstance(raw, list) and isinstance(step, int) and step < len(raw)
