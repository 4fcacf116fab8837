"""What there is to do so that things become what files want. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieline.configuration.comparison import differences
from tieline.configuration.kinds.kind import Kind, TopKind
from tieline.configuration.models import Fault, Thing
from tieline.configuration.plans import Action, Plan, Step, Unmanaged
from tieline.configuration.reading import Wanted


@dataclass(frozen=True)
class _Pair:
    current: Thing | None
    wanted: Thing | None


def make_plan(
    kinds: Sequence[TopKind],
    current: Mapping[str, Sequence[Thing]],
    wanted: Wanted,
    *,
    prune: bool,
) -> tuple[Plan, list[Fault]]:
    """The way from the current things, by section, to those that are wanted, and what forbids it.

    A thing of a file is the current one with its id. If there is none, or the file has no id, it is
    the one with its key that no other thing of the files is by its id. Things of which no file
    speaks are deleted with `prune`, unless no file mentions their kind.
    """
    planner = _Planner(prune=prune)
    steps: list[Step] = []
    for kind in kinds:
        here = current.get(kind.section, ())
        if wanted.mentions(kind):
            steps += planner.steps(kind, here, wanted.things[kind.section], "", may_prune=prune)
        else:
            reason = "no file mentions any" if prune else None
            planner.leave(kind, here, "", reason)
    return Plan(tuple(steps), tuple(planner.unmanaged)), planner.faults


class _Planner:
    def __init__(self, *, prune: bool) -> None:
        self._prune = prune
        self.unmanaged: list[Unmanaged] = []
        self.faults: list[Fault] = []

    def steps(
        self,
        kind: Kind,
        current: Sequence[Thing],
        wanted: Sequence[Thing],
        within: str,
        *,
        may_prune: bool,
    ) -> list[Step]:
        """The steps for things of one kind, within the thing that they belong to."""
        pairs = self._matched(kind, current, wanted)
        managed = {id(pair.current) for pair in pairs}
        rest = [thing for thing in current if id(thing) not in managed]
        steps = [self._step(kind, pair, within) for pair in pairs]
        if may_prune and kind.permanent is None:
            return [*steps, *(Step(kind, Action.DELETE, thing, None) for thing in rest)]
        self.leave(kind, rest, within, kind.permanent if may_prune else None)
        return steps

    def leave(self, kind: Kind, things: Sequence[Thing], within: str, reason: str | None) -> None:
        """Note things that stay although no file speaks of them."""
        for thing in things:
            self.unmanaged.append(Unmanaged(f"{within}{kind.noun} {thing.named}", reason))

    def _step(self, kind: Kind, pair: _Pair, within: str) -> Step:
        current, wanted = pair.current, pair.wanted
        assert wanted is not None
        inside = f"{within}{kind.noun} {wanted.key!r} / "
        parts: list[Step] = []
        for part in kind.parts:
            there = current.parts.get(part.section, ()) if current else ()
            these = wanted.parts.get(part.section, ())
            parts += self.steps(part, there, these, inside, may_prune=self._prune)
        if current is None:
            return Step(kind, Action.CREATE, None, wanted, (), tuple(parts))
        found = tuple(differences(current.document, wanted.document))
        action = Action.CHANGE if found else Action.KEEP
        return Step(kind, action, current, wanted, found, tuple(parts))

    def _matched(
        self, kind: Kind, current: Sequence[Thing], wanted: Sequence[Thing]
    ) -> list[_Pair]:
        """Each wanted thing with the current one that it is, if there is one."""
        self._refuse_twins(kind, wanted)
        by_id = {thing.id: thing for thing in current if thing.id is not None}
        claimed = {thing.id for thing in wanted if thing.id in by_id}
        free: dict[str, list[Thing]] = {}
        for thing in current:
            if thing.id is None or thing.id not in claimed:
                free.setdefault(thing.key, []).append(thing)
        return [
            _Pair(by_id[thing.id] if thing.id in by_id else self._by_key(kind, thing, free), thing)
            for thing in wanted
        ]

    def _by_key(
        self, kind: Kind, wanted: Thing, free: Mapping[str, Sequence[Thing]]
    ) -> Thing | None:
        candidates = free.get(wanted.key, ())
        if not candidates:
            return None
        if wanted.id is None and len(candidates) == 1:
            return candidates[0]
        ids = " and ".join(str(thing.id) for thing in candidates)
        if wanted.id is None:
            message = f"several things are the {kind.noun} {wanted.key!r}: {ids}. Say which by `id`"
        else:
            message = (
                f"has another id than the {kind.noun} {wanted.key!r} that exists: {ids}. Write "
                "that id, or none; or give one of the two another name"
            )
        self._blame(wanted, message, "id")
        return None

    def _refuse_twins(self, kind: Kind, wanted: Sequence[Thing]) -> None:
        """Report things of the files that are the same thing."""
        seen: dict[tuple[str, str], Thing] = {}
        for thing in wanted:
            name = ("id", thing.id) if thing.id is not None else ("key", thing.key)
            first = seen.setdefault(name, thing)
            if first is not thing:
                what = f"id {thing.id}" if thing.id is not None else f"name {thing.key!r}"
                self._blame(
                    thing, f"the {kind.noun} at {first.origin} has the {what} too. Keep one of them"
                )

    def _blame(self, thing: Thing, message: str, *path: str) -> None:
        assert thing.origin is not None
        self.faults.append(thing.origin.fault(message, path))
