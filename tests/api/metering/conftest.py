"""A meter with its counters, and readings of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

Post = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class MeterPlace:
    """The ids of a meter, of its two counters, of its contract and of its customer."""

    meter: str
    counter: str
    other_counter: str
    contract: str
    customer: str

    @property
    def readings(self) -> str:
        """Where the readings of the first counter are."""
        return f"/metering/v1/metering/reading/{self.meter}/{self.counter}"

    def reading(self, **more: Any) -> dict[str, Any]:
        """A reading of the first counter."""
        return {
            "meter_id": self.meter,
            "counter_id": self.counter,
            "source": "ERP",
            "timestamp": "2026-01-31T08:00:00.000Z",
            "value": 100,
            **more,
        }


def related(*ids: str) -> dict[str, Any]:
    return {"$relation": [{"entity_id": i} for i in ids]}


@pytest.fixture
async def place(client: httpx.AsyncClient) -> MeterPlace:
    async def create(schema: str, **attributes: Any) -> str:
        answer = await client.post(f"/entity/v1/entity/{schema}", json=attributes)
        return str(answer.json()["_id"])

    customer = await create("contact", name="Jane")
    contract = await create("contract", number="C1", customer=related(customer))
    meter = await create(
        "meter",
        _title="Meter 1",
        meter_number="M1",
        ma_lo_id="DE1",
        contract=related(contract),
        customer=related(customer),
    )
    counters = [
        await create("meter_counter", obis_number=obis, meter=related(meter))
        for obis in ("1.8.0", "2.8.0")
    ]
    return MeterPlace(meter, counters[0], counters[1], contract, customer)


@pytest.fixture
def write(client: httpx.AsyncClient) -> Post:
    """Write readings in a batch; the answered readings, or the refusal."""

    async def post(
        *readings: dict[str, Any],
        identifiers: tuple[str, ...] = (),
        expect: int = 200,
        **query: Any,
    ) -> Any:
        answer = await client.post(
            "/metering/v2/metering/readings",
            params=query,
            json={"readings": readings, "identifiers": identifiers},
        )
        assert answer.status_code == expect, answer.text
        return answer.json()["data"] if expect == 200 else answer.json()

    return post


@pytest.fixture
def stored(client: httpx.AsyncClient, place: MeterPlace) -> Post:
    """The readings of the first counter, in the order of time."""

    async def read(**query: Any) -> Any:
        params = {"type": "cumulative", "end_date": "2999-01-01", **query}
        answer = await client.get(place.readings, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    return read
