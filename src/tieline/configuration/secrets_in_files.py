"""Files hold no secrets: they say where these are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tieline.configuration.models import Path
from tieline.kit.secrecy import holds_a_secret, names_a_secret

LEFT_OUT = "<redacted>"
# `{{env.key}}`, or what a file proxy has from a step before: `Bearer {{steps.0.body.token}}`.
_TEMPLATE = re.compile(r"\{\{[^{}]+\}\}")
_NAMING = ("name", "key", "header")  # of pairs such as {name: Authorization, value: ...}


def is_reference(text: str) -> bool:
    """Whether what stands where a secret is expected says where that comes from."""
    return _TEMPLATE.search(text) is not None


def plain_secrets(document: Any, path: Path = ()) -> Iterator[Path]:
    """The places of texts that stand under the name of a secret without being references, and of
    those that by their form are keys, tokens or addresses with passwords."""
    match document:
        case Mapping():
            for key, value in document.items():
                yield from _of_member(document, key, value, (*path, key))
        case list():
            for index, entry in enumerate(document):
                yield from plain_secrets(entry, (*path, index))
        case str() if holds_a_secret(document):
            yield path


def _of_member(parent: Mapping[str, Any], key: str, value: Any, path: Path) -> Iterator[Path]:
    secret = names_a_secret(key) or (key == "value" and _is_named_as_a_secret(parent))
    if secret and isinstance(value, str):
        if value and not is_reference(value):
            yield path
    else:
        yield from plain_secrets(value, path)


def _is_named_as_a_secret(pair: Mapping[str, Any]) -> bool:
    names = (pair.get(naming) for naming in _NAMING)
    return any(isinstance(name, str) and names_a_secret(name) for name in names)


def without_secrets(document: Any) -> tuple[Any, list[Path]]:
    """The document with `LEFT_OUT` in place of each secret, and the places of these."""
    places = list(plain_secrets(document))
    for path in places:
        document = _replaced(document, path)
    return document, places


def _replaced(document: Any, path: Path) -> Any:
    if not path:
        return LEFT_OUT
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        return [
            _replaced(entry, rest) if index == first else entry
            for index, entry in enumerate(document)
        ]
    return {
        key: _replaced(value, rest) if key == first else value for key, value in document.items()
    }
