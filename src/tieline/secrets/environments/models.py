"""Environment variables and their groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Literal

from tieline.secrets.material import SecretText

KEY_PATTERN = r"^[a-z0-9][a-z0-9_.\-]{0,127}$"
MOST_VARIABLES = 1_000
MOST_GROUPS = 1_000
MAX_VALUE_BYTES = 32_768
MAX_TEXT = 1_000  # characters of a description
MAX_GROUP_NAME = 128
# In a path the word stands for the list of groups.
RESERVED_KEY = "groups"

_KEY = re.compile(KEY_PATTERN.removesuffix("$"))


class ValueType(StrEnum):
    """What a variable holds: a text that may be read, or one that never comes back."""

    STRING = "String"
    SECRET = "SecretString"  # noqa: S105 - the name of a type


class Absent(Enum):
    """Stands for what a change says nothing about, where None would say that it is removed."""

    ABSENT = "absent"


ABSENT: Literal[Absent.ABSENT] = Absent.ABSENT


@dataclass(frozen=True)
class Variable:
    """A variable without its value, unless that may be read.

    One can exist without a value: configuration files make names, never values.
    """

    key: str
    type: ValueType
    description: str | None
    group: str | None
    value: str | None
    has_value: bool
    protected: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Group:
    """A group of variables, for the eye."""

    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class VariableChange:
    """What is to become of a variable; what is absent stays as it is, or takes its default."""

    type: ValueType | None = None
    value: SecretText | None = None
    description: str | Literal[Absent.ABSENT] | None = ABSENT
    group: str | Literal[Absent.ABSENT] | None = ABSENT
    protected: bool | None = None


def is_key(text: str) -> bool:
    """Whether a variable may have this key."""
    return _KEY.fullmatch(text) is not None and text != RESERVED_KEY
