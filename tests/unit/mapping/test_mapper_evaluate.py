"""Single expressions in the sandbox: what rendering, hydration and file proxies use."""

from __future__ import annotations

import pytest

from tieline.expressions.limits import Limits
from tieline.expressions.sandbox import SandboxPool
from tieline.mapping.errors import ExpressionFailed, ExpressionTimeout, MalformedPayload
from tieline.mapping.mapper import HANDLER, Evaluation, Mapper


@pytest.fixture
async def mapper():
    pool = SandboxPool(handler=HANDLER, limits=Limits(task_seconds=1.0, evaluation_seconds=0.2))
    await pool.start()
    yield Mapper(pool)
    await pool.close()


async def test_values_come_back_as_json_in_order(mapper):
    values = await mapper.evaluate(
        [
            Evaluation('{"n": a + 1}', b'{"a": 1}'),
            Evaluation("missing", b"{}"),
            Evaluation("null", b"{}"),
            Evaluation("[1..3]", b"{}"),
            Evaluation("$", '"\u00e4\U0001f600"'.encode()),
        ]
    )
    assert values == [b'{"n":2}', None, b"null", b"[1,2,3]", '"\u00e4\U0001f600"'.encode()]


async def test_one_that_fails_costs_only_itself(mapper):
    good, failed, endless, broken, unreadable = await mapper.evaluate(
        [
            Evaluation("1", b"{}"),
            Evaluation("1 + 'a'", b"{}"),
            Evaluation("($f := function($n) {$f($n + 1)}; $f(0))", b"{}"),
            Evaluation("(1", b"{}"),
            Evaluation("1", b"{"),
        ]
    )
    assert good == b"1"
    assert isinstance(failed, ExpressionFailed)
    assert "Correct the expression" in failed.message
    assert isinstance(endless, ExpressionFailed | ExpressionTimeout)
    assert isinstance(broken, ExpressionFailed)
    assert isinstance(unreadable, MalformedPayload)


async def test_sources_are_compiled_without_being_run(mapper):
    fine, broken = await mapper.check_sources(["$sum(a)", "a.("])
    assert fine is None
    assert broken is not None
    assert "character" in broken


async def test_nothing_asked_is_nothing_answered(mapper):
    assert await mapper.evaluate([]) == []
    assert await mapper.check_sources([]) == []
