"""Carries out a plan through the services of its kinds, inside the caller's transaction."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from tieline.configuration import repository
from tieline.configuration.comparison import differences
from tieline.configuration.errors import DeletionRefused, UnusableConfigurationFiles
from tieline.configuration.kinds.kind import Kind, Parents
from tieline.configuration.models import Fault, Thing
from tieline.configuration.plans import Action, Plan, Step
from tieline.database import Transaction
from tieline.http.errors import REFUSED_BY_DATABASE
from tieline.kit.errors import TielineError

_Late = list[tuple[Step, Parents, Thing]]


async def carry_out(org_id: str, plan: Plan) -> list[str]:
    """Do what the plan says; what is worth a warning.

    First goes what is to go, last kinds first, so that names become free; then comes what is to
    come. Raises whatever a service raises.
    """
    work = _Work(org_id)
    await work.carry_out(plan)
    return work.warnings


async def rehearse(org_id: str, plan: Plan, tx: Transaction) -> list[Fault]:
    """Do what the plan says, whatever a service refuses of it; where the files say that.

    Nothing is undone here. Raises what a service raises about things of which no file speaks.
    """
    work = _Rehearsal(org_id, tx)
    await work.carry_out(plan)
    return work.faults


class _Work:
    def __init__(self, org_id: str) -> None:
        self._org_id = org_id
        self._late: _Late = []
        self.warnings: list[str] = []

    async def carry_out(self, plan: Plan) -> None:
        """Delete, create and change everything."""
        for step in reversed(plan.steps):
            await self.delete(step, ())
        for step in plan.steps:
            await self.store(step, ())
        await self.finish()

    async def delete(self, step: Step, parents: Parents) -> None:
        """Delete what the step and those of its parts want deleted."""
        if step.action is Action.DELETE:
            await self._delete(step.kind, parents, _there(step.current))
        elif step.current is not None:
            for part in reversed(step.parts):
                await self.delete(part, (*parents, step.current.id or ""))

    async def _delete(self, kind: Kind, parents: Parents, current: Thing) -> None:
        try:
            await kind.delete(self._org_id, parents, current)
        except TielineError as error:
            if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            message = f"{kind.noun} {current.named} stays: {error.message}"
            raise DeletionRefused(message) from error

    async def store(self, step: Step, parents: Parents) -> None:
        """Create and change what the step and those of its parts want created and changed.

        The parts of a thing that changes come before it: its samples are compared with it.
        """
        match step.action:
            case Action.CREATE:
                thing_id = await self._store(step, parents)
                await self._store_parts(step, (*parents, thing_id))
            case Action.CHANGE:
                await self._store_parts(step, (*parents, _there(step.current).id or ""))
                await self._store(step, parents)
            case Action.KEEP:
                await self._store_parts(step, (*parents, _there(step.current).id or ""))
            case Action.DELETE:
                return

    async def _store_parts(self, step: Step, parents: Parents) -> None:
        for part in step.parts:
            await self.store(part, parents)

    async def _store(self, step: Step, parents: Parents) -> str:
        wanted = _there(step.wanted)
        with _located(wanted):
            return await self._store_at_once(step, parents, wanted)

    async def _store_at_once(self, step: Step, parents: Parents, wanted: Thing) -> str:
        now = _with(wanted, _without_late(step.kind.late, step.current, wanted))
        if step.current is None:
            stored = await step.kind.create(self._org_id, parents, now)
        elif _differ(step.current, now):
            stored = await step.kind.change(self._org_id, parents, step.current, now)
        else:
            self._late.append((step, parents, step.current))
            return step.current.id or ""
        self.warnings += stored.warnings
        if _differ(now, wanted):
            self._late.append((step, parents, replace(now, id=stored.id)))
        return stored.id

    async def finish(self) -> None:
        """Set the properties that name things which did not exist before."""
        for step, parents, current in self._late:
            await self._finish(step, parents, current)

    async def _finish(self, step: Step, parents: Parents, current: Thing) -> None:
        wanted = _there(step.wanted)
        with _located(wanted):
            stored = await step.kind.change(self._org_id, parents, current, wanted)
        self.warnings += stored.warnings


@contextlib.contextmanager
def _located(thing: Thing) -> Iterator[None]:
    """Say where in the files the thing stands that a service refuses."""
    try:
        yield
    except TielineError as error:
        if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR or thing.origin is None:
            raise
        raise UnusableConfigurationFiles([thing.origin.fault(error.message)]) from error
    except REFUSED_BY_DATABASE as error:
        if thing.origin is None:
            raise
        reason = str(error).partition("\n")[0]
        message = f"holds a value that the database refuses: {reason}. Change it"
        raise UnusableConfigurationFiles([thing.origin.fault(message)]) from None


def _without_late(
    late: Sequence[str], current: Thing | None, wanted: Thing
) -> Iterator[tuple[str, Any]]:
    """What is wanted, with late properties as they are."""
    before: Mapping[str, Any] = current.document if current else {}
    for key, value in wanted.document.items():
        if key not in late:
            yield key, value
        elif key in before:
            yield key, before[key]
    for key in late:
        if key in before and key not in wanted.document:
            yield key, before[key]


class _Rehearsal(_Work):
    """Goes on after what a service refuses, as if that had been done."""

    def __init__(self, org_id: str, tx: Transaction) -> None:
        super().__init__(org_id)
        self._tx = tx
        self.faults: list[Fault] = []

    async def _store(self, step: Step, parents: Parents) -> str:
        async with self._attempt():
            return await super()._store(step, parents)
        return ""  # nothing came of it

    async def _finish(self, step: Step, parents: Parents, current: Thing) -> None:
        async with self._attempt():
            await super()._finish(step, parents, current)

    @contextlib.asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        await repository.begin_attempt(self._tx)
        try:
            yield
        except UnusableConfigurationFiles as error:
            self.faults += error.faults
            await repository.undo_attempt(self._tx)
        await repository.end_attempt(self._tx)


def _differ(one: Thing, other: Thing) -> bool:
    return any(differences(one.document, other.document))


def _with(thing: Thing, document: Iterator[tuple[str, Any]]) -> Thing:
    return replace(thing, document=dict(document))


def _there(thing: Thing | None) -> Thing:
    assert thing is not None
    return thing
