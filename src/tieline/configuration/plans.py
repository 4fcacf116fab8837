"""What there is to do about things, so that they become as files say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.configuration.kinds.kind import Kind
from tieline.configuration.models import Difference, Thing


class Action(StrEnum):
    """What there is to do about a thing."""

    KEEP = "keep"
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """What there is to do about a thing and its parts."""

    kind: Kind
    action: Action
    current: Thing | None
    wanted: Thing | None
    differences: tuple[Difference, ...] = ()
    parts: tuple[Step, ...] = ()

    @property
    def thing(self) -> Thing:
        """The thing that it is about, as it is to be or, if it is to go, as it is."""
        thing = self.wanted or self.current
        assert thing is not None
        return thing


@dataclass(frozen=True)
class Unmanaged:
    """Something that exists, but of which no file speaks.

    `named` is its path of nouns and keys. With `reason` it stays even when such things are to go.
    """

    named: str
    reason: str | None = None


@dataclass(frozen=True)
class Plan:
    """What there is to do so that an organisation is as files say; `steps` in order of the kinds.

    `warnings` are about what has no effect.
    """

    steps: tuple[Step, ...]
    unmanaged: tuple[Unmanaged, ...]
    warnings: tuple[str, ...] = ()
