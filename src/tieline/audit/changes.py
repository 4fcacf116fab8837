"""What differs between two JSON documents, as paths with the value before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tieline.kit import json


class Absent(Enum):
    """Stands for a value that is not there, which null is."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs. `path` is a JSON pointer (RFC 6901); `ABSENT` where there is none.

    An item that was removed from a list is named by its place before the change, any other by its
    place after it.
    """

    path: str
    old: Any
    new: Any

    def document(self) -> dict[str, Any]:
        """The change as JSON; what is absent is left out."""
        found = {"path": self.path, "old": self.old, "new": self.new}
        return {key: value for key, value in found.items() if value is not ABSENT}


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """The differences between two documents, in the order of their keys.

    A document that did not or does not exist counts as an empty one. Neither the order of keys
    nor the way in which a number is written is a difference.
    """
    return list(_objects(before or {}, after or {}, ""))


def _objects(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        step = key.replace("~", "~0").replace("/", "~1")
        yield from _values(old.get(key, ABSENT), new.get(key, ABSENT), f"{path}/{step}")


def _values(old: Any, new: Any, path: str) -> Iterator[Change]:
    match old, new:
        case Mapping(), Mapping():
            yield from _objects(old, new, path)
        case list(), list():
            yield from _lists(old, new, path)
        case _ if not _same(old, new):
            yield Change(path, old, new)


def _lists(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Change]:
    alike = common_ends(old, new)
    was, now = (len(items) - alike.first - alike.last for items in (old, new))
    for index in range(alike.first, alike.first + max(was, now)):
        yield from _values(
            old[index] if index < alike.first + was else ABSENT,
            new[index] if index < alike.first + now else ABSENT,
            f"{path}/{index}",
        )


def _same(old: Any, new: Any) -> bool:
    # True equals 1 in Python, but not in JSON.
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


@dataclass(frozen=True, slots=True)
class Alike:
    """How many items two lists share at the beginning, and how many of the others at the end."""

    first: int
    last: int

    def counterparts(self, old: Sequence[Any], count: int, absent: Any) -> list[Any]:
        """What stood before in the place of each of `count` items that are there now."""
        between = max(0, len(old) - self.first - self.last)
        changed = count - self.first - self.last
        middle = [*old[self.first :][: min(between, changed)]]
        middle += [absent] * (changed - len(middle))
        return [*old[: self.first], *middle, *old[len(old) - self.last :]]


def common_ends(old: Sequence[Any], new: Sequence[Any]) -> Alike:
    """What two lists share: so an item that was put in or taken out is one change, wherever."""
    before, after = ([json.canonical(item) for item in items] for items in (old, new))
    shorter = min(len(old), len(new))
    first = 0
    while first < shorter and before[first] == after[first]:
        first += 1
    last = 0
    while last < shorter - first and before[-1 - last] == after[-1 - last]:
        last += 1
    return Alike(first, last)
