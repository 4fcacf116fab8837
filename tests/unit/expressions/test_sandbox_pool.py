from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandbox_types import StartPool

from tieline.expressions import process
from tieline.expressions.errors import SandboxClosed, SandboxStartFailed
from tieline.expressions.limits import Limits
from tieline.expressions.models import Done, Failed, FailureReason, Result, Task
from tieline.expressions.process import child_environment
from tieline.expressions.sandbox import SandboxPool

SHARED = {"s": b"shared"}
HURRIED = Limits(task_seconds=0.2)


def tasks(*bodies: str) -> list[Task]:
    return [Task("s", body.encode()) for body in bodies]


def echoed(body: str) -> Done:
    return Done(b"shared|" + body.encode())


def reasons(results: list[Result]) -> list[FailureReason | None]:
    return [result.reason if isinstance(result, Failed) else None for result in results]


async def test_results_come_in_the_order_of_the_tasks(start_pool: StartPool) -> None:
    pool = await start_pool()
    bodies = [f"echo {number}" for number in range(1000)]
    assert await pool.run(SHARED, tasks(*bodies)) == [echoed(body) for body in bodies]


async def test_an_empty_batch_needs_no_process(start_pool: StartPool) -> None:
    pool = await start_pool()
    assert await pool.run({}, []) == []


async def test_each_task_gets_the_shared_blob_it_names(start_pool: StartPool) -> None:
    pool = await start_pool()
    shared = {"a": b"A", "b": b"B"}
    wanted = [Task("a", b"echo"), Task("b", b"echo"), Task("a", b"echo")]
    assert await pool.run(shared, wanted) == [Done(b"A|echo"), Done(b"B|echo"), Done(b"A|echo")]


async def test_a_known_blob_is_not_sent_again(start_pool: StartPool) -> None:
    pool = await start_pool()
    await pool.run({"s": b"first"}, tasks("echo"))
    assert await pool.run({"s": b"never sent"}, tasks("echo")) == [Done(b"first|echo")]


async def test_more_blobs_than_a_process_remembers_still_work(start_pool: StartPool) -> None:
    pool = await start_pool()
    for number in [*range(300), 0]:
        name = f"blob {number}"
        results = await pool.run({name: name.encode()}, [Task(name, b"echo")])
        assert results == [Done(name.encode() + b"|echo")]


async def test_a_name_without_a_blob_is_refused_and_the_pool_goes_on(start_pool: StartPool) -> None:
    pool = await start_pool()
    with pytest.raises(KeyError):
        await pool.run({}, tasks("echo"))
    assert await pool.run(SHARED, tasks("echo")) == [echoed("echo")]


async def test_large_bodies_and_results_pass(start_pool: StartPool) -> None:
    pool = await start_pool()
    body = "echo " + "x" * 3_000_000
    first, second, third = await pool.run(SHARED, tasks(body, "large", "echo"))
    assert first == echoed(body)
    assert second == Done(b"x" * 3_000_000)
    assert third == echoed("echo")


async def test_stray_output_and_input_do_not_touch_the_protocol(start_pool: StartPool) -> None:
    pool = await start_pool()
    results = await pool.run(SHARED, tasks("print", "read", "echo"))
    assert results == [Done(b"printed"), Done(b"nothing to read"), echoed("echo")]


async def test_an_exception_is_the_result_of_its_task_only(start_pool: StartPool) -> None:
    pool = await start_pool()
    first, failed, last = await pool.run(SHARED, tasks("echo 1", "fail", "echo 2"))
    assert (first, last) == (echoed("echo 1"), echoed("echo 2"))
    assert isinstance(failed, Failed)
    assert failed.reason is FailureReason.HANDLER_ERROR
    assert failed.message.startswith("ValueError: no such thing")
    assert len(failed.message) <= 500


