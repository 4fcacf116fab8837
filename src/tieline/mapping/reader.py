"""Reads a piece of a configuration, naming the exact place of every fault."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, TypeVar

from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.models import ConfigurationWarning

Choice = TypeVar("Choice", bound=StrEnum)

# In characters. Schema, attribute and value make one key of an index, which must stay below 2.7 KB.
MAX_SCHEMA_LENGTH = 128
MAX_NAME_LENGTH = 256

_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "a number")


class Reader:
    """One object of the configuration. A key with the value null counts as absent."""

    def __init__(self, raw: Any, path: str, warnings: list[ConfigurationWarning]) -> None:
        if not isinstance(raw, dict):
            raise InvalidConfiguration(
                f"{path or 'The configuration'} must be an object, not {kind_of(raw)}. Correct it.",
                path,
            )
        self.raw = raw
        self.path = path
        self.warnings = warnings

    def at(self, key: str) -> str:
        """The path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether the key is there with a value."""
        return self.raw.get(key) is not None

    def fail(self, key: str, message: str) -> InvalidConfiguration:
        """The error to raise about a key; `message` goes on after its path."""
        return InvalidConfiguration(f"{self.at(key)} {message}", self.at(key))

    def warn(self, key: str, message: str) -> None:
        """Note a warning about a key; `message` goes on after its path."""
        self.warnings.append(ConfigurationWarning(self.at(key), f"{self.at(key)} {message}"))

    def warn_unknown(self, known: Collection[str]) -> None:
        """Note a warning for every key that is not known."""
        for key in self.raw:
            if key not in known:
                self.warn(key, "is not known and has no effect. Remove it or correct its name.")

    def text(self, key: str) -> str | None:
        """A text that is not blank, or None when it is absent or blank."""
        value = self.raw.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.fail(key, f"must be a text, not {kind_of(value)}. Correct it.")
        return value if value.strip() else None

    def required_text(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        if value is None:
            raise self.fail(key, "is required. Add it.")
        return value

    def name(self, key: str, longest: int = MAX_NAME_LENGTH) -> str:
        """A text that must be there, short enough to be looked up by."""
        value = self.required_text(key)
        if len(value) > longest:
            raise self.fail(key, f"is longer than {longest} characters. Shorten it.")
        return value

    def choice(self, key: str, kind: type[Choice], default: Choice) -> Choice:
        """One of the values of an enumeration."""
        value = self.raw.get(key)
        if value is None:
            return default
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(member.value for member in kind)
            raise self.fail(key, f"must be one of {allowed}. Choose one of them.") from None

    def items(self, key: str, *, required: bool = False) -> list[Any]:
        """A list; empty when it is absent and not required."""
        value = self.raw.get(key)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            problem = "is required. Add it." if value is None else "must be a list. Correct it."
            raise self.fail(key, problem)
        return value

    def texts(self, key: str, *, required: bool = False) -> list[str]:
        """A list of texts."""
        values = self.items(key, required=required)
        for index, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                raise self.fail(f"{key}[{index}]", "must be a text that is not empty. Correct it.")
        return values

    def child(self, key: str) -> Reader:
        """The reader of an object under a key, which must be there."""
        if not self.has(key):
            raise self.fail(key, "is required. Add it.")
        return Reader(self.raw.get(key), self.at(key), self.warnings)

    def children(self, key: str, *, required: bool = False) -> list[Reader]:
        """The readers of a list of objects under a key."""
        return [
            Reader(item, f"{self.at(key)}[{index}]", self.warnings)
            for index, item in enumerate(self.items(key, required=required))
        ]
