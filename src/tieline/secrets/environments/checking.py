"""What is acceptable in variables and groups. Faults are told without the value."""

from __future__ import annotations

from tieline.kit.errors import InvalidInput
from tieline.secrets.environments.models import (
    ABSENT,
    KEY_PATTERN,
    MAX_GROUP_NAME,
    MAX_TEXT,
    MAX_VALUE_BYTES,
    RESERVED_KEY,
    VariableChange,
    is_key,
)


def check_key(key: str) -> None:
    """Raises `InvalidInput` unless a variable may have this key."""
    if not is_key(key):
        raise InvalidInput(
            f"key: must match the pattern {KEY_PATTERN}, and not be {RESERVED_KEY!r}."
        )


def check_change(change: VariableChange) -> None:
    """Raises `InvalidInput`, naming the field, unless a variable may become so."""
    if change.value is not None:
        text = change.value.reveal()
        _check_text("value", text)
        if len(text.encode()) > MAX_VALUE_BYTES:
            raise InvalidInput(f"value: must have at most {MAX_VALUE_BYTES:,} bytes.")
    if change.description is not ABSENT:
        check_description(change.description)
    if change.group is not ABSENT and change.group is not None:
        check_group_name("group", change.group)


def check_description(description: str | None) -> None:
    """Raises `InvalidInput` unless it may describe something."""
    if description is not None:
        _check_text("description", description)
        if len(description) > MAX_TEXT:
            raise InvalidInput(f"description: must have at most {MAX_TEXT:,} characters.")


def check_group_name(field: str, name: str) -> None:
    """Raises `InvalidInput` unless a group may have this name, which stands in a path."""
    fits = 1 <= len(name) <= MAX_GROUP_NAME and name == name.strip() and name.isprintable()
    if not fits or "/" in name or name in (".", ".."):
        raise InvalidInput(
            f"{field}: must have 1 to {MAX_GROUP_NAME} printable characters without a slash, and "
            "no space around them."
        )
    _check_text(field, name)


def _check_text(field: str, text: str) -> None:
    # Half of a surrogate pair is no character; the database and the vault take neither.
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(f"{field}: holds a character that cannot be stored. Remove it.")
