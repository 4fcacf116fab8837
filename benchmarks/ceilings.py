"""What the machine can do at all: the bare work inside each figure, without Tieline around it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg
import jlens
import msgspec

from benchmarks.installation import CONFIGURATION, contract
from tieline.database.embedded import EmbeddedServer

PAYLOAD = msgspec.json.encode(contract(1)["payload"])


async def bare_inserts(data_dir: Path, *, rows: int, connections: int, seconds: float) -> float:
    """Rows per second that plain durable INSERTs of an event-sized row reach."""
    server = EmbeddedServer(data_dir)
    server.acquire()
    try:
        pool = await asyncpg.create_pool(server.url, min_size=connections, max_size=connections)
        await pool.execute(
            "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, at timestamptz, body bytea)"
        )
        until = time.perf_counter() + seconds
        done = 0

        async def loop() -> None:
            nonlocal done
            async with pool.acquire() as connection:
                while time.perf_counter() < until:
                    await connection.execute(
                        "INSERT INTO bare (at, body) SELECT now(), * FROM unnest($1::bytea[])",
                        [PAYLOAD] * rows,
                    )
                    done += rows

        begun = time.perf_counter()
        await asyncio.gather(*(loop() for _ in range(connections)))
        rate = done / (time.perf_counter() - begun)
        await pool.execute("DROP TABLE bare")
        await pool.close()
        return rate
    finally:
        server.release()


def bare_expressions(seconds: float) -> float:
    """Events per second whose expressions alone, without anything else, one core evaluates."""
    fields = CONFIGURATION["entities"][0]["fields"]
    sources = [field["jsonataExpression"] for field in fields if "jsonataExpression" in field]
    expressions = [jlens.Expression(source) for source in sources]
    until = time.perf_counter() + seconds
    done = 0
    begun = time.perf_counter()
    while time.perf_counter() < until:
        for _ in range(100):
            document = jlens.Document.from_json(PAYLOAD.decode())
            for expression in expressions:
                expression.evaluate_document(document)
        done += 100
    return done / (time.perf_counter() - begun)
