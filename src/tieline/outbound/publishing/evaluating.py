"""Evaluates the expressions of many messages; one that only costs time is soon given up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from tieline.mapping.errors import ExpressionTimeout, MappingError
from tieline.mapping.mapper import Evaluation, Mapper

Value = bytes | MappingError | None

_TRIED = 4
_SLOW_SECONDS = 0.05  # of an evaluation; usual ones take less than a hundredth of that


async def evaluate_all(
    mapper: Mapper,
    items: Sequence[Evaluation],
    now: Callable[[], float] = time.monotonic,
) -> list[Value]:
    """What each expression yields, in order.

    One that fails for the first few messages, and takes its time for that, is not tried for the
    others: everything else that the organisation sends would wait until it has failed for all.
    """
    values: list[Value] = [None] * len(items)
    by_source: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        by_source[item.source].append(index)
    left: list[int] = []
    for indices in by_source.values():
        if len(indices) <= _TRIED:
            left += indices
            continue
        first, rest = indices[:_TRIED], indices[_TRIED:]
        began = now()
        for index, value in zip(first, await _evaluate(mapper, items, first), strict=True):
            values[index] = value
        seconds = now() - began
        failed = [values[index] for index in first if isinstance(values[index], MappingError)]
        if len(failed) == _TRIED and seconds > _TRIED * _SLOW_SECONDS:
            for index in rest:
                values[index] = _given_up(failed[-1])
        else:
            left += rest
    for index, value in zip(left, await _evaluate(mapper, items, left), strict=True):
        values[index] = value
    return values


async def _evaluate(
    mapper: Mapper, items: Sequence[Evaluation], indices: Sequence[int]
) -> list[Value]:
    return await mapper.evaluate([items[index] for index in indices]) if indices else []


def _given_up(error: Value) -> ExpressionTimeout:
    assert isinstance(error, MappingError)
    return ExpressionTimeout(
        f"the expression failed slowly for the {_TRIED} messages before this one and was not "
        f"tried again. {error.message}"
    )
