"""Connections: never lost, whatever happens to those who asked for one."""

from __future__ import annotations

import asyncio

import pytest

from tieline.database.pool import Database


@pytest.fixture
async def small(database):
    """A pool of two connections on the same server."""
    pool = Database(database.url, pool_size=2)
    await pool.open()
    yield pool
    await pool.close()


async def ask(database):
    async with database.system() as tx:
        return await tx.fetchval("SELECT 1")


@pytest.mark.parametrize("steps", range(12))
async def test_whoever_is_cancelled_gives_the_connection_back(small, steps):
    for _ in range(2):
        task = asyncio.create_task(ask(small))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    async with asyncio.timeout(5):
        assert await asyncio.gather(ask(small), ask(small)) == [1, 1]


async def test_a_machine_that_starts_no_process_is_no_reason_to_die():
    class Exhausted:
        def ensure_running(self):
            raise OSError("Cannot allocate memory")

    await Database("postgresql:///nowhere", embedded=Exhausted()).revive()
