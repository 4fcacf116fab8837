"""Statements that run while the next ones are prepared."""

from __future__ import annotations

import asyncpg
import pytest

from tieline.database.codecs import LEXEME_SEPARATOR
from tieline.database.pipeline import Copy, Pipeline, Statement, UnexpectedRowCount


@pytest.fixture
async def table(database):
    """A table of its own for each test."""
    async with database.system() as tx:
        await tx.execute("DROP TABLE IF EXISTS piped")
        await tx.execute("CREATE TABLE piped (n int PRIMARY KEY, seq serial)")
    yield "piped"
    async with database.system() as tx:
        await tx.execute("DROP TABLE piped")


async def numbers(database):
    async with database.system() as tx:
        return [row["n"] for row in await tx.fetch("SELECT n FROM piped ORDER BY seq")]


def insert(*values):
    return Statement("INSERT INTO piped (n) SELECT unnest($1::int[])", [list(values)])


async def test_steps_run_in_order(database, table):
    async with database.system() as tx, Pipeline(tx) as pipeline:
        for n in range(20):
            await pipeline.add(insert(n))
        await pipeline.add(Copy(table, ["n"], [(100,), (101,)]))
        await pipeline.add(Statement("DELETE FROM piped WHERE n < 18", []))
    assert await numbers(database) == [18, 19, 100, 101]


async def test_rows_are_prepared_in_order(database):
    async with database.system() as tx, Pipeline(tx) as pipeline:
        await pipeline.add(Statement("SELECT pg_sleep(0.01)", []))
        rows = await pipeline.prepare(list(range(50)), lambda n: n * 2)
    assert rows == [n * 2 for n in range(50)]


async def test_a_wrong_number_of_rows_is_an_error(database, table):
    async def two():
        async with database.system() as tx, Pipeline(tx) as pipeline:
            await pipeline.add(insert(1))
            await pipeline.add(Statement("DELETE FROM piped", [], expected=2))

    with pytest.raises(UnexpectedRowCount):
        await two()
    assert await numbers(database) == []


async def test_after_a_failing_step_nothing_runs_and_nothing_stays(database, table):
    ran = []

    class Note:
        async def run(self, tx):
            ran.append(tx)

    async def fail():
        async with database.system() as tx, Pipeline(tx) as pipeline:
            await pipeline.add(insert(1))
            await pipeline.add(insert(1))
            for _ in range(50):
                await pipeline.breathe()
            await pipeline.add(Note())

    with pytest.raises(asyncpg.UniqueViolationError):
        await fail()
    assert ran == []
    assert await numbers(database) == []


async def test_an_error_of_the_caller_waits_for_the_running_statement(database, table):
    async def fail():
        async with database.system() as tx, Pipeline(tx) as pipeline:
            await pipeline.add(Statement("SELECT pg_sleep(0.05)", []))
            await pipeline.add(insert(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await numbers(database) == []


async def test_an_unused_pipeline_costs_nothing(database):
    async with database.system() as tx, Pipeline(tx):
        pass


async def test_a_tsvector_is_written_and_read(database):
    words = LEXEME_SEPARATOR.join(["b", "a", "=path=wörter"])
    async with database.system() as tx:
        await tx.execute("CREATE TEMP TABLE vectors (v tsvector) ON COMMIT DROP")
        await tx.copy("vectors", ["v"], [(words,), ("",)])
        rows = await tx.fetch("SELECT v, v @@ 'a'::tsquery AS has_a FROM vectors ORDER BY 1")
        positions = await tx.fetchval("SELECT to_tsvector('simple', 'one two one')")
    assert rows[0]["v"] == ""
    assert set(rows[1]["v"].split(LEXEME_SEPARATOR)) == {"a", "b", "=path=wörter"}
    assert rows[1]["has_a"]
    assert set(positions.split(LEXEME_SEPARATOR)) == {"one", "two"}
