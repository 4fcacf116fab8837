"""Files that people write, in YAML or JSON. Every digit of a number is kept."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tieline.cli.errors import UnreadableFile
from tieline.kit import json

_SAFE_TAGS = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # has no annotations
    """YAML 1.2's idea of plain values: `no` is a text, and so are dates, times and `012`."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,
    ) -> dict[Hashable, Any]:
        """An object with its keys in order. Raises a `ConstructorError` for a key said twice."""
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is no text", key.start_mark
                )
            if key.value in keys:
                problem = f"the key {key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            keys.add(key.value)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    text = node.value.replace("+", "", 1) if node.value.startswith("+") else node.value
    return json.exact_number(text)


for _kind, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"~|null|", "~n\0"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-+0123456789"),
):
    _Loader.add_implicit_resolver(
        _SAFE_TAGS + _kind, re.compile(f"^(?:{_pattern})$"), [c.strip("\0") for c in _first]
    )
_Loader.add_constructor(f"{_SAFE_TAGS}float", _number)


def read_document(path: Path) -> Any:
    """The value in a file: JSON if its name ends so, else YAML. Raises `UnreadableFile`."""
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        text = path.read_text("utf-8")
        if kind == "JSON":
            return json.loads(text)
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}. Name a file.") from None
    except (yaml.YAMLError, json.InvalidJson, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableFile(f"{path}: is no valid {kind}: {reason}") from None
