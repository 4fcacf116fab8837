from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sandbox_types import StartPool

from tieline.expressions.limits import DEFAULT_LIMITS, Limits
from tieline.expressions.sandbox import SandboxPool


@pytest.fixture
async def start_pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartPool]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    pools: list[SandboxPool] = []

    async def start(
        handler: str = "sandbox_handlers:obey", size: int = 1, limits: Limits = DEFAULT_LIMITS
    ) -> SandboxPool:
        pools.append(SandboxPool(handler=handler, size=size, limits=limits))
        await pools[-1].start()
        return pools[-1]

    yield start
    for pool in pools:
        await pool.close()
