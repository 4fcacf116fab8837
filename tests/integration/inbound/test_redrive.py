"""Mass replay: interrupted, repeated, overlapping and paced, it replays each letter once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tieline.database import Database
from tieline.http.services import Services
from tieline.inbound.dead_letters import redrive_repository
from tieline.inbound.dead_letters.models import (
    LetterFilter,
    LetterStatus,
    Redrive,
)
from tieline.inbound.dead_letters.redrive import REDRIVE
from tieline.inbound.dead_letters.redrive import redriving as redriving_of
from tieline.inbound.dead_letters.repository import insert_dead_letters
from tieline.inbound.dead_letters.service import DeadLetters
from tieline.inbound.request import IngestLimits, read_request
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit import json
from tieline.kit.ids import new_uuid
from tieline.kit.time import utc_now
from tieline.monitoring.models import ErrorCategory, Outcome, OutcomeStatus, SyncType
from tieline.runtime.stepwise import Stepper, WorkStatus

CONFIGURATION: dict[str, Any] = {
    "entities": [
        {
            "entity_schema": "meter",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "jsonataExpression": "$number(id)"}],
        }
    ]
}
FAR = timedelta(hours=1)  # the worker of the test process leaves a redrive of then alone

Fail = Callable[[int], Awaitable[list[str]]]


class Interrupted(Exception):
    """What a process that is killed in the middle of a step amounts to."""


class Interrupting:
    """An acceptance that writes the events, and then the process dies."""

    def __init__(self, services: Services) -> None:
        self._acceptance = services.acceptance

    async def store(self, *arguments: Any) -> Any:
        await self._acceptance.store(*arguments)
        raise Interrupted


def later() -> datetime:
    return utc_now() + FAR


@pytest.fixture
async def integration(services: Services, org: str, key: str) -> UUID:
    """An integration whose events all fail."""
    change = UseCaseChange(
        type=UseCaseType.INBOUND,
        name="meter",
        slug="meter",
        enabled=True,
        configuration=CONFIGURATION,
    )
    made = await services.integrations.create_integration(org, {"name": "ERP"}, [change])
    return made.integration.id


@pytest.fixture
def fail(services: Services, org: str, integration: UUID) -> Fail:
    """Makes a number of dead letters; the ids of their events in the order of acceptance."""

    async def make(count: int) -> list[str]:
        ids: list[str] = []
        for number in range(count):
            sent = {
                "use_case_slug": "meter",
                "timestamp": "2026-01-31T08:00:00Z",
                "format": "json",
                "payload": {"id": f"M{number}"},
            }
            body = json.dumps({"integration_id": str(integration), "events": [sent]})
            request = read_request(body, IngestLimits(100, 1_000_000))
            ids += [result.event_id for result in await services.acceptance.accept(org, request)]
        async with asyncio.timeout(20):
            wanted = LetterFilter(event_ids=tuple(ids))
            while True:
                page = await services.dead_letters.query(org, integration, wanted, limit=100)
                if len(page.letters) == count:
                    return ids
                await asyncio.sleep(0.02)

    return make


@pytest.fixture
def redriving(services: Services, database: Database) -> Stepper[Redrive]:
    """What takes a redrive further, at a time when no worker does."""
    return redriving_of(database, services.integrations, services.acceptance, later)


@pytest.fixture
async def begin(database: Database, org: str, integration: UUID) -> Any:
    """Begins a redrive without a job."""

    async def insert(**different: Any) -> Redrive:
        async with database.organisation(org) as tx:
            until = await redrive_repository.newest_seq(tx)
            total = await redrive_repository.count_open(
                tx, integration, LetterFilter(), until, later()
            )
            redrive = Redrive(
                id=new_uuid(),
                integration_id=integration,
                selection=LetterFilter(),
                rate_per_second=1000,
                status=WorkStatus.RUNNING,
                step=0,
                after_seq=0,
                until_seq=until,
                total=total,
                replayed=0,
                ignored=0,
                not_found=0,
                correlation_id="replay_test",
                requested_by="test",
                created_at=later(),
                next_at=later(),
                finished_at=None,
            )
            await redrive_repository.insert_redrive(tx, replace(redrive, **different))
        return replace(redrive, **different)

    return insert


@pytest.fixture
def replayed(database: Database, org: str) -> Callable[[], Awaitable[list[str]]]:
    """The events that were replayed by a redrive, in the order of the new ones."""

    async def find() -> list[str]:
        async with database.reading(org) as tx:
            rows = await tx.fetch(
                "SELECT replay_of FROM inbound_events WHERE org_id = $1 "
                "AND replay_of IS NOT NULL ORDER BY seq"
            )
        return [row["replay_of"] for row in rows]

    return find


async def run(
    redriving: Stepper[Redrive], services: Services, org: str, redrive: Redrive
) -> Redrive:
    """Take a redrive to its end."""
    async with asyncio.timeout(20):
        while redrive.status is WorkStatus.RUNNING:
            await redriving.step(org, redrive.id, redrive.step)
            redrive = await services.dead_letters.get_redrive(
                org, redrive.integration_id, redrive.id
            )
    return redrive


async def test_only_what_has_failed_by_then_is_counted(
    services: Services, database: Database, org: str, integration: UUID, fail: Fail
) -> None:
    await fail(2)
    earlier = DeadLetters(database, services.integrations, lambda: utc_now() - FAR)
    redrive = await earlier.redrive(org, integration, LetterFilter(), by="test")
    assert (redrive.total, redrive.status) == (0, WorkStatus.DONE)


async def test_an_interrupted_step_leaves_nothing_behind_and_is_done_again(
    services: Services,
    database: Database,
    org: str,
    integration: UUID,
    redriving: Stepper[Redrive],
    fail: Fail,
    begin: Any,
    replayed: Any,
) -> None:
    failed = await fail(5)
    redrive = await begin()
    dying = redriving_of(database, services.integrations, Interrupting(services), later)  # type: ignore[arg-type]

    for _ in range(3):
        with pytest.raises(Interrupted):
            await dying.step(org, redrive.id, redrive.step)
    assert await replayed() == []
    assert await services.dead_letters.get_redrive(org, integration, redrive.id) == redrive
    still_open = await services.dead_letters.query(org, integration, LetterFilter())
    assert len(still_open.letters) == 5

    done = await run(redriving, services, org, redrive)

    assert (done.status, done.replayed, done.total) == (WorkStatus.DONE, 5, 5)
    assert await replayed() == failed


async def test_a_step_that_runs_several_times_is_done_once(
    services: Services, org: str, redriving: Stepper[Redrive], fail: Fail, begin: Any, replayed: Any
) -> None:
    failed = await fail(4)
    redrive = await begin(rate_per_second=2)

    await asyncio.gather(*(redriving.step(org, redrive.id, 0) for _ in range(4)))
    await redriving.step(org, redrive.id, 0)

    assert await replayed() == failed[:2]


async def test_two_redrives_of_the_same_letters_replay_each_once(
    services: Services, org: str, redriving: Stepper[Redrive], fail: Fail, begin: Any, replayed: Any
) -> None:
    failed = await fail(10)
    redrives = [await begin() for _ in range(3)]

    done = await asyncio.gather(*(run(redriving, services, org, one) for one in redrives))

    assert await replayed() == failed
    assert sum(one.replayed for one in done) == 10
    assert {one.status for one in done} == {WorkStatus.DONE}


async def test_a_step_takes_as_many_as_a_second_allows_and_names_the_next_moment(
    services: Services,
    database: Database,
    org: str,
    integration: UUID,
    fail: Fail,
    begin: Any,
    replayed: Any,
) -> None:
    failed = await fail(5)
    start = later()
    redrive = await begin(rate_per_second=2, next_at=start)
    now = [start - timedelta(minutes=1)]
    redriving = redriving_of(database, services.integrations, services.acceptance, lambda: now[0])

    await redriving.step(org, redrive.id, 0)
    assert await replayed() == []  # too early

    for step, (count, seconds) in enumerate([(2, 1.0), (4, 1.0), (5, 0.5)]):
        now[0] = now[0] + timedelta(days=1)  # however long it was down: no burst
        await redriving.step(org, redrive.id, step)
        assert await replayed() == failed[:count]
        redrive = await services.dead_letters.get_redrive(org, integration, redrive.id)
        assert redrive.next_at - now[0] == timedelta(seconds=seconds)
    assert redrive.status is WorkStatus.DONE
    assert redrive.finished_at == now[0]


async def test_large_payloads_make_smaller_steps(
    services: Services,
    org: str,
    redriving: Stepper[Redrive],
    fail: Fail,
    begin: Any,
    replayed: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tieline.inbound.stored_repository.MOST_BYTES", 1)
    failed = await fail(3)

    done = await run(redriving, services, org, await begin())

    assert done.step >= 3
    assert await replayed() == failed


async def test_letters_that_failed_after_it_began_are_not_its_business(
    services: Services, org: str, redriving: Stepper[Redrive], fail: Fail, begin: Any, replayed: Any
) -> None:
    early = await fail(2)
    redrive = await begin()
    await fail(2)

    done = await run(redriving, services, org, redrive)

    assert done.replayed == 2
    assert await replayed() == early


async def test_a_letter_without_a_stored_event_is_counted_as_not_found(
    services: Services,
    database: Database,
    org: str,
    redriving: Stepper[Redrive],
    fail: Fail,
    begin: Any,
    replayed: Any,
) -> None:
    gone, kept = await fail(2)
    async with database.organisation(org) as tx:
        await tx.execute("DELETE FROM inbound_events WHERE org_id = $1 AND event_id = $2", gone)

    done = await run(redriving, services, org, await begin())

    assert (done.replayed, done.not_found, done.status) == (1, 1, WorkStatus.DONE)
    assert await replayed() == [kept]


async def test_a_cancelled_redrive_goes_no_further(
    services: Services,
    org: str,
    integration: UUID,
    redriving: Stepper[Redrive],
    fail: Fail,
    begin: Any,
    replayed: Any,
) -> None:
    failed = await fail(3)
    redrive = await begin(rate_per_second=1)
    await redriving.step(org, redrive.id, 0)

    cancelled = await services.dead_letters.cancel_redrive(org, integration, redrive.id)
    await redriving.step(org, redrive.id, cancelled.step)

    assert cancelled.replayed == 1
    assert await replayed() == failed[:1]


async def test_a_redrive_of_a_deleted_integration_ends_silently(
    services: Services,
    org: str,
    integration: UUID,
    redriving: Stepper[Redrive],
    fail: Fail,
    begin: Any,
    replayed: Any,
) -> None:
    await fail(1)
    redrive = await begin()
    await services.integrations.delete_integration(org, integration)

    await redriving.step(org, redrive.id, 0)

    assert await replayed() == []


async def test_the_sweeper_finds_a_redrive_whose_job_was_lost(
    services: Services, org: str, integration: UUID, fail: Fail, begin: Any
) -> None:
    await fail(2)
    past = utc_now() - timedelta(minutes=1)
    redrive = await begin(created_at=utc_now(), next_at=past)

    async with asyncio.timeout(30):  # by the worker of the test process
        while redrive.status is WorkStatus.RUNNING:
            await asyncio.sleep(0.05)
            redrive = await services.dead_letters.get_redrive(org, integration, redrive.id)

    assert redrive.replayed == 2


async def test_ended_redrives_are_forgotten_when_the_payloads_are(
    services: Services, database: Database, org: str, integration: UUID, begin: Any
) -> None:
    now = utc_now()
    old = await begin(status=WorkStatus.DONE, finished_at=now - timedelta(days=15))
    young = await begin(status=WorkStatus.DONE, finished_at=now - timedelta(days=13))
    duties = REDRIVE.duties(sweep_seconds=1, retention=timedelta(days=14))
    [forget] = [duty for duty in duties if duty.name == "inbound.redrive.forget"]

    async with database.system() as tx:
        await forget.perform(tx)

    async with database.reading(org) as tx:
        assert await redrive_repository.find_redrive(tx, old.id) is None
        assert await redrive_repository.find_redrive(tx, young.id) == young


# --- what becomes a dead letter


def outcome(org: str, integration: UUID, event_id: str, **different: Any) -> Outcome:
    usual: dict[str, Any] = {
        "org_id": org,
        "integration_id": integration,
        "event_id": event_id,
        "sync_type": SyncType.ENTITY,
        "received_at": utc_now(),
        "completed_at": utc_now(),
        "object_type": "meter",
        "status": OutcomeStatus.ERROR,
        "duration_ms": 1,
        "error_code": "EVENT_NOT_APPLICABLE",
        "error_category": ErrorCategory.VALIDATION,
        "error_message": "No meter 'M1'.",
    }
    return Outcome(**(usual | different))


async def test_an_event_that_failed_twice_over_is_one_letter(
    services: Services, database: Database, org: str, integration: UUID
) -> None:
    reading = {"sync_type": SyncType.METER_READING, "error_code": "INVALID_METER_READING"}
    async with database.organisation(org) as tx:
        await insert_dead_letters(
            tx,
            [
                outcome(org, integration, "fine", status=OutcomeStatus.SUCCESS),
                outcome(org, integration, "both"),
                outcome(org, integration, "both", **reading),
                outcome(org, integration, "skipped", status=OutcomeStatus.SKIPPED),
                outcome(org, integration, "nul", error_message="a\x00b", object_type="\x00"),
                outcome(f"{org}-2", integration, "both"),
            ],
        )
        await insert_dead_letters(tx, [])

    page = await services.dead_letters.query(org, integration, LetterFilter())

    found = {letter.event_id: letter for letter in page.letters}
    assert set(found) == {"both", "nul"}
    assert found["both"].error_code == "EVENT_NOT_APPLICABLE"
    assert found["both"].reason == "No meter '…'."
    assert found["both"].status is LetterStatus.OPEN
    assert found["nul"].error_message == "a\ufffdb"
