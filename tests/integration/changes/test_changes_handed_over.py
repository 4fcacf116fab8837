"""Changes reach everybody concerned: in order, once; one that fails holds up no others."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tieline.database import Database, OrgTransaction
from tieline.database.errors import DatabaseUnavailable
from tieline.entities.changes import repository
from tieline.entities.changes.handing_over import HandingOver, change_duties
from tieline.entities.changes.jobs import HAND_OVER
from tieline.entities.changes.listening import listen
from tieline.entities.changes.models import READINGS, Change, ChangeKind
from tieline.entities.readings.matching import Identifiers
from tieline.entities.readings.service import ReadingOptions, SentReading
from tieline.entities.service import EntityService, WriteOptions
from tieline.http.services import Services
from tieline.kit.ids import new_ulid
from tieline.kit.time import utc_now

EXTERNAL_ID = Identifiers.of(["external_id"])
LATER = timedelta(hours=1)  # so that no sweeper of the running application takes the rows


class Recorder:
    """A consumer that remembers what it was given, and fails where it is told to."""

    def __init__(self) -> None:
        self.taken: list[Change] = []
        self.sizes: list[int] = []
        self.poisonous: set[UUID] = set()
        self.error: Exception = ValueError("cannot take that")

    async def consume(self, tx: OrgTransaction, changes: list[Change]) -> None:
        self.sizes.append(len(changes))
        if self.poisonous & {change.subject_id for change in changes}:
            raise self.error
        self.taken += changes


async def put(database: Database, org: str, count: int) -> list[UUID]:
    subjects = [uuid4() for _ in range(count)]
    async with database.organisation(org) as tx:
        await tx.copy(
            "domain_changes",
            ("kind", "schema", "subject_id", "version", "activity_id", "created_at"),
            [("createEntity", "thing", s, 1, new_ulid(), utc_now() + LATER) for s in subjects],
        )
    return subjects


async def waiting(database: Database, org: str) -> list[Change]:
    async with database.reading(org) as tx:
        return await repository.waiting_changes(tx, 10_000)


@contextlib.asynccontextmanager
async def nobody_else(database: Database, org: str):
    """Keeps the running application from taking what is being looked at."""
    async with database.organisation(org) as tx:
        assert await repository.try_lock(tx)
        yield


async def heard(database: Database, org: str) -> None:
    async with database.organisation(org) as tx:
        await listen(tx, "test")


async def test_all_changes_are_taken_in_order_and_once(database, org_exists):
    subjects = await put(database, org_exists, 1_203)
    recorder = Recorder()
    await HandingOver(database, [recorder]).hand_over(org_exists)
    assert [change.subject_id for change in recorder.taken] == subjects
    assert recorder.sizes == [500, 500, 203]
    assert await waiting(database, org_exists) == []
    await HandingOver(database, [recorder]).hand_over(org_exists)
    assert len(recorder.taken) == 1_203


async def test_a_change_that_fails_is_set_aside_and_the_others_go_on(database, org_exists):
    subjects = await put(database, org_exists, 40)
    recorder = Recorder()
    recorder.poisonous = {subjects[7]}
    await HandingOver(database, [recorder]).hand_over(org_exists)
    assert [change.subject_id for change in recorder.taken] == [*subjects[:7], *subjects[8:]]
    assert await waiting(database, org_exists) == []
    async with database.system() as tx:
        assert await repository.changes_set_aside(tx) >= 1
        await repository.forget_faults(tx)
    recorder.poisonous = set()
    await HandingOver(database, [recorder]).hand_over(org_exists)
    assert recorder.taken[-1].subject_id == subjects[7]


async def test_all_consumers_take_a_change_or_none_does(database, org_exists):
    [subject] = await put(database, org_exists, 1)
    other = Recorder()
    other.poisonous = {subject}
    other.error = DatabaseUnavailable("gone for a moment")

    class Writer:
        async def consume(self, tx: OrgTransaction, changes: list[Change]) -> None:
            await listen(tx, "written by the first")

    with pytest.raises(DatabaseUnavailable):
        await HandingOver(database, [Writer(), other]).hand_over(org_exists)
    assert [change.subject_id for change in await waiting(database, org_exists)] == [subject]
    async with database.reading(org_exists) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM change_listeners WHERE org_id = $1")


async def test_who_comes_second_goes_away(database, org_exists):
    await put(database, org_exists, 1)
    recorder = Recorder()
    async with nobody_else(database, org_exists):
        await HandingOver(database, [recorder]).hand_over(org_exists)
    assert recorder.sizes == []


async def test_changes_are_kept_only_where_somebody_listens(database, services, org_exists):
    entities: EntityService = services.entities
    async with nobody_else(database, org_exists):
        await entities.create(org_exists, "thing", {"name": "unheard"}, WriteOptions())
        assert await waiting(database, org_exists) == []
        await heard(database, org_exists)
        await entities.create(org_exists, "thing", {"name": "heard"}, WriteOptions())
        assert len(await waiting(database, org_exists)) == 1


async def test_every_kind_of_change_of_an_entity(database, services, org_exists):
    entities: EntityService = services.entities
    await heard(database, org_exists)
    async with nobody_else(database, org_exists):
        made = await entities.create(org_exists, "thing", {"a": 1}, WriteOptions())
        entity_id = made.found.entity.id
        await entities.patch(org_exists, "thing", entity_id, {"a": 2, "b": 3}, WriteOptions())
        await entities.patch(org_exists, "thing", entity_id, {"a": 2}, WriteOptions())
        await entities.delete(org_exists, "thing", entity_id, WriteOptions(), purge=False)
        await entities.restore(org_exists, "thing", entity_id, WriteOptions())
        await entities.patch(org_exists, "thing", entity_id, {"a": 9}, WriteOptions(dry_run=True))
        changes = await waiting(database, org_exists)
        assert [change.kind for change in changes] == [
            ChangeKind.CREATED,
            ChangeKind.UPDATED,
            ChangeKind.SOFT_DELETED,
            ChangeKind.RESTORED,
        ]
        assert [change.version for change in changes] == [1, 2, 3, 4]
        async with database.reading(org_exists) as tx:
            created, updated, *_ = await repository.operations_of(tx, changes)
        assert created.after["a"] == 1
        assert created.diff is None
        assert updated.after["b"] == 3
        assert updated.diff is not None
        assert (updated.diff.updated, updated.diff.added) == ({"a": 1}, {"b": 3})
        await entities.delete(org_exists, "thing", entity_id, WriteOptions(), purge=True)
        changes = await waiting(database, org_exists)
        assert changes[-1].kind is ChangeKind.DELETED
        async with database.reading(org_exists) as tx:
            [last] = await repository.operations_of(tx, changes)
        assert last.change.kind is ChangeKind.DELETED


async def test_several_changes_within_one_given_activity_are_told_apart(
    database, services, org_exists
):
    entities: EntityService = services.entities
    await heard(database, org_exists)
    async with nobody_else(database, org_exists):
        made = await entities.create(org_exists, "thing", {"a": 1}, WriteOptions())
        [first] = await waiting(database, org_exists)
        options = WriteOptions(activity_id=first.activity_id)
        entity_id = made.found.entity.id
        await entities.patch(org_exists, "thing", entity_id, {"a": 2}, options)
        await entities.patch(org_exists, "thing", entity_id, {"a": 3}, options)
        changes = await waiting(database, org_exists)
        async with database.reading(org_exists) as tx:
            operations = await repository.operations_of(tx, changes)
    assert [operation.after["a"] for operation in operations] == [1, 2, 3]


async def test_readings_are_changes_too(database, services, org_exists):
    entities: EntityService = services.entities
    meter = (await entities.create(org_exists, "meter", {"n": 1}, WriteOptions())).found.entity.id
    await heard(database, org_exists)
    place = {"timestamp": "2026-01-31T00:00:00.000Z", "source": "ERP", "external_id": "r1"}
    async with nobody_else(database, org_exists):
        for value in (10, 12):
            sent = SentReading(meter, None, {**place, "value": value})
            await services.readings.apply(
                org_exists, [sent], ReadingOptions(validate=False), EXTERNAL_ID
            )
        moment = datetime.fromisoformat("2026-01-31T00:00:00+00:00")
        await services.readings.delete(
            org_exists, SentReading(meter, None, {}), moment, ReadingOptions()
        )
        changes = await waiting(database, org_exists)
    assert [change.kind for change in changes] == [
        ChangeKind.READING_CREATED,
        ChangeKind.READING_UPDATED,
        ChangeKind.READING_DELETED,
    ]
    assert {change.schema for change in changes} == {READINGS}
    assert {change.subject_id for change in changes} == {meter}
    assert [change.reading["value"] for change in changes if change.reading] == [10, 12, 12]


async def test_the_sweeper_finds_changes_whose_job_was_lost(database, org_exists):
    await heard(database, org_exists)
    await put(database, org_exists, 1)
    [sweep, *_] = change_duties(sweep_seconds=1, clock=lambda: utc_now() + 2 * LATER)
    async with database.system() as tx:
        await sweep.perform(tx)
        found = await tx.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE entrypoint = $1 AND payload = $2",
            HAND_OVER,
            b'{"org":"' + org_exists.encode() + b'"}',
        )
        assert found == 1
        await tx.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", HAND_OVER)


@pytest.fixture
async def org_exists(services: Services, org: str) -> str:
    """An organisation that is known."""
    await services.identity.create_key(org, name="test", scopes=["*"])
    return org
