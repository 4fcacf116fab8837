"""The items of a repeatable attribute while an event changes them: each has a stable `_id`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from tieline.kit import json
from tieline.kit.ids import new_uuid
from tieline.mapping.models import RelationOperation

ID = "_id"

Item = dict[str, Any]


class RepeatableItems:
    """The items of one attribute of one entity.

    A value that deeply equals an item, `_id` aside, is that item and keeps its `_id`.
    """

    def __init__(self, present: Sequence[Any]) -> None:
        self.items: list[Any] = list(present)
        self._joined = False  # whether the event brought anything
        # The items that `_set` replaced; those that come back are taken out of it.
        self._former: dict[bytes, list[Item]] = {}
        self._by_content: dict[bytes, int] = {}
        self._by_id: dict[str, int] = {}
        self._index()

    def join(self, operation: RelationOperation, values: Sequence[Item]) -> list[str]:
        """Let values join the items; the `_id` of each, in order.

        `_set` replaces what was there before the event, not what the event brought itself: what
        refers to that would lead nowhere.
        """
        first, self._joined = not self._joined, True
        match operation:
            case RelationOperation.SET if first:
                self._replace()
                return [self._add(value) for value in values]
            case RelationOperation.SET | RelationOperation.APPEND:
                return [self._add_unseen(value) for value in values]
            case RelationOperation.APPEND_ALL:
                return [self._add(value) for value in values]
            case _:
                assert_never(operation)

    def replacing(self, _present: Any) -> list[Any]:
        """The items, as what becomes of the attribute that they are of."""
        return list(self.items)

    def _replace(self) -> None:
        for item in self.items:
            if isinstance(item, dict):
                self._former.setdefault(_content(item), []).append(item)
        self.items = []
        self._index()

    def _add_unseen(self, value: Item) -> str:
        content = _content(value)
        place = self._by_content.get(content)
        if place is None:
            # With an `_id` of its own it is the item of that `_id`, in a new state.
            place = self._by_id.get(_id_of(value) or "")
            if place is None:
                return self._add(value)
            self.items[place] = value
            self._by_content[content] = place
        item = self.items[place]
        if _id_of(item) is None:
            item = self.items[place] = {**item, ID: str(new_uuid())}
        identifier: str = item[ID]
        self._by_id[identifier] = place
        return identifier

    def _add(self, value: Item) -> str:
        content = _content(value)
        former = self._former.get(content)
        item = former.pop(0) if former else value
        identifier = _id_of(item)
        if identifier is None or identifier in self._by_id:
            identifier = str(new_uuid())
            item = {**item, ID: identifier}
        self._by_content.setdefault(content, len(self.items))
        self._by_id[identifier] = len(self.items)
        self.items.append(item)
        return identifier

    def _index(self) -> None:
        self._by_content, self._by_id = {}, {}
        for place, item in enumerate(self.items):
            if isinstance(item, dict):
                self._by_content.setdefault(_content(item), place)
                if (identifier := _id_of(item)) is not None:
                    self._by_id.setdefault(identifier, place)


def _content(item: Item) -> bytes:
    # By their JSON texts: comparing each with each would take minutes for a long list.
    return json.canonical({name: member for name, member in item.items() if name != ID})


def _id_of(item: Item) -> str | None:
    identifier = item.get(ID)
    return identifier if isinstance(identifier, str) and identifier else None