async def test_a_hanging_task_times_out_and_the_others_run(start_pool: StartPool) -> None:
    pool = await start_pool(limits=HURRIED)
    started = time.monotonic()
    results = await pool.run(SHARED, tasks("echo 1", "hang", "echo 2", "hang", "echo 3"))
    assert reasons(results) == [None, FailureReason.TIMEOUT, None, FailureReason.TIMEOUT, None]
    assert results[4] == echoed("echo 3")
    assert isinstance(results[1], Failed)
    assert results[1].message == "did not finish within 0.2 seconds"
    assert time.monotonic() - started < 5


async def test_a_crashing_task_is_blamed_and_the_others_run(start_pool: StartPool) -> None:
    pool = await start_pool()
    results = await pool.run(SHARED, tasks("echo 1", "die", "echo 2"))
    assert reasons(results) == [None, FailureReason.CRASHED, None]
    assert (results[0], results[2]) == (echoed("echo 1"), echoed("echo 2"))


async def test_a_process_killed_from_outside_loses_no_task(
    start_pool: StartPool, tmp_path: Path
) -> None:
    pool = await start_pool()
    marker = tmp_path / "marker"
    marker.touch()
    bodies = [*(f"echo {number}" for number in range(200)), f"die-once {marker}", "echo last"]
    results = await pool.run(SHARED, tasks(*bodies))
    assert results == [*map(echoed, bodies[:200]), Done(b"survived"), echoed("echo last")]


async def test_sigkill_from_outside_during_a_batch(start_pool: StartPool) -> None:
    pool = await start_pool()
    bodies = [f"echo {number}" for number in range(50_000)]
    running = asyncio.ensure_future(pool.run(SHARED, tasks(*bodies)))
    await asyncio.sleep(0)
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
    assert await running == [echoed(body) for body in bodies]


async def test_an_idle_process_that_was_killed_is_replaced(start_pool: StartPool) -> None:
    pool = await start_pool()
    [pid] = pool.pids
    os.kill(pid, signal.SIGKILL)
    assert await pool.run(SHARED, tasks("echo")) == [echoed("echo")]
    assert pool.pids != [pid]


async def test_a_task_that_eats_memory_fails_alone_and_gets_a_fresh_process(
    start_pool: StartPool,
) -> None:
    pool = await start_pool()
    before, eaten, after = await pool.run(SHARED, tasks("pid", "eat", "pid"))
    assert eaten == Failed(FailureReason.OUT_OF_MEMORY, "needed more than 1024 MiB of memory")
    assert before != after


async def test_a_process_that_sends_nonsense_is_replaced(start_pool: StartPool) -> None:
    pool = await start_pool(limits=Limits(task_seconds=20))
    results = await pool.run(SHARED, tasks("echo 1", "garble", "echo 2"))
    assert reasons(results) == [None, FailureReason.CRASHED, None]


async def test_a_process_that_dies_between_tasks_is_given_up_in_the_end(
    start_pool: StartPool,
) -> None:
    pool = await start_pool("sandbox_broken:dying")
    results = await pool.run(SHARED, tasks("echo 1", "echo 2"))
    assert results == [Failed(FailureReason.CRASHED, "the sandbox process keeps dying")] * 2


