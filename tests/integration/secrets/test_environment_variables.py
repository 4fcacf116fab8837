"""Environment variables over both places in which secrets are kept."""

from __future__ import annotations

import asyncio

import pytest

from tieline.audit.actor import Actor, ActorKind, acting_as
from tieline.database import Database
from tieline.secrets.environments import models
from tieline.secrets.environments.errors import (
    EnvironmentFull,
    SecretValueNeeded,
    VariableExists,
    VariableNotFound,
    VariableProtected,
)
from tieline.secrets.environments.models import ValueType, VariableChange
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.errors import SecretBackendUnavailable, UnresolvedVariable
from tieline.secrets.material import SecretText
from tieline.secrets.references import resolve
from tieline.secrets.store import SecretStore

HUSH = "hush-hush-value-of-a-secret"


def secret(text: str | None = HUSH) -> VariableChange:
    value = None if text is None else SecretText(text)
    return VariableChange(type=ValueType.SECRET, value=value)


def plain(text: str) -> VariableChange:
    return VariableChange(type=ValueType.STRING, value=SecretText(text))


async def used(
    database: Database, environment: EnvironmentService, org: str, value: object
) -> object:
    """A value as a webhook or a connector would use it."""
    async with database.organisation(org) as tx:
        return (await resolve(environment, tx, value)).value


async def rows(database: Database, org: str, table: str) -> str:
    """The organisation's rows of a table, as text."""
    async with database.organisation(org) as tx:
        return str(
            await tx.fetchval(f"SELECT json_agg(t)::text FROM {table} t WHERE t.org_id = $1")
        )


async def test_plain_and_secret_values_are_used_alike(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "host", plain("erp.example"))
    await environment.create(org, "token", secret())

    found = await used(
        database, environment, org, {"url": "https://{{env.host}}", "auth": "{{ env.token }}"}
    )

    assert found == {"url": "https://erp.example", "auth": HUSH}


