"""An expression that only costs time holds up nobody for long."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.mapping.errors import ExpressionFailed, ExpressionTimeout, MappingError
from tieline.mapping.mapper import Evaluation
from tieline.outbound.publishing.evaluating import evaluate_all

Value = bytes | MappingError | None


class FakeMapper:
    """Echoes inputs; expressions that begin with `slow` or `wrong` fail, slowly or at once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.evaluated: list[str] = []

    async def evaluate(self, items: Sequence[Evaluation]) -> list[Value]:
        self.evaluated += [item.source for item in items]
        return [self._value(item) for item in items]

    def _value(self, item: Evaluation) -> Value:
        if item.source.startswith("slow"):
            self.seconds += 0.2
            return ExpressionFailed("It takes too many steps.")
        if item.source.startswith("wrong"):
            return ExpressionFailed("It is wrong.")
        return item.input


async def values_of(mapper: FakeMapper, *sources: str) -> list[Value]:
    items = [Evaluation(source, str(n).encode()) for n, source in enumerate(sources)]
    return await evaluate_all(mapper, items, now=lambda: mapper.seconds)  # type: ignore[arg-type]


async def test_values_come_in_the_order_of_the_items() -> None:
    mapper = FakeMapper()
    sources = ["a", "b"] * 10
    assert await values_of(mapper, *sources) == [str(n).encode() for n in range(20)]
    assert sorted(mapper.evaluated) == sorted(sources)


async def test_what_fails_slowly_is_given_up_and_the_others_are_not() -> None:
    mapper = FakeMapper()
    values = await values_of(mapper, *["slow", "fine"] * 10)
    assert values[1::2] == [str(n).encode() for n in range(1, 20, 2)]
    assert mapper.evaluated.count("slow") == 4
    tried, given_up = values[0:8:2], values[8::2]
    assert all(isinstance(value, ExpressionFailed) for value in tried)
    for value in given_up:
        assert isinstance(value, ExpressionTimeout)
        assert "not tried again. It takes too many steps." in value.message


async def test_what_fails_at_once_is_tried_each_time() -> None:
    mapper = FakeMapper()
    values = await values_of(mapper, *["wrong"] * 10)
    assert mapper.evaluated.count("wrong") == 10
    assert all(isinstance(value, ExpressionFailed) for value in values)


async def test_a_few_slow_ones_are_all_tried() -> None:
    mapper = FakeMapper()
    await values_of(mapper, *["slow"] * 4)
    assert mapper.evaluated.count("slow") == 4


async def test_nothing_is_nothing() -> None:
    assert await values_of(FakeMapper()) == []