async def test_a_process_that_stalls_between_tasks_is_given_up_in_the_end(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STALLED_SECONDS", 0.1)
    pool = await start_pool("sandbox_broken:stalling", limits=HURRIED)
    results = await pool.run(SHARED, tasks("echo 1"))
    assert results == [Failed(FailureReason.CRASHED, "the sandbox process keeps dying")]


async def test_a_process_that_does_not_get_ready_is_an_error(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 0.5)
    with pytest.raises(SandboxStartFailed, match="TimeoutError"):
        await start_pool("sandbox_broken:slow_to_load")


async def test_a_process_gets_no_secrets_from_the_environment(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIELINE_SECRET_KEY", "do not tell")
    pool = await start_pool()
    [result] = await pool.run(SHARED, tasks("environment"))
    assert isinstance(result, Done)
    # Python itself may coerce the locale.
    assert set(json.loads(result.body)) <= {"PATH", "PYTHONPATH", "LANG", "LC_CTYPE"}


def test_the_environment_passes_on_only_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "LANG", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    assert set(child_environment()) == {"PYTHONPATH"}


async def test_a_process_is_confined(start_pool: StartPool) -> None:
    pool = await start_pool(limits=Limits(memory_bytes=1 << 29))
    [result] = await pool.run(SHARED, tasks("confinement"))
    assert isinstance(result, Done)
    assert json.loads(result.body) == {"memory": 1 << 29, "core": 0, "file": 0, "sigint": True}


async def test_batches_run_at_the_same_time_in_different_processes(start_pool: StartPool) -> None:
    pool = await start_pool(size=2, limits=Limits(task_seconds=5))
    [first] = await pool.run(SHARED, tasks("pid"))
    hanging = asyncio.ensure_future(pool.run(SHARED, tasks("hang")))
    await asyncio.sleep(0)
    [second] = await asyncio.wait_for(pool.run(SHARED, tasks("pid")), timeout=4)
    assert first != second
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging


async def test_more_batches_than_processes_wait_their_turn(start_pool: StartPool) -> None:
    pool = await start_pool(size=2)
    batches = await asyncio.gather(*(pool.run(SHARED, tasks(f"echo {n}")) for n in range(20)))
    assert batches == [[echoed(f"echo {n}")] for n in range(20)]


async def test_a_cancelled_batch_leaves_nothing_behind(start_pool: StartPool) -> None:
    pool = await start_pool(limits=Limits(task_seconds=60))
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.run(SHARED, tasks("hang")), timeout=0.05)
        assert await pool.run(SHARED, tasks("echo")) == [echoed("echo")]


async def test_a_closed_pool_refuses_work_and_leaves_no_process(start_pool: StartPool) -> None:
    pool = await start_pool(size=2)
    pids = pool.pids
    assert len(pids) == 2
    await pool.close()
    assert pool.pids == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(SandboxClosed):
        await pool.run(SHARED, tasks("echo"))


async def test_closing_ends_a_running_batch(start_pool: StartPool) -> None:
    pool = await start_pool(limits=Limits(task_seconds=60))
    running = asyncio.ensure_future(pool.run(SHARED, tasks("hang")))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(SandboxClosed):
        await running


async def test_a_handler_that_does_not_exist_is_named_at_the_start(start_pool: StartPool) -> None:
    with pytest.raises(SandboxStartFailed, match="No module named 'nowhere'"):
        await start_pool("nowhere:handle")


async def test_too_little_memory_to_start_is_an_error(start_pool: StartPool) -> None:
    with pytest.raises(SandboxStartFailed):
        await start_pool(limits=Limits(memory_bytes=1 << 20))


def test_a_pool_without_processes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SandboxPool(handler="sandbox_handlers:obey", size=0)


_OWNER = """
import asyncio, sys
from tieline.expressions.sandbox import SandboxPool
from tieline.expressions.models import Task
from tieline.expressions.limits import Limits

async def main():
    pool = SandboxPool(handler="sandbox_handlers:obey", limits=Limits(task_seconds=600))
    await pool.start()
    print(pool.pids[0], flush=True)
    await pool.run({"s": b""}, [Task("s", b"hang")])

asyncio.run(main())
"""


async def test_a_process_dies_with_its_owner_even_while_it_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = child_environment()
    environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parent)
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 5
    while _is_running(pid):
        assert time.monotonic() < deadline, "the sandbox process outlived its owner"
        await asyncio.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_a_long_batch_lets_others_have_their_turn(start_pool: StartPool) -> None:
    pool = await start_pool()
    long = asyncio.create_task(pool.run(SHARED, tasks(*["pause"] * 60)))
    await asyncio.sleep(0)  # it has the only process now
    assert await pool.run(SHARED, tasks("echo")) == [echoed("echo")]
    assert not long.done()
    assert len(await long) == 60


async def test_a_batch_larger_than_a_process_passes_through_it(start_pool: StartPool) -> None:
    pool = await start_pool(limits=Limits(memory_bytes=256 << 20))
    body = "echo " + "x" * 2_000_000
    results = await pool.run(SHARED, tasks(*[body] * 150))
    assert results == [echoed(body)] * 150
