"""kill -9 of workers, server and database under load: nothing lost, nothing doubled, in order.

An ERP is played that posts numbered events, sends an event again (with the same deduplication id)
until it hears an answer, and remembers which it was told are accepted. Meanwhile processes die.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import pytest

from tieline.database.embedded import EmbeddedServer

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "20"))
INTEGRATIONS = 3
ENTITIES = 7  # per integration: few, so that each is changed by many events

pytestmark = [pytest.mark.chaos]

CONFIGURATION = {
    "entities": [
        {
            "entity_schema": "meter",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "number"},
                {"attribute": "counter", "field": "counter"},
                {
                    "attribute": "site",
                    "relations": {
                        "operation": "_set",
                        "items": [
                            {
                                "entity_schema": "site",
                                "unique_ids": [{"attribute": "code", "field": "site"}],
                            }
                        ],
                    },
                },
            ],
        }
    ]
}


@dataclass
class Cluster:
    """The processes of one installation."""

    data_dir: Path
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        serve = ["serve", "--no-worker", "--port", str(self.port)]
        command = serve if name == "server" else ["worker"]
        log = (self.data_dir.parent / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "tieline", *command, "--data-dir", str(self.data_dir)],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "TIELINE_JOB_HEARTBEAT_SECONDS": "2",
                "TIELINE_SWEEP_SECONDS": "1",
            },
        )

    def kill(self, name: str) -> None:
        if name == "database":
            pid_file = EmbeddedServer(self.data_dir).cluster / "postmaster.pid"
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
            return
        self.processes[name].kill()
        self.processes[name].wait()
        self.start(name)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)


@dataclass
class Erp:
    """One integration's sender: one event after the other, each until it is answered."""

    client: httpx.AsyncClient
    integration_id: str
    number: int
    grouped: bool
    accepted: list[int] = field(default_factory=list)
    stopping: bool = False

    async def run(self) -> None:
        counter = 0
        while not self.stopping:
            counter += 1
            await self._send(counter)

    async def _send(self, counter: int) -> None:
        meter = f"M-{self.number}-{counter % ENTITIES}"
        event = {
            "use_case_slug": "meter",
            "timestamp": "2026-01-31T08:00:00Z",
            "deduplication_id": f"{self.number}-{counter}",
            "payload": {"number": meter, "counter": counter, "site": f"S-{counter % 3}"},
        }
        if self.grouped:
            event["group_id"] = meter
        body = {"integration_id": self.integration_id, "events": [event]}
        while True:
            try:
                response = await self.client.post(
                    "/erp-integration/v3/erp/updates/events", json=body
                )
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            if response.status_code == 200:
                [result] = response.json()["results"]
                # Skipped: an earlier attempt was accepted, but its answer was lost.
                assert result["status"] in ("success", "skipped"), result
                self.accepted.append(counter)
                return
            assert response.status_code in (500, 503), response.text
            await asyncio.sleep(0.05)


async def test_nothing_is_lost_doubled_or_reordered(tmp_path: Path) -> None:
    dice = random.Random(os.environ.get("CHAOS_SEED", "tieline"))
    cluster = Cluster(tmp_path / "data", _free_port())
    key = _create_key(cluster.data_dir)
    for name in ("server", "worker-1", "worker-2"):
        cluster.start(name)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{cluster.port}",
            headers={"authorization": f"Bearer {key}"},
            timeout=20,
        ) as client:
            erps = [
                Erp(client, await _integration(client), n, grouped=n == 0)
                for n in range(INTEGRATIONS)
            ]
            sending = [asyncio.create_task(erp.run()) for erp in erps]
            for _ in range(ROUNDS):
                await asyncio.sleep(dice.uniform(0.3, 1.5))
                cluster.kill(dice.choice(["server", "worker-1", "worker-2", "database"]))
            await asyncio.sleep(1)
            for erp in erps:
                erp.stopping = True
            await asyncio.wait_for(asyncio.gather(*sending), 60)
        await _check(cluster, erps)
    finally:
        cluster.stop()


async def _check(cluster: Cluster, erps: list[Erp]) -> None:
    server = EmbeddedServer(cluster.data_dir)
    server.acquire()
    connection = await asyncpg.connect(server.url)
    try:
        await _until_nothing_waits(connection)
        for erp in erps:
            assert erp.accepted == list(range(1, len(erp.accepted) + 1))
            assert len(erp.accepted) > ROUNDS
            await _check_integration(connection, erp)
        doubled = await connection.fetch(
            "SELECT schema, coalesce(attributes->>'number', attributes->>'code') AS key, count(*) "
            "FROM entities GROUP BY 1, 2 HAVING count(*) > 1"
        )
        assert doubled == []
    finally:
        await connection.close()
        server.release()


async def _check_integration(connection: asyncpg.Connection, erp: Erp) -> None:
    outcomes = await connection.fetch(
        "SELECT o.event_id, o.status, o.error_message FROM inbound_outcomes o "
        "WHERE o.integration_id = $1 AND o.error_code IS DISTINCT FROM 'DUPLICATE_EVENT'",
        erp.integration_id,
    )
    # Each accepted event reached exactly one terminal state.
    assert len(outcomes) == len({row["event_id"] for row in outcomes}) == len(erp.accepted)
    assert {row["status"] for row in outcomes} == {"success"}
    counters = await connection.fetch(
        "SELECT (o.payload->>'counter')::int AS counter, o.payload->>'number' AS number "
        "FROM entity_operations o WHERE o.schema = 'meter' AND o.payload->>'number' LIKE $1 "
        "ORDER BY o.seq",
        f"M-{erp.number}-%",
    )
    # Every event was applied once, and in the order in which it was accepted, within its group.
    assert sorted(row["counter"] for row in counters) == erp.accepted
    for order in _orders(counters, grouped=erp.grouped):
        assert order == sorted(order)
    entities = await connection.fetch(
        "SELECT attributes->>'number' AS number, (attributes->>'counter')::int AS counter "
        "FROM entities WHERE schema = 'meter' AND attributes->>'number' LIKE $1",
        f"M-{erp.number}-%",
    )
    latest = {f"M-{erp.number}-{counter % ENTITIES}": counter for counter in erp.accepted}
    assert {row["number"]: row["counter"] for row in entities} == latest


def _orders(rows: list[asyncpg.Record], *, grouped: bool) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for row in rows:
        groups.setdefault(row["number"] if grouped else "all", []).append(row["counter"])
    return list(groups.values())


async def _until_nothing_waits(connection: asyncpg.Connection) -> None:
    deadline = time.monotonic() + 90
    while await connection.fetchval("SELECT count(*) FROM inbound_pending"):
        assert time.monotonic() < deadline, "events still wait"
        await asyncio.sleep(0.05)


async def _integration(client: httpx.AsyncClient) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            response = await client.post(
                "/erp-integration/v2/integrations",
                json={
                    "name": "Chaos",
                    "use_cases": [
                        {
                            "name": "Meter",
                            "slug": "meter",
                            "type": "inbound",
                            "enabled": True,
                            "configuration": CONFIGURATION,
                        }
                    ],
                },
            )
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server does not start"
            await asyncio.sleep(0.05)
        else:
            assert response.status_code == 201, response.text
            return response.json()["id"]


def _create_key(data_dir: Path) -> str:
    command = [sys.executable, "-m", "tieline", "keys", "create", "--data-dir", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return next(word for word in done.stdout.split() if word.startswith("tl_"))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
