from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.expressions.errors import ExpressionError, ExpressionFault
from tieline.expressions.evaluator import CompileCache, Evaluator
from tieline.expressions.jsonata import JlensEngine
from tieline.expressions.limits import DEFAULT_LIMITS, Limits
from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope

ROOT = Scope({"a": 1, "n": None, "l": [1, 2], "big": Decimal("1.10")})
ITEM = Scope({"x": 5, "n": None, "d": Decimal("2.5")}, ROOT)


def evaluate(source: str, scope: Scope = ROOT, limits: Limits = DEFAULT_LIMITS) -> Any:
    return Evaluator(limits).evaluate(source, scope)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a", 1),
        ("n", None),
        ("nothing", UNDEFINED),
        ("undefined", UNDEFINED),
        ("(nothing; n)", None),
        ("n /* trailing comment */", None),
        ("[n]", [None]),
        ("[nothing]", []),
        ("l", [1, 2]),
        ("l[0]", 1),
        ("l[0][]", [1]),
        ("$sum", UNDEFINED),
        ("/regex/", UNDEFINED),
        (" /* c */ /regex/ ", UNDEFINED),
        ("function($x) { $x }", UNDEFINED),
        ("big", 1.1),
        ("$string(n)", "null"),
    ],
)
def test_undefined_and_null_are_told_apart(source: str, value: Any) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("x", 5),
        ("x + $$.a", 6),
        ("$$.a + $.x", 6),
        ("$$", {"a": 1, "n": None, "l": [1, 2], "big": 1.1}),
        ("$$.n", None),
        ("$$.nothing", UNDEFINED),
        ("[$$.a]", [1]),
        ("[[$$.a]]", [[1]]),
        ("$$.l", [1, 2]),
        ("{'both': $$.a + x}", {"both": 6}),
        ("d + $$.big", 3.6),
        ("$map($$.l, function($v) { $v + x })", [6, 7]),
        ("/$$/", UNDEFINED),
        ('"$$"', "$$"),
        ("n", None),
    ],
)
def test_an_item_sees_the_payload_as_root(source: str, value: Any) -> None:
    assert evaluate(source, ITEM) == value


@pytest.mark.parametrize(
    ("item", "source", "value"),
    [
        ("text", "$ & $$.a", "text1"),
        (7, "$ + $$.a", 8),
        (None, "$$.a", 1),
        (None, "$", None),
        (None, "x", UNDEFINED),
        ([1, 2], "$count($)", 2),
        ([[1, 2], [3]], "$count($$)", 2),
        ([], "$count($)", 0),
        ([5], "$", [5]),
    ],
)
def test_items_that_are_no_objects(item: Any, source: str, value: Any) -> None:
    assert evaluate(source, Scope(item, ROOT)) == value


def test_the_json_text_of_a_payload_is_used() -> None:
    assert evaluate("a", Scope({"a": "value"}, text=b'{"a": "text"}')) == "text"


@pytest.mark.parametrize("text", [b'{"a": 1e999}', b'\xff{"a": 1}', b"[" * 500 + b"]" * 500])
def test_a_text_that_the_engine_cannot_take_is_replaced_by_the_value(text: bytes) -> None:
    assert evaluate("a", Scope({"a": 2}, text=text)) == 2


@pytest.mark.parametrize(
    ("source", "position", "words"),
    [
        ("a +", 3, "end of expression"),
        ("(1", 2, 'Expected ")"'),
        ("1) + (2", 1, "Syntax error"),
        ("", 0, "end of expression"),
        ("$$.a +", 6, "end of expression"),
        ("a} & {'b'", 1, "Syntax error"),
    ],
)
def test_a_syntax_error_says_what_and_where(source: str, position: int, words: str) -> None:
    for scope in (ROOT, ITEM):
        with pytest.raises(ExpressionError, match=re.escape(words)) as caught:
            evaluate(source, scope)
        assert caught.value.fault is ExpressionFault.SYNTAX
        assert caught.value.position == position
        assert caught.value.engine_code is not None


