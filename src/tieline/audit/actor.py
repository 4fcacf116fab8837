"""Who acts: known to everything that happens on somebody's behalf."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """What kind of actor it was."""

    KEY = "key"
    USER = "user"
    APPLICATION = "application"
    COMMAND = "command"  # somebody at the command line of the machine
    SYSTEM = "system"  # Tieline itself


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, and from where.

    `id` is that of the key, user or application; at the command line the name of the system's user.
    """

    kind: ActorKind
    id: str
    name: str
    source_ip: str | None = None
    request_id: str | None = None


SYSTEM = Actor(ActorKind.SYSTEM, "tieline", "Tieline")
_current: ContextVar[Actor] = ContextVar("tieline_actor", default=SYSTEM)


def current_actor() -> Actor:
    """Who acts at this moment; Tieline itself unless somebody was named."""
    return _current.get()


def begin_acting(actor: Actor) -> None:
    """Name the actor for the rest of this task, which serves one request or one command."""
    _current.set(actor)


@contextlib.contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Name the actor of all that happens inside."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
