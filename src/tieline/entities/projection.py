"""Parts of an entity: which fields a reader wants to see, by name, path or glob. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

MAX_FIELDS = 200
MAX_FIELD_LENGTH = 512
_ANY_DEPTH = "**"

Path = tuple[str, ...]


class Projection:
    """A selection such as `name`, `address.*`, `**.email` or `!_acl`.

    Without a positive part everything is included; what a `!` part names is then left out. Lists
    are looked through: a path names a property of each of their items.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        self._included = [_path(name) for name in fields if not name.startswith("!")]
        self._excluded = [_path(name[1:]) for name in fields if name.startswith("!")]

    def __call__(self, document: dict[str, Any]) -> dict[str, Any]:
        """The selected part of a document."""
        if self._included:
            document = _include(document, self._included)
        return _exclude(document, self._excluded) if self._excluded else document


def _path(name: str) -> Path:
    steps = name.split(".")
    # Any depth twice in a row is any depth.
    return tuple(
        step
        for step, before in zip(steps, ["", *steps], strict=False)
        if (step, before) != (_ANY_DEPTH, _ANY_DEPTH)
    )


def _include(document: dict[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in document.items():
        rests = _step(key, paths)
        if () in rests:
            kept[key] = value
        elif rests:
            inner = _within(value, rests, _include)
            # Of a list, its empty items keep the others in their places.
            if any(inner) if isinstance(inner, list) else inner:
                kept[key] = inner
    return kept


def _exclude(document: dict[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in document.items():
        rests = _step(key, paths)
        if () in rests:
            continue
        inner = _within(value, rests, _exclude) if rests else value
        kept[key] = value if inner is None else inner
    return kept


def _within(value: Any, paths: Sequence[Path], apply: Any) -> Any:
    """The selection within an object or a list of objects; None for anything else."""
    if isinstance(value, dict):
        return apply(value, paths)
    if isinstance(value, list):
        keeps_others = apply is _exclude
        return [
            apply(item, paths) if isinstance(item, dict) else item
            for item in value
            if isinstance(item, dict) or keeps_others
        ]
    return None


def _step(key: str, paths: Sequence[Path]) -> list[Path]:
    """What remains of the paths below a key; the empty path where one ends there."""
    rests: set[Path] = set()
    for path in paths:
        if path[0] == _ANY_DEPTH:
            rests.add(path)
            if len(path) == 1:
                rests.add(())
            else:
                rests.update(_step(key, [path[1:]]))
        elif _glob(path[0]).fullmatch(key):
            rests.add(path[1:])
    return sorted(rests)


@lru_cache(1024)
def _glob(pattern: str) -> re.Pattern[str]:
    # Atomic: what lies between two wildcards is taken where it first occurs and never tried again,
    # else a pattern with many of them would keep the whole process busy for hours.
    first, *rest = (re.escape(part) for part in re.split(r"\*+", pattern))
    if not rest:
        return re.compile(first)
    between = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(f"{first}{between}.*{rest[-1]}", re.DOTALL)
