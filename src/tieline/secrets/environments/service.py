"""What one can do with environment variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tieline.audit.models import Shown
from tieline.audit.recording import record, record_view
from tieline.database import Database, OrgTransaction
from tieline.kit.time import Clock, utc_now
from tieline.secrets.environments import repository
from tieline.secrets.environments.changing import apply_change, described
from tieline.secrets.environments.checking import check_change, check_key
from tieline.secrets.environments.errors import (
    EnvironmentFull,
    VariableExists,
    VariableNotFound,
    VariableProtected,
)
from tieline.secrets.environments.groups import EnvironmentGroups
from tieline.secrets.environments.models import (
    MOST_VARIABLES,
    ValueType,
    Variable,
    VariableChange,
    is_key,
)
from tieline.secrets.material import SecretValues
from tieline.secrets.store import SecretStore

_TARGET = Shown.ENVIRONMENT_VARIABLE.value
_VALUE = "value"  # the name under which a secret is stored at its path


class EnvironmentService:
    """Variables of all organisations; secret values lie in the store of secrets.

    A variable and its secret change in one transaction. Changes to the variables of one
    organisation wait for each other.
    """

    def __init__(self, database: Database, secrets: SecretStore, clock: Clock = utc_now) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self.groups = EnvironmentGroups(database, clock)

    async def list_variables(self, org_id: str) -> list[Variable]:
        """All variables, by key; that somebody looked is recorded if there are secret ones."""
        async with self._database.organisation(org_id) as tx:
            found = await repository.variables(tx)
            await _record_view(tx, found)
        return found

    async def get(self, org_id: str, key: str) -> Variable:
        """One variable; that somebody looked at a secret one is recorded.

        Raises `VariableNotFound`.
        """
        async with self._database.organisation(org_id) as tx:
            found = await _find(tx, key)
            if found is None:
                raise VariableNotFound
            await _record_view(tx, [found])
        return found

    async def create(self, org_id: str, key: str, change: VariableChange) -> Variable:
        """A new variable. Raises `VariableExists`, `EnvironmentFull` and `InvalidInput`."""
        check_key(key)
        check_change(change)
        async with self._database.organisation(org_id) as tx:
            await repository.lock(tx)
            if await _find(tx, key) is not None:
                raise VariableExists
            return await self._store(tx, key, None, change)

    async def put(self, org_id: str, key: str, change: VariableChange) -> tuple[Variable, bool]:
        """The variable as changed, or a new one; whether it is new.

        Raises `VariableProtected` unless the change lifts the protection, `SecretValueNeeded` for a
        secret that would become readable, `EnvironmentFull` and `InvalidInput`.
        """
        check_key(key)
        check_change(change)
        async with self._database.organisation(org_id) as tx:
            await repository.lock(tx)
            before = await _find(tx, key)
            if before is not None and before.protected and change.protected is not False:
                raise VariableProtected
            return await self._store(tx, key, before, change), before is None

    async def delete(self, org_id: str, key: str) -> None:
        """Remove a variable and its value. Raises `VariableNotFound` and `VariableProtected`."""
        async with self._database.organisation(org_id) as tx:
            await repository.lock(tx)
            before = await _find(tx, key)
            if before is None:
                raise VariableNotFound
            if before.protected:
                raise VariableProtected
            await repository.delete(tx, key)
            await record(tx, "environment.deleted", _TARGET, key, before=described(before))
            if before.type is ValueType.SECRET:
                await self._secrets.delete(tx, secret_path(key))

    async def values_of(self, tx: OrgTransaction, keys: Iterable[str]) -> Mapping[str, str]:
        """The values of those of some variables that have one, secret ones included.

        One read for the variables and one for the secrets, however many there are. They are for
        use, never for showing.
        """
        wanted = [key for key in keys if is_key(key)]
        plain = SecretValues()
        secret = SecretValues()
        for _ in range(2):
            found = [each for each in await repository.some(tx, wanted) if each.has_value]
            plain = SecretValues((each.key, each.value) for each in found if each.value is not None)
            hidden = [each.key for each in found if each.type is ValueType.SECRET]
            secret = await self._secret_values(tx, hidden)
            if len(secret) == len(hidden):
                break  # otherwise somebody changed one between the two reads
        return SecretValues(plain | secret)

    async def _store(
        self, tx: OrgTransaction, key: str, before: Variable | None, change: VariableChange
    ) -> Variable:
        outcome = apply_change(key, before, change, self._clock())
        after = outcome.variable
        if before is None and await repository.count(tx) >= MOST_VARIABLES:
            raise EnvironmentFull
        if after.group is not None:
            await self.groups.ensure(tx, after.group)
        await repository.put(tx, after)
        await record(
            tx,
            f"environment.{'updated' if before else 'created'}",
            _TARGET,
            key,
            before=described(before) if before else None,
            after={**described(after), "value_changed": outcome.value_changed},
        )
        if outcome.drop_secret:
            await self._secrets.delete(tx, secret_path(key))
        # Last, since a vault takes it whether or not the transaction commits: see decision 0028.
        if outcome.secret is not None:
            await self._secrets.write(tx, secret_path(key), {_VALUE: outcome.secret.reveal()})
        return after

    async def _secret_values(self, tx: OrgTransaction, keys: Sequence[str]) -> SecretValues:
        if not keys:
            return SecretValues()
        found = await self._secrets.read_many(tx, [secret_path(key) for key in keys])
        held = ((key, found.get(secret_path(key))) for key in keys)
        return SecretValues((key, its[_VALUE]) for key, its in held if its and _VALUE in its)


def secret_path(key: str) -> str:
    """Where the value of a secret variable is stored."""
    return f"environments/{key}"


async def _record_view(tx: OrgTransaction, shown: Sequence[Variable]) -> None:
    secret = [variable.key for variable in shown if variable.type is ValueType.SECRET]
    await record_view(tx, Shown.ENVIRONMENT_VARIABLE, secret)


async def _find(tx: OrgTransaction, key: str) -> Variable | None:
    found = await repository.some(tx, [key])
    return found[0] if found else None
