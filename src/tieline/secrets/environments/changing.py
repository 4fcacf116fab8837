"""What becomes of a variable by a change; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tieline.secrets.environments.errors import SecretValueNeeded
from tieline.secrets.environments.models import ABSENT, ValueType, Variable, VariableChange
from tieline.secrets.material import SecretText


@dataclass(frozen=True)
class Outcome:
    """The variable as it will be, and what to do about its secret, which lies elsewhere."""

    variable: Variable
    secret: SecretText | None
    drop_secret: bool
    value_changed: bool


def apply_change(
    key: str, before: Variable | None, change: VariableChange, now: datetime
) -> Outcome:
    """What a change makes of a variable, or of nothing.

    A readable value moves when its variable becomes secret, so that no plain copy remains. The
    other way there is none: raises `SecretValueNeeded` when a secret would become readable.
    """
    old = before or _blank(key, now)
    kind = change.type or old.type
    was_secret, is_secret = old.type is ValueType.SECRET, kind is ValueType.SECRET
    if was_secret and not is_secret and old.has_value and change.value is None:
        raise SecretValueNeeded
    sent = change.value.reveal() if change.value else None
    text = old.value if sent is None else sent
    description = old.description if change.description is ABSENT else change.description
    variable = replace(
        old,
        type=kind,
        value=None if is_secret else text,
        has_value=sent is not None or old.has_value,
        description=description or None,
        group=old.group if change.group is ABSENT else change.group,
        protected=old.protected if change.protected is None else change.protected,
        updated_at=now,
    )
    return Outcome(
        variable,
        secret=SecretText(text) if is_secret and text is not None else None,
        drop_secret=was_secret and not is_secret,
        value_changed=sent is not None,
    )


def described(variable: Variable) -> dict[str, Any]:
    """A variable for the audit log: never its value, since what is readable may become secret."""
    return {
        "key": variable.key,
        "type": variable.type.value,
        "description": variable.description,
        "group": variable.group,
        "protected": variable.protected,
        "has_value": variable.has_value,
    }


def _blank(key: str, now: datetime) -> Variable:
    return Variable(
        key=key,
        type=ValueType.STRING,
        description=None,
        group=None,
        value=None,
        has_value=False,
        protected=False,
        created_at=now,
        updated_at=now,
    )