def test_an_error_in_an_item_has_its_position_in_the_source_as_written() -> None:
    with pytest.raises(ExpressionError, match="right side") as caught:
        evaluate('[1, $$.a + "x"]', ITEM)
    assert caught.value.fault is ExpressionFault.EVALUATION
    assert caught.value.position == 4
    assert caught.value.engine_code == "T2002"


def test_a_long_message_is_cut() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate('$error($pad("", 5000, "x"))')
    assert len(caught.value.message) <= 300


@pytest.mark.parametrize(
    ("source", "limits", "fault", "words"),
    [
        ("a" * 11, Limits(max_source_length=10), ExpressionFault.LIMIT, "11 characters; 10 are"),
        ("(" * 1001, Limits(), ExpressionFault.LIMIT, "nested too deeply"),
        ("[1..20]", Limits(max_array_length=10), ExpressionFault.LIMIT, "10 items"),
        ('"aaaa" & "bbbb"', Limits(max_string_length=5), ExpressionFault.LIMIT, "5 bytes"),
        ('["aaaa", "bbbb"]', Limits(max_result_bytes=5), ExpressionFault.LIMIT, "5 bytes"),
        ("$map([1..99], function($x) { $x })", Limits(max_steps=10), ExpressionFault.LIMIT, "10"),
        (
            "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(50))",
            Limits(max_depth=20),
            ExpressionFault.LIMIT,
            "recursive",
        ),
        (
            "($f := function() { $f() }; $f())",
            Limits(evaluation_seconds=0.01),
            ExpressionFault.TIMEOUT,
            "longer than 0.01 seconds",
        ),
    ],
)
def test_every_limit_has_its_own_words(
    source: str, limits: Limits, fault: ExpressionFault, words: str
) -> None:
    with pytest.raises(ExpressionError, match=words) as caught:
        evaluate(source, limits=limits)
    assert caught.value.fault is fault


def test_expressions_share_the_time_of_their_task() -> None:
    now = 100.0
    evaluator = Evaluator(Limits(task_seconds=1), clock=lambda: now)
    evaluator.begin_task()
    assert evaluator.evaluate("a", ROOT) == 1
    now += 0.95
    with pytest.raises(ExpressionError, match="used up") as caught:
        evaluator.evaluate("a", ROOT)
    assert caught.value.fault is ExpressionFault.TIMEOUT
    evaluator.begin_task()
    assert evaluator.evaluate("a", ROOT) == 1


def test_the_time_left_bounds_an_evaluation() -> None:
    evaluator = Evaluator(Limits(task_seconds=0.02, evaluation_seconds=60))
    evaluator.begin_task()
    with pytest.raises(ExpressionError) as caught:
        evaluator.evaluate("($f := function() { $f() }; $f())", ROOT)
    assert caught.value.fault is ExpressionFault.TIMEOUT


def test_checking_compiles_without_running() -> None:
    evaluator = Evaluator()
    evaluator.check_expression('$error("only when it runs")')
    evaluator.check_path("$.a[*]")
    with pytest.raises(ExpressionError):
        evaluator.check_expression("a +")
    with pytest.raises(ExpressionError):
        evaluator.check_path("$.")


def test_a_compiled_expression_serves_every_scope() -> None:
    evaluator = Evaluator()
    for scope in (ROOT, ITEM, Scope({"n": 1}, ROOT), ITEM, ROOT):
        assert evaluator.evaluate("$$.n", scope) is None
        assert evaluator.evaluate("nothing", scope) is UNDEFINED
    assert evaluator.find("$.l[*]", ROOT.value) == [1, 2]


def test_the_cache_keeps_the_most_recently_used() -> None:
    compiled: list[str] = []

    def compile_source(source: str) -> str:
        compiled.append(source)
        return source.upper()

    cache = CompileCache(compile_source, size=2)
    assert [cache.get(source) for source in "abacab"] == list("ABACAB")
    assert compiled == ["a", "b", "c", "b"]
    assert len(cache) == 2


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_copied_by_an_expression_stays_what_it_is(value: Any) -> None:
    engine = JlensEngine(Limits())
    expression = engine.compile('$lookup($, "v")')
    assert expression.evaluate(Scope({"v": value}), 1.0) == value
    assert engine.compile('$lookup($$, "v")').evaluate(Scope({}, Scope({"v": value})), 1.0) == value
