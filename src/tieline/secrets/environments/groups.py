"""What one can do with groups of environment variables."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from tieline.audit.recording import record
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock, utc_now
from tieline.secrets.environments import repository
from tieline.secrets.environments.checking import check_description, check_group_name
from tieline.secrets.environments.errors import EnvironmentFull, GroupNotFound
from tieline.secrets.environments.models import ABSENT, MOST_GROUPS, Absent, Group

_TARGET = "environment_group"


class EnvironmentGroups:
    """Groups of all organisations. A group is made when a variable first names it."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def list_groups(self, org_id: str) -> list[Group]:
        """All groups, by name."""
        async with self._database.reading(org_id) as tx:
            return await repository.groups(tx)

    async def put(
        self, org_id: str, name: str, description: str | Literal[Absent.ABSENT] | None = ABSENT
    ) -> tuple[Group, bool]:
        """The group as changed, or a new one; whether it is new.

        Raises `EnvironmentFull` and `InvalidInput`.
        """
        check_group_name("name", name)
        if description is not ABSENT:
            check_description(description)
        async with self._database.organisation(org_id) as tx:
            await repository.lock(tx)
            before = await repository.group(tx, name)
            if before is None:
                kept = None if description is ABSENT else description
                return await self._create(tx, name, kept or None), True
            if description is ABSENT:
                return before, False
            after = replace(before, description=description or None, updated_at=self._clock())
            await repository.put_group(tx, after)
            await record(
                tx,
                "environment_group.updated",
                _TARGET,
                name,
                before=_described(before),
                after=_described(after),
            )
            return after, False

    async def delete(self, org_id: str, name: str) -> None:
        """Remove a group; its variables have none then. Raises `GroupNotFound`."""
        async with self._database.organisation(org_id) as tx:
            await repository.lock(tx)
            before = await repository.group(tx, name)
            if before is None:
                raise GroupNotFound
            await repository.delete_group(tx, name)
            await record(tx, "environment_group.deleted", _TARGET, name, before=_described(before))

    async def ensure(self, tx: OrgTransaction, name: str) -> None:
        """Make a group unless it is there; the environment is locked. Raises `EnvironmentFull`."""
        if await repository.group(tx, name) is None:
            await self._create(tx, name, None)

    async def _create(self, tx: OrgTransaction, name: str, description: str | None) -> Group:
        if await repository.count_groups(tx) >= MOST_GROUPS:
            raise EnvironmentFull
        now = self._clock()
        group = Group(name, description, now, now)
        await repository.put_group(tx, group)
        await record(tx, "environment_group.created", _TARGET, name, after=_described(group))
        return group


def _described(group: Group) -> dict[str, str | None]:
    return {"name": group.name, "description": group.description}
