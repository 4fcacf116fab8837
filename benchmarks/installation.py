"""A real server for the benchmarks: `tieline serve` on a fresh data directory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.load import Connection

MakeEvent = Callable[[int], dict[str, Any]]

METERS = 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = "/erp-integration/v3/erp/updates/events"

# Ten fields and a relation: what the end-to-end figure is about.
CONFIGURATION = {
    "entities": [
        {
            "entity_schema": "contract",
            "unique_ids": ["contract_number"],
            "fields": [
                {"attribute": "contract_number", "field": "number"},
                {"attribute": "status", "jsonataExpression": "$lowercase(status)"},
                {"attribute": "source", "constant": "ERP"},
                {"attribute": "product", "field": "product"},
                {"attribute": "start_date", "field": "start"},
                {"attribute": "city", "field": "$.address.city"},
                {"attribute": "street", "field": "$.address.street"},
                {"attribute": "consumption", "field": "consumption"},
                {"attribute": "label", "jsonataExpression": "product & ' ' & number"},
                {"attribute": "branch", "jsonataExpression": "branch = 'E' ? 'power' : 'gas'"},
                {
                    "attribute": "billing_account",
                    "relations": {
                        "operation": "_set",
                        "items": [
                            {
                                "entity_schema": "billing_account",
                                "unique_ids": [{"attribute": "external_id", "field": "account"}],
                            }
                        ],
                    },
                },
            ],
        }
    ]
}
METER = {
    "entities": [
        {
            "entity_schema": "meter",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "field": "meter"}],
        }
    ]
}
READINGS = {
    "meter_readings": [
        {
            "jsonataExpression": "readings.$merge([$, {'meter': $$.meter}])",
            "meter": {"unique_ids": [{"attribute": "number", "field": "meter"}]},
            "fields": [
                {"attribute": "external_id", "field": "id"},
                {"attribute": "timestamp", "field": "at"},
                {"attribute": "value", "field": "value"},
                {"attribute": "source", "constant": "ERP"},
            ],
        }
    ]
}
USE_CASES = {"contract": CONFIGURATION, "meter": METER, "readings": READINGS}


@dataclass
class Installation:
    """A running server and the integration that the load goes to."""

    url: str
    key: str
    data_dir: Path
    process: subprocess.Popen[str]
    integration_id: str = ""

    async def create_integration(self, name: str = "Benchmark") -> str:
        use_cases = [
            {
                "name": slug,
                "slug": slug,
                "type": "inbound",
                "enabled": True,
                "configuration": configuration,
            }
            for slug, configuration in USE_CASES.items()
        ]
        body = msgspec.json.encode({"name": name, "use_cases": use_cases})
        answer = await self.call("/erp-integration/v2/integrations", body)
        self.integration_id = answer["id"]
        return self.integration_id

    async def call(self, path: str, body: bytes) -> Any:
        connection = Connection(self.url, self.key)
        await connection.open()
        try:
            return msgspec.json.decode(await connection.post(path, body))
        finally:
            connection.close()

    def requests(
        self, events: int, *, make: MakeEvent | None = None, first: int = 0
    ) -> Iterator[bytes]:
        """Bodies with that many events each, made of growing numbers."""
        make = make or contract
        number = first
        while True:
            batch = [make(n) for n in range(number, number + events)]
            number += events
            yield msgspec.json.encode({"integration_id": self.integration_id, "events": batch})

    def resident_megabytes(self) -> float:
        """Memory of the server and its sandbox processes, without the database."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        total = 0
        for pid in (str(self.process.pid), *children):
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists() and b"postgres" not in command.read_bytes():
                status = Path(f"/proc/{pid}/status").read_text()
                total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]
        return total / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def contract(number: int) -> dict[str, Any]:
    """One realistic event of about 400 bytes, about a contract that no other number has."""
    return {
        "use_case_slug": "contract",
        "timestamp": "2026-01-31T08:00:00Z",
        "payload": {
            "number": f"CTR-{number:08d}",
            "status": "ACTIVE",
            "product": "Ökostrom Komfort",
            "start": "2026-02-01",
            "address": {"street": "Domstraße", "house": "4a", "zip": "50667", "city": "Köln"},
            "consumption": 3000 + number % 977,
            "branch": "E" if number % 2 else "G",
            "account": f"ACC-{number // 2:08d}",
            "changed_by": "SAP-IS-U",
        },
    }


def grouped(number: int) -> dict[str, Any]:
    """The same in a group with the other contract of its account."""
    return {**contract(number), "group_id": f"ACC-{number // 2:08d}"}


def meter(number: int) -> dict[str, Any]:
    """A meter."""
    return _event("meter", {"meter": f"M-{number % METERS:08d}"})


def reading(number: int) -> dict[str, Any]:
    """One new reading of one of the meters."""
    day = START + timedelta(days=number // METERS)
    return _readings(number % METERS, [(day, number)])


def day_of_readings(number: int) -> dict[str, Any]:
    """The 96 quarter hours of a new day of one of the meters."""
    day = START + timedelta(days=number // METERS)
    return _readings(
        number % METERS,
        [(day + timedelta(minutes=15 * n), number * 96 + n) for n in range(96)],
    )


def _readings(number: int, readings: list[tuple[datetime, int]]) -> dict[str, Any]:
    sent = [
        {"id": f"R-{value}", "at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "value": value / 4}
        for moment, value in readings
    ]
    return _event("readings", {"meter": f"M-{number:08d}", "readings": sent})


def _event(slug: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"use_case_slug": slug, "timestamp": "2026-01-31T08:00:00Z", "payload": payload}


def start(data_dir: Path, *arguments: str, **environment: str) -> Installation:
    """Start a server with these arguments and wait until it serves."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tieline", "serve"),
            *("--data-dir", str(data_dir), "--port", "0", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=(data_dir.parent / "server.log").open("w"),
        text=True,
        env={**os.environ, **environment},
    )
    url = key = ""
    assert process.stdout is not None
    for line in process.stdout:
        key = match[0] if (match := re.search(r"tl_\w+", line)) else key
        url = match[0] if (match := re.search(r"http://[\w.:]+", line)) else url
        if url and key:
            return Installation(url, key, data_dir, process)
    raise RuntimeError("the server did not start")
