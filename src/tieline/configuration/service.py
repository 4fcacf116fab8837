"""Reads the configuration of an organisation, plans changes of it, and makes them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tieline.configuration import repository
from tieline.configuration.carrying_out import carry_out, rehearse
from tieline.configuration.errors import PlanOutdated, UnusableConfigurationFiles
from tieline.configuration.kinds.kind import Report, TopKind
from tieline.configuration.models import Fault, Origin, Path, Thing
from tieline.configuration.planning import make_plan
from tieline.configuration.plans import Action, Plan, Step
from tieline.configuration.reading import Wanted
from tieline.configuration.rehearsal import RehearsingSecretStore
from tieline.database import Database, Transaction
from tieline.http.errors import LOST_RACE
from tieline.identity.organisations import create_if_new, require_organisation

Current = Mapping[str, Sequence[Thing]]


class _Rehearsed(Exception):
    """Everything was tried; now it is undone."""


@dataclass(frozen=True)
class Applied:
    """A plan that was carried out, and what is worth a warning about it."""

    plan: Plan
    warnings: tuple[str, ...] = ()


class ConfigurationService:
    """The configuration of all organisations, by kinds in the order in which they are created."""

    def __init__(
        self, database: Database, kinds: Sequence[TopKind], secrets: RehearsingSecretStore
    ) -> None:
        self._database = database
        self._secrets = secrets
        self.kinds = tuple(kinds)

    async def export(self, org_id: str, kinds: Sequence[TopKind]) -> Current:
        """What is configured at one moment, for somebody to see: the things of some kinds by
        their sections. Raises `OrganisationNotFound`."""
        async with self._snapshot():
            async with self._database.reading(org_id) as tx:
                await require_organisation(tx)
            current = await self._read(org_id, kinds)
            for kind in kinds:
                await kind.note_export(org_id, current[kind.section])
        return current

    async def plan(self, org_id: str, wanted: Wanted, *, prune: bool) -> Plan:
        """What there is to do. Nothing changes: what is tried is undone.

        Waits for whoever applies. Raises `UnusableConfigurationFiles`, and `PlanOutdated` when
        somebody changes the same things meanwhile.
        """
        plan = Plan((), ())
        with contextlib.suppress(_Rehearsed), self._secrets.rehearsal():
            async with self._alone(org_id), self._snapshot() as tx:
                plan = await self._plan(org_id, wanted, prune=prune)
                await self._create_organisation(org_id)
                tried = [step for step in plan.steps if _is_rehearsed(step)]
                faults = await rehearse(org_id, replace(plan, steps=tuple(tried)), tx)
                if faults:
                    raise UnusableConfigurationFiles(faults)
                raise _Rehearsed
        return plan

    async def reminders(self, org_id: str, wanted: Wanted) -> list[str]:
        """What people have still to do about what the files describe."""
        found: list[str] = []
        for kind in self.kinds:
            keys = [thing.key for thing in wanted.things.get(kind.section, ())]
            found += await kind.reminders(org_id, keys)
        return found

    async def apply(
        self,
        org_id: str,
        wanted: Wanted,
        *,
        prune: bool,
        agreed: Plan | None = None,
        about_to: Callable[[Plan], None] = lambda _plan: None,
    ) -> Applied:
        """Make a plan and carry it out, in one transaction.

        Whoever applies to the same organisation at the same time waits. `about_to` is told what
        will be done before it is. Raises `PlanOutdated` when that is not `agreed`, or when somebody
        changes the same things meanwhile, `UnusableConfigurationFiles`, and whatever a service
        raises; nothing is changed then.
        """
        async with self._alone(org_id), self._snapshot():
            plan = await self._plan(org_id, wanted, prune=prune)
            if agreed is not None and plan != agreed:
                raise PlanOutdated
            about_to(plan)
            await self._create_organisation(org_id)
            warnings = await carry_out(org_id, plan)
        return Applied(plan, tuple(warnings))

    @contextlib.asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Transaction]:
        """A transaction that all services join, and in which everything is of one moment.

        Raises `PlanOutdated` when somebody changes what it changes.
        """
        try:
            async with self._database.request() as tx:
                await repository.see_one_moment(tx)
                yield tx
        except LOST_RACE:
            raise PlanOutdated(
                "Somebody else changed the same things at the same moment. Nothing was done: try "
                "again."
            ) from None

    @contextlib.asynccontextmanager
    async def _alone(self, org_id: str) -> AsyncIterator[None]:
        """Wait until nobody else applies configuration to the organisation, and keep it so.

        The lock has a transaction of its own: what the other one sees is decided by its first
        statement, which must not be the one that waits.
        """
        async with self._database.organisation(org_id) as tx:
            await repository.lock_configuration(tx)
            yield

    async def _create_organisation(self, org_id: str) -> None:
        async with self._database.organisation(org_id) as tx:
            await create_if_new(tx)

    async def _read(self, org_id: str, kinds: Sequence[TopKind]) -> Current:
        return {kind.section: await kind.current(org_id) for kind in kinds}

    async def _plan(self, org_id: str, wanted: Wanted, *, prune: bool) -> Plan:
        plan, faults = make_plan(
            self.kinds, await self._read(org_id, self.kinds), wanted, prune=prune
        )
        warnings: list[str] = []
        for step in plan.steps:
            await _verify(step, faults, warnings)
        if faults:
            raise UnusableConfigurationFiles(faults)
        return replace(plan, warnings=tuple(warnings))


def _is_rehearsed(step: Step) -> bool:
    return isinstance(step.kind, TopKind) and step.kind.rehearsed


async def _verify(step: Step, faults: list[Fault], warnings: list[str]) -> None:
    """Note why a step and those of its parts cannot be done, and what would have no effect."""
    if step.wanted is not None and step.action is not Action.KEEP:
        assert step.wanted.origin is not None
        blame = _reporter(step.wanted.origin, faults.append)
        warn = _reporter(step.wanted.origin, lambda fault: warnings.append(str(fault)))
        await step.kind.verify(step.current, step.wanted, blame, warn)
    for part in step.parts:
        await _verify(part, faults, warnings)


def _reporter(origin: Origin, note: Callable[[Fault], None]) -> Report:
    def report(path: Path, message: str) -> None:
        note(origin.fault(message, path))

    return report