async def test_a_secret_value_is_in_no_table_of_variables(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    made = await environment.create(org, "token", secret())

    assert made.value is None
    assert (await environment.get(org, "token")).value is None
    for table in ("environment_variables", "secrets", "audit_log"):
        assert HUSH not in await rows(database, org, table)


async def test_a_variable_without_a_value_does_not_resolve_until_it_has_one(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", secret(None))
    with pytest.raises(UnresolvedVariable, match="'token' does not exist or has no value"):
        await used(database, environment, org, "{{env.token}}")

    await environment.put(org, "token", VariableChange(value=SecretText(HUSH)))

    assert await used(database, environment, org, "{{env.token}}") == HUSH


async def test_another_organisation_does_not_have_it(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", secret())

    with pytest.raises(VariableNotFound):
        await environment.get(f"{org}2", "token")
    with pytest.raises(UnresolvedVariable):
        await used(database, environment, f"{org}2", "{{env.token}}")


async def test_a_value_that_becomes_secret_leaves_no_plain_copy(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", plain(HUSH))
    assert HUSH in await rows(database, org, "environment_variables")

    changed, _ = await environment.put(org, "token", VariableChange(type=ValueType.SECRET))

    assert (changed.type, changed.value, changed.has_value) == (ValueType.SECRET, None, True)
    for table in ("environment_variables", "secrets", "audit_log"):
        assert HUSH not in await rows(database, org, table)
    assert await used(database, environment, org, "{{env.token}}") == HUSH


async def test_a_secret_is_not_made_readable_but_replaced(
    database: Database, environment: EnvironmentService, store: SecretStore, org: str
) -> None:
    await environment.create(org, "token", secret())
    with pytest.raises(SecretValueNeeded):
        await environment.put(org, "token", VariableChange(type=ValueType.STRING))

    changed, _ = await environment.put(org, "token", plain("open"))

    assert changed.value == "open"
    assert await used(database, environment, org, "{{env.token}}") == "open"
    async with database.organisation(org) as tx:
        assert await store.read(tx, "environments/token") is None


async def test_a_deleted_variable_takes_its_secret_along(
    database: Database, environment: EnvironmentService, store: SecretStore, org: str
) -> None:
    await environment.create(org, "token", secret())
    await environment.delete(org, "token")

    async with database.organisation(org) as tx:
        assert await store.read(tx, "environments/token") is None
    await environment.create(org, "token", secret(None))
    with pytest.raises(UnresolvedVariable):
        await used(database, environment, org, "{{env.token}}")


async def test_what_is_rolled_back_leaves_the_variable_as_it_was(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", secret())

    async def fail() -> None:
        async with database.request():
            await environment.delete(org, "token")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert await used(database, environment, org, "{{env.token}}") == HUSH


async def test_a_write_that_is_rolled_back_names_nothing_new(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    async def fail() -> None:
        async with database.request():
            await environment.create(org, "token", secret())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    with pytest.raises(VariableNotFound):
        await environment.get(org, "token")
    await environment.create(org, "token", secret(None))
    with pytest.raises(UnresolvedVariable):
        await used(database, environment, org, "{{env.token}}")


async def test_protection_is_lifted_by_the_change_itself_or_not_at_all(
    environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", VariableChange(protected=True))
    for change in (plain("x"), VariableChange(protected=True), VariableChange(description="x")):
        with pytest.raises(VariableProtected):
            await environment.put(org, "token", change)
    with pytest.raises(VariableProtected):
        await environment.delete(org, "token")

    changed, _ = await environment.put(
        org, "token", VariableChange(protected=False, value=SecretText("x"))
    )

    assert (changed.protected, changed.value) == (False, "x")
    await environment.delete(org, "token")


async def test_of_those_who_create_the_same_one_does(
    environment: EnvironmentService, org: str
) -> None:
    results = await asyncio.gather(
        *(environment.create(org, "token", secret(f"value {n}")) for n in range(8)),
        return_exceptions=True,
    )

    assert sorted(type(result).__name__ for result in results) == sorted(
        ["Variable"] + [VariableExists.__name__] * 7
    )


async def test_values_change_while_they_are_used(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", secret("one"))
    done = asyncio.Event()

    async def change() -> None:
        for number in range(6):
            await environment.put(org, "token", plain(f"plain {number}"))
            await environment.put(org, "token", secret(f"secret {number}"))
        done.set()

    async def use() -> set[str]:
        seen = set()
        while not done.is_set():
            seen.add(str(await used(database, environment, org, "{{env.token}}")))
        return seen

    _, seen = await asyncio.gather(change(), use())
    assert seen <= {"one", *(f"{kind} {n}" for kind in ("plain", "secret") for n in range(6))}


async def test_an_organisation_has_no_more_variables_and_groups_than_allowed(
    environment: EnvironmentService, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.secrets.environments.service.MOST_VARIABLES", 2)
    monkeypatch.setattr("tieline.secrets.environments.groups.MOST_GROUPS", 1)
    await environment.create(org, "a", VariableChange(group="one"))
    with pytest.raises(EnvironmentFull):
        await environment.create(org, "b", VariableChange(group="two"))
    await environment.create(org, "b", VariableChange(group="one"))

    with pytest.raises(EnvironmentFull):
        await environment.put(org, "c", VariableChange())
    with pytest.raises(EnvironmentFull):
        await environment.groups.put(org, "two")
    await environment.put(org, "a", plain("x"))
    assert (models.MOST_VARIABLES, models.MOST_GROUPS) == (1_000, 1_000)


async def test_every_change_and_look_is_recorded_without_values(
    database: Database, environment: EnvironmentService, org: str
) -> None:
    with acting_as(Actor(ActorKind.USER, "usr_jane", "Jane")):
        await environment.create(org, "token", secret())
        await environment.put(org, "token", VariableChange(group="erp", value=SecretText("x2y4z6")))
        await environment.get(org, "token")
        await environment.list_variables(org)
        await environment.delete(org, "token")

    async with database.organisation(org) as tx:
        found = await tx.fetch(
            "SELECT action, target_id, actor_id, before::text, after::text FROM audit_log "
            "WHERE org_id = $1 ORDER BY at, id"
        )
    assert [(row["action"], row["target_id"]) for row in found] == [
        ("environment.created", "token"),
        ("environment_group.created", "erp"),
        ("environment.updated", "token"),
        ("secret_metadata.viewed", "token"),
        ("secret_metadata.viewed", "token"),
        ("environment.deleted", "token"),
    ]
    assert {row["actor_id"] for row in found} == {"usr_jane"}
    text = str([tuple(row) for row in found])
    assert '"value_changed":true' in text
    assert HUSH not in text
    assert "x2y4z6" not in text


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, store: SecretStore) -> None:
    """From now on the place where secrets are kept takes none."""

    async def fail(*_: object) -> None:
        raise SecretBackendUnavailable

    monkeypatch.setattr(store, "write", fail)


@pytest.mark.usefixtures("failing")
async def test_when_a_secret_cannot_be_stored_the_variable_is_not_either(
    environment: EnvironmentService, org: str
) -> None:
    await environment.create(org, "token", plain("plain"))
    with pytest.raises(SecretBackendUnavailable):
        await environment.put(org, "token", VariableChange(type=ValueType.SECRET))
    with pytest.raises(SecretBackendUnavailable):
        await environment.create(org, "other", secret())

    kept = await environment.get(org, "token")
    assert (kept.type, kept.value) == (ValueType.STRING, "plain")
    with pytest.raises(VariableNotFound):
        await environment.get(org, "other")
