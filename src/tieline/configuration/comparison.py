"""Where two documents differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from tieline.configuration.models import ABSENT, Difference, Path
from tieline.kit import json

_MOST_COMPARED = 500  # entries of a list; finding what was moved costs the square of it


def differences(old: Any, new: Any, path: Path = ()) -> Iterator[Difference]:
    """The innermost places where two JSON values differ, in the order of the new one.

    Values are the same if their JSON is the same text, the order of keys included: `1` is not
    `1.0`. Where nothing but the order of keys differs, the whole object is named.
    """
    if json.dumps(old) == json.dumps(new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = list(_in_objects(old, new, path))
        yield from found or [Difference(path, old, new)]
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_lists(old, new, path)
    else:
        yield Difference(path, old, new)


def _in_objects(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Difference]:
    for key in [*new, *(key for key in old if key not in new)]:
        if key not in old:
            yield Difference((*path, key), ABSENT, new[key])
        elif key not in new:
            yield Difference((*path, key), old[key], ABSENT)
        else:
            yield from differences(old[key], new[key], (*path, key))


def _in_lists(old: list[Any], new: list[Any], path: Path) -> Iterator[Difference]:
    """The differences of entries; one that is inserted does not make all behind it differ.

    An entry that went is named by its old place, all others by their new one.
    """
    opcodes: Sequence[tuple[str, int, int, int, int]]
    if max(len(old), len(new)) > _MOST_COMPARED:
        opcodes = [("replace", 0, len(old), 0, len(new))]
    else:
        texts = [json.dumps(entry) for entry in old], [json.dumps(entry) for entry in new]
        opcodes = SequenceMatcher(None, *texts, autojunk=False).get_opcodes()
    for tag, old_from, old_to, new_from, new_to in opcodes:
        if tag == "equal":
            continue
        paired = min(old_to - old_from, new_to - new_from)
        for offset in range(paired):
            place = (*path, new_from + offset)
            yield from differences(old[old_from + offset], new[new_from + offset], place)
        for index in range(old_from + paired, old_to):
            yield Difference((*path, index), old[index], ABSENT)
        for index in range(new_from + paired, new_to):
            yield Difference((*path, index), ABSENT, new[index])
