"""Hostile expressions, each sent through a real pool: a clear error within the time, then life."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sandbox_types import StartPool

from tieline.expressions.limits import Limits
from tieline.expressions.models import Done, Failed, FailureReason, Result, Task

SHARED = {"s": b'{"a": 1, "constructor": {"x": 2}}'}
TIMEOUT, LIMIT, SYNTAX, EVALUATION = "timeout", "limit", "syntax", "evaluation"
CRASHED = "crashed"

# A task has one second; the rest is for a slow machine and for starting another process.
PATIENCE = 4.0

ENDLESS = "($f := function($n) { 1 + $f($n + 1) }; $f(1))"
TAIL_ENDLESS = "($f := function($n) { $f($n + 1) }; $f(1))"
STRING_DOUBLING = '($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $d("aaaa", 60))'
ARRAY_DOUBLING = (
    "($d := function($s, $n) { $n = 0 ? $s : $d($append($s, $s), $n - 1) }; $d([1, 2], 60))"
)
REGEX = '$match("' + "a" * 50 + '!", /^(a+)+$/)'
REPLACE = '$replace($pad("", 100000, "a"), /a*?a*?a*?b/, "")'

ATTACKS: dict[str, tuple[str, set[str]]] = {
    "endless recursion": (ENDLESS, {LIMIT}),
    "endless tail recursion": (TAIL_ENDLESS, {LIMIT, TIMEOUT}),
    "huge range": ("[1..1e9]", {LIMIT}),
    "large range": ("[1..9999999]", {LIMIT, TIMEOUT}),
    "string doubling": (STRING_DOUBLING, {LIMIT}),
    "array doubling": (ARRAY_DOUBLING, {LIMIT}),
    "catastrophic regex": (REGEX, {TIMEOUT}),
    "catastrophic replace": (REPLACE, {TIMEOUT}),
    "padding": ('$pad("a", 2e9)', {LIMIT}),
    "padding with a pattern": ('$pad("a", 2e9, "ab")', {LIMIT}),
    "evaluated range": ('$eval("[1..1e9]")', {LIMIT, EVALUATION}),
    "evaluated recursion": (f"$eval({json.dumps(ENDLESS)})", {LIMIT, EVALUATION}),
    "evaluated tail recursion": (f"$eval({json.dumps(TAIL_ENDLESS)})", {LIMIT, TIMEOUT}),
    "evaluated string doubling": (f"$eval({json.dumps(STRING_DOUBLING)})", {LIMIT, EVALUATION}),
    "evaluated array doubling": (f"$eval({json.dumps(ARRAY_DOUBLING)})", {LIMIT, EVALUATION}),
    "evaluated regex": (f"$eval({json.dumps(REGEX)})", {TIMEOUT, EVALUATION}),
    "evaluated padding": ('$eval("$pad(\\"a\\", 2e9)")', {LIMIT, EVALUATION}),
    "evaluated nesting": ('$eval($pad("", 900000, "("))', {LIMIT, EVALUATION}),
    "nested parentheses": ("(" * 5000 + "1" + ")" * 5000, {LIMIT}),
    "nested arrays": ("[" * 5000 + "]" * 5000, {LIMIT}),
    "nested objects": ('{"a":' * 5000 + "1" + "}" * 5000, {LIMIT}),
    "nested predicates": ("a[b[" * 5000, {LIMIT}),
    "nested functions": ("function($x){" * 4000 + "1" + "}" * 4000, {LIMIT}),
    "nested signs": ("-" * 60_000 + "1", {LIMIT}),
    "long path": ("a." * 30_000 + "a", {LIMIT}),
    "one megabyte": ("1+" * 500_000 + "1", {LIMIT}),
    "huge sort": ("$sort([1..90000], function($a, $b) { $random() > 0.5 })", {LIMIT, TIMEOUT}),
    "huge map": (
        "$map([1..90000], function($x) { $map([1..90000], function($y) { $y }) })",
        {LIMIT, TIMEOUT},
    ),
    "huge reduce": (
        '$reduce([1..90000], function($a, $b) { $a & "xxxxxxxxxxxxxxxxxx" })',
        {LIMIT, TIMEOUT},
    ),
    "big result": ('[1..100000].("' + "x" * 60 + '")', {LIMIT}),
    "big text": ('$join([1..90000].$pad("a", 1000))', {LIMIT, TIMEOUT}),
    "hoarding": ('($x := [1..5000].$pad("a", 999999); $count($x))', {TIMEOUT, CRASHED, LIMIT}),
    "hoarding lists": ("($x := [1..90000].[1..90000]; 1)", {TIMEOUT, CRASHED, LIMIT}),
    "unbalanced": ('1) + ("', {SYNTAX}),
}


def explained(result: Result) -> tuple[str, str]:
    """The kind of failure and its message, wherever it was noticed."""
    if isinstance(result, Failed):
        return result.reason.value, result.message
    answer: dict[str, Any] = json.loads(result.body)
    return answer["fault"], answer["message"]


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_ends_as_a_clear_error(name: str, start_pool: StartPool) -> None:
    source, expected = ATTACKS[name]
    pool = await start_pool("sandbox_handlers:evaluate")
    started = time.monotonic()
    attacked, after = await pool.run(SHARED, [Task("s", source.encode()), Task("s", b"a")])
    assert time.monotonic() - started < PATIENCE
    fault, message = explained(attacked)
    assert fault in expected, message
    assert 10 < len(message) <= 400
    assert after == Done(b'{"value": 1}')


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("__proto__.constructor", None),
        ('$lookup($, "__proto__")', None),
        ('$lookup($, "toString")', None),
        ("constructor", {"x": 2}),
        ("constructor.constructor", None),
        ('$eval("__proto__")', None),
    ],
)
async def test_prototype_names_are_ordinary_names(
    source: str, value: Any, start_pool: StartPool
) -> None:
    pool = await start_pool("sandbox_handlers:evaluate")
    [result] = await pool.run(SHARED, [Task("s", source.encode())])
    assert isinstance(result, Done)
    assert json.loads(result.body).get("value") == value


@pytest.mark.parametrize(
    "source",
    [
        '$formatNumber(1, $pad("0", 900000, "0"))',
        "$formatNumber(1e300, '#,##0." + "0" * 60_000 + "')",
        '$toMillis("x", "' + "[Y]" * 20_000 + '")',
        '$formatInteger(1e15, "w")',
    ],
)
async def test_a_picture_bomb_costs_no_more_than_its_length(
    source: str, start_pool: StartPool
) -> None:
    pool = await start_pool("sandbox_handlers:evaluate")
    started = time.monotonic()
    bombed, after = await pool.run(SHARED, [Task("s", source.encode()), Task("s", b"a")])
    assert time.monotonic() - started < PATIENCE
    assert isinstance(bombed, Done)
    assert len(bombed.body) <= 1_100_000
    assert after == Done(b'{"value": 1}')


async def test_a_hostile_jsonpath_is_stopped_from_outside(start_pool: StartPool) -> None:
    pool = await start_pool("sandbox_handlers:find", limits=Limits(task_seconds=0.5))
    shared = {"s": json.dumps([{"x": "a" * 40 + "!"}]).encode()}
    hostile = Task("s", b'$[?match(@.x, "(a+)+$")]')
    hung, after = await pool.run(shared, [hostile, Task("s", b"$[0].x")])
    assert hung == Failed(FailureReason.TIMEOUT, "did not finish within 0.5 seconds")
    assert isinstance(after, Done)
