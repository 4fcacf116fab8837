"""Jobs: transactional, delayed, once, taken over from the dead, handed back on stop."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tieline.runtime.queue import Job, enqueue
from tieline.runtime.worker import Worker


@pytest.fixture
async def worker(database):
    """Starts workers with one handler and stops them afterwards."""
    started = []

    def start(name, handler, **options):
        options.setdefault("heartbeat", timedelta(seconds=10))
        made = Worker(database, {name: handler}, **options)
        made.start()
        started.append(made)
        return made

    yield start
    for each in started:
        await each.stop(1)


async def add(database, *jobs):
    async with database.system() as tx:
        await enqueue(tx, jobs)


async def waiting(database, name):
    async with database.system() as tx:
        return await tx.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", name)


async def test_a_job_runs_with_its_ids(database, worker):
    seen = asyncio.Queue()
    worker("test.ids", seen.put)
    await add(database, Job("test.ids", {"org": "a", "n": "1"}))
    assert await asyncio.wait_for(seen.get(), 5) == {"org": "a", "n": "1"}


async def test_a_job_exists_only_if_its_transaction_commits(database):
    async def fail_after_enqueueing():
        async with database.system() as tx:
            await enqueue(tx, [Job("test.rollback", {})])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_after_enqueueing()
    assert await waiting(database, "test.rollback") == 0


async def test_a_delayed_job_waits_for_its_time(database, worker):
    seen = asyncio.Queue()
    worker("test.delay", seen.put)
    started = asyncio.get_running_loop().time()
    await add(database, Job("test.delay", {}, delay=timedelta(seconds=0.5)))
    await asyncio.wait_for(seen.get(), 5)
    assert asyncio.get_running_loop().time() - started >= 0.5


async def test_a_job_to_be_done_once_waits_once(database):
    jobs = [Job("test.once", {}, once="key"), Job("test.once", {}, once="key")]
    await add(database, *jobs)
    await add(database, *jobs)
    assert await waiting(database, "test.once") == 1
    async with database.system() as tx:
        await tx.execute("DELETE FROM pgqueuer WHERE entrypoint = 'test.once'")


async def test_a_failing_job_does_not_stop_the_worker(database, worker):
    seen = asyncio.Queue()

    async def handler(ids):
        if ids["n"] == "bad":
            raise ValueError
        await seen.put(ids)

    worker("test.failing", handler)
    await add(database, Job("test.failing", {"n": "bad"}), Job("test.failing", {"n": "good"}))
    assert await asyncio.wait_for(seen.get(), 5) == {"n": "good"}


async def test_a_dead_workers_job_is_taken_over(database, worker):
    seen = asyncio.Queue()
    async with database.system() as tx:
        # What a worker that was killed leaves behind: a picked job without a heartbeat.
        await enqueue(tx, [Job("test.dead", {"n": "1"})])
        await tx.execute(
            "UPDATE pgqueuer SET status = 'picked', heartbeat = now() - interval '1 hour', "
            "queue_manager_id = gen_random_uuid() WHERE entrypoint = 'test.dead'"
        )
    worker("test.dead", seen.put, heartbeat=timedelta(seconds=1))
    assert await asyncio.wait_for(seen.get(), 10) == {"n": "1"}


async def test_a_stopping_worker_finishes_what_it_began(database, worker):
    begun, go_on = asyncio.Event(), asyncio.Event()
    done = []

    async def handler(_ids):
        begun.set()
        await go_on.wait()
        done.append(True)

    stopping = worker("test.graceful", handler)
    await add(database, Job("test.graceful", {}))
    await asyncio.wait_for(begun.wait(), 5)
    stop = asyncio.create_task(stopping.stop(5))
    await asyncio.sleep(0)
    go_on.set()
    await stop
    assert done == [True]
    assert await waiting(database, "test.graceful") == 0


async def test_a_worker_that_cannot_finish_in_time_stops_all_the_same(database, worker):
    begun = asyncio.Event()

    async def handler(_ids):
        begun.set()
        await asyncio.Event().wait()

    stopping = worker("test.stuck", handler)
    await add(database, Job("test.stuck", {}))
    await asyncio.wait_for(begun.wait(), 5)
    async with asyncio.timeout(5):
        await stopping.stop(0.1)


async def test_a_worker_survives_the_loss_of_its_connection(database, worker):
    seen = asyncio.Queue()
    worker("test.lost", seen.put)
    await add(database, Job("test.lost", {"n": "1"}))
    await asyncio.wait_for(seen.get(), 5)
    async with database.system() as tx:
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    for attempt in range(20):
        try:
            await add(database, Job("test.lost", {"n": "2"}))
            break
        except Exception:
            if attempt == 19:
                raise
    assert await asyncio.wait_for(seen.get(), 10) == {"n": "2"}
