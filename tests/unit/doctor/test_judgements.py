"""Which states of an installation the doctor calls fine, worrying and wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tieline.database.partitions import TABLES
from tieline.doctor.database import (
    judge_backlog,
    judge_changes,
    judge_clock,
    judge_deliveries,
    judge_partitions,
    judge_schema,
    judge_server,
)
from tieline.doctor.machine import judge_flush, judge_free_space, measure_fsync
from tieline.doctor.models import Verdict, describe_duration
from tieline.doctor.repository import Backlog, Server
from tieline.doctor.sandbox import check_sandbox, judge_sandbox
from tieline.doctor.secrets import judge_table, judge_vault
from tieline.expressions.limits import Limits
from tieline.expressions.models import Done, Failed, FailureReason, Result
from tieline.secrets.models import KeyUse
from tieline.secrets.status import TableStatus, VaultStatus

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SERVER = Server("18.4", 180004, ())
ENDED = Failed(FailureReason.HANDLER_ERROR, "too many steps")


def partitions(ahead: int) -> set[str]:
    names = set()
    for table in TABLES:
        start = table.start(NOW)
        for _ in range(ahead + 1):
            names.add(table.partition(start))
            start = table.following(start)
    return names


def test_a_new_and_durable_server_passes() -> None:
    assert judge_server(SERVER, embedded=True).verdict is Verdict.PASS


def test_an_old_server_fails() -> None:
    finding = judge_server(replace(SERVER, version_number=130014), embedded=False)

    assert finding.verdict is Verdict.FAIL
    assert finding.next_step == "Use PostgreSQL 16 or newer."


def test_a_server_that_does_not_flush_fails() -> None:
    finding = judge_server(replace(SERVER, unsafe_settings=("fsync",)), embedded=False)

    assert finding.verdict is Verdict.FAIL
    assert "fsync" in finding.message


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0.2, Verdict.PASS), (-0.2, Verdict.PASS), (5, Verdict.WARN), (-90, Verdict.FAIL)],
)
def test_clocks_may_differ_by_a_second(seconds: float, verdict: Verdict) -> None:
    assert judge_clock(timedelta(seconds=seconds)).verdict is verdict


@pytest.mark.parametrize(
    ("current", "verdict", "next_step"),
    [
        ("0002", Verdict.PASS, None),
        ("0001", Verdict.FAIL, "Run `tieline migrate`."),
        (None, Verdict.FAIL, "Run `tieline migrate`."),
        ("9999", Verdict.FAIL, "Use the version of Tieline that migrated it, or a newer one."),
    ],
)
def test_the_schema_must_be_that_of_this_version(
    current: str | None, verdict: Verdict, next_step: str | None
) -> None:
    finding = judge_schema(current, "0002", {"0001", "0002"})

    assert (finding.verdict, finding.next_step) == (verdict, next_step)


@pytest.mark.parametrize(
    ("ahead", "verdict"), [(7, Verdict.PASS), (1, Verdict.WARN), (0, Verdict.WARN)]
)
def test_partitions_lie_ahead(ahead: int, verdict: Verdict) -> None:
    assert judge_partitions(partitions(ahead), NOW).verdict is verdict


def test_a_missing_present_partition_fails_and_is_named() -> None:
    existing = partitions(7) - {"inbound_events_20260331"}
    finding = judge_partitions(existing, NOW)

    assert finding.verdict is Verdict.FAIL
    assert "inbound_events" in finding.message


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(seconds=3), Verdict.PASS),
        (timedelta(minutes=4), Verdict.WARN),
        (timedelta(hours=2), Verdict.FAIL),
    ],
)
def test_events_may_wait_a_minute(age: timedelta, verdict: Verdict) -> None:
    finding = judge_backlog(Backlog(12, NOW - age, NOW))

    assert finding.verdict is verdict
    assert finding.message.startswith("12 accepted events waiting, the oldest for ")


def test_an_empty_work_list_passes() -> None:
    assert judge_backlog(Backlog(0, None, NOW)).message == "No event waits."


@pytest.mark.parametrize(
    ("free", "verdict"), [(10 << 30, Verdict.PASS), (1 << 30, Verdict.WARN), (1, Verdict.FAIL)]
)
def test_a_disk_needs_room(free: int, verdict: Verdict) -> None:
    assert judge_free_space(free, Path("/data")).verdict is verdict


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0.001, Verdict.PASS), (0.05, Verdict.WARN), (0.000_001, Verdict.WARN)],
)
def test_a_flush_is_neither_slow_nor_impossibly_fast(seconds: float, verdict: Verdict) -> None:
    assert judge_flush(seconds, "A flush").verdict is verdict


def test_measuring_a_flush_leaves_nothing_behind(tmp_path: Path) -> None:
    assert measure_fsync(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


async def test_the_real_sandbox_passes() -> None:
    finding = await check_sandbox(Limits())

    assert finding.verdict is Verdict.PASS


async def test_a_sandbox_without_memory_fails_with_a_next_step() -> None:
    finding = await check_sandbox(Limits(memory_bytes=16 << 20))

    assert finding.verdict is Verdict.FAIL
    assert finding.next_step


def test_a_sandbox_that_answers_wrongly_fails() -> None:
    finding = judge_sandbox([Done(b"54"), ENDED, Done(b"55")], 0.1, Limits())

    assert finding.verdict is Verdict.FAIL


def test_a_sandbox_that_dies_of_the_attack_fails() -> None:
    dead = Failed(FailureReason.CRASHED, "crashed the sandbox process")

    assert judge_sandbox([Done(b"55"), ENDED, dead], 0.1, Limits()).verdict is Verdict.FAIL


def test_a_sandbox_that_lets_an_endless_expression_run_fails() -> None:
    results: list[Result] = [Done(b"55"), ENDED, Done(b"55")]

    assert judge_sandbox(results, 30, Limits()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 seconds"), (1, "1 second"), (90, "1 minute"), (7200, "2 hours"), (1e6, "11 days")],
)
def test_durations_read_naturally(seconds: float, words: str) -> None:
    assert describe_duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("keys", "master_key", "fits", "verdict"),
    [
        ([KeyUse(1, NOW, 3)], "master.key", True, Verdict.PASS),
        ([], None, True, Verdict.PASS),
        ([KeyUse(1, NOW, 3)], "master.key", False, Verdict.FAIL),
        ([KeyUse(1, NOW, 0)], None, False, Verdict.FAIL),
    ],
)
def test_secrets_need_their_master_key(
    keys: list[KeyUse], master_key: str | None, fits: bool, verdict: Verdict
) -> None:
    assert judge_table(TableStatus(keys, master_key, fits)).verdict is verdict


@pytest.mark.parametrize(("answers", "verdict"), [(True, Verdict.PASS), (False, Verdict.WARN)])
def test_without_the_vault_only_secrets_are_missing(answers: bool, verdict: Verdict) -> None:
    status = VaultStatus("http://vault.example", "secret/data/tieline/", answers, 0)

    assert judge_vault(status).verdict is verdict


@pytest.mark.parametrize(
    ("due", "verdict"),
    [
        (None, Verdict.PASS),
        (NOW - timedelta(seconds=20), Verdict.PASS),
        (NOW - timedelta(minutes=5), Verdict.WARN),
    ],
)
def test_overdue_deliveries_are_a_warning(due: datetime | None, verdict: Verdict) -> None:
    assert judge_deliveries(due, NOW).verdict is verdict


def test_changes_that_were_set_aside_are_a_warning_with_the_next_step() -> None:
    assert judge_changes(0).verdict is Verdict.PASS

    finding = judge_changes(2)

    assert finding.verdict is Verdict.WARN
    assert "2 changes" in finding.message
    assert finding.next_step
    assert "changes.set_aside" in finding.next_step
