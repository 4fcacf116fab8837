"""Documents without the secrets in them, which still tell whether a secret was changed. Pure.

A secret is known by the name that it stands under, or by what it looks like. `{{env.key}}` stays
readable: it says where a secret comes from, not what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.audit.changes import common_ends
from tieline.kit.secrecy import hide_secrets, names_a_secret, refers_to_environment

REDACTED = "<redacted>"
CHANGED = "<redacted: changed>"  # stands after a change, where `REDACTED` stands before it

_REFERENCE = re.compile(r"(\{\{\s*env\.[A-Za-z0-9_.\-]+\s*\}\})")
_AUTH_SCHEME = re.compile(r"\s*(?:(?:Basic|Bearer|Digest|Token|ApiKey)\s+)?", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(r"(?<=[?&;])([^=&#;\s]+)=([^&#;\s]+)")
# Pairs such as {"name": "Authorization", "value": "..."}: the one member names what the other is.
_NAMING = ("name", "key", "header", "attribute", "parameter", "param", "field")
_NAMED = frozenset({"value", "values", "constant", "default"})
_SECRET_TYPE = "SecretString"  # noqa: S105 - the name of a type
_NOTHING = object()  # stands where a document has nothing, which null is


def redacted(document: Any) -> Any:
    """A JSON value with every secret in it replaced by `REDACTED`, wholly or where it stands."""
    return _hidden(document, _NOTHING)


def redacted_pair(before: Any, after: Any) -> tuple[Any, Any]:
    """A document before and after a change, both redacted.

    Where a secret is another one afterwards, `CHANGED` stands for it: the two differ wherever
    what they stand for differs. None for a document that did not or does not exist.
    """
    return redacted(before), _hidden(after, _NOTHING if before is None else before)


def _hidden(value: Any, earlier: Any, *, secret: bool = False) -> Any:
    """The value without secrets; `earlier` is what stood in its place before.

    With `secret` everything that is in the value is one.
    """
    match value:
        case Mapping():
            return _hidden_object(value, earlier, secret=secret)
        case list() | tuple():
            return _hidden_list(value, earlier, secret=secret)
        case str():
            hidden = _secret_text(value) if secret else _plain_text(value)
        case bool() | None:
            return value
        case _:
            hidden = REDACTED if secret else value
    if hidden != value and earlier is not _NOTHING and earlier != value:
        return hidden.replace(REDACTED, CHANGED)
    return hidden


def _hidden_object(value: Mapping[str, Any], earlier: Any, *, secret: bool) -> dict[str, Any]:
    known = earlier if isinstance(earlier, Mapping) else {}
    named = _names_the_rest(value)
    return {
        key: _hidden(
            inner,
            known.get(key, _NOTHING),
            secret=secret or _is_secret(key, inner) or (named and key.lower() in _NAMED),
        )
        for key, inner in value.items()
    }


def _hidden_list(value: Sequence[Any], earlier: Any, *, secret: bool) -> list[Any]:
    known = earlier if isinstance(earlier, list | tuple) else ()
    alike = common_ends(known, value)
    before = alike.counterparts(known, len(value), _NOTHING)
    return [_hidden(inner, was, secret=secret) for inner, was in zip(value, before, strict=True)]


def _is_secret(name: str, value: Any) -> bool:
    if isinstance(value, int | float):
        return names_a_secret(name)
    # In the plural a number counts things, and anything else holds them.
    return names_a_secret(name) or names_a_secret(name.removesuffix("s"))


def _names_the_rest(value: Mapping[str, Any]) -> bool:
    if value.get("type") == _SECRET_TYPE:
        return True
    names = (value.get(key) for key in _NAMING)
    return any(isinstance(name, str) and _is_secret(name, None) for name in names)


def _secret_text(text: str) -> str:
    """A text that is a secret, but for references to the environment."""
    if not text:
        return text
    if not refers_to_environment(text):
        return REDACTED
    return "".join(
        part if _REFERENCE.fullmatch(part) or _AUTH_SCHEME.fullmatch(part) else REDACTED
        for part in _REFERENCE.split(text)
    )


def _plain_text(text: str) -> str:
    """A text in which secrets may stand."""
    parts = _REFERENCE.split(text) if "{{" in text else [text]
    return "".join(
        part if _REFERENCE.fullmatch(part) else _without_parameters(hide_secrets(part, REDACTED))
        for part in parts
    )


def _without_parameters(text: str) -> str:
    def hidden(found: re.Match[str]) -> str:
        return f"{found[1]}={REDACTED}" if _is_secret(found[1], None) else found[0]

    return _SECRET_PARAMETER.sub(hidden, text) if "=" in text else text
