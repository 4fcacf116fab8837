from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tieline.expressions.sandbox import SandboxPool
from tieline.integrations.samples.comparison import ABSENT, Difference
from tieline.integrations.samples.guard import sample_warnings
from tieline.integrations.samples.models import Sample, SampleResult, SampleStatus
from tieline.integrations.samples.running import Budget, run_samples
from tieline.kit import json
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.mapping.models import PayloadFormat
from tieline.monitoring.models import EventType

CONFIGURATION = json.dumps(
    {
        "entities": [
            {
                "entity_schema": "contact",
                "unique_ids": ["number"],
                "fields": [
                    {"attribute": "number", "field": "$.Customer.id"},
                    {"attribute": "name", "field": "$.Customer.name"},
                ],
            }
        ]
    }
)


@pytest.fixture(scope="module")
async def mapper() -> AsyncIterator[Mapper]:
    pool = SandboxPool(handler=HANDLER)
    await pool.start()
    yield Mapper(pool)
    await pool.close()


def contact(name: Any = "A", number: Any = 7) -> dict[str, Any]:
    return {
        "entity_updates": [
            {
                "entity_slug": "contact",
                "unique_identifiers": {"number": number},
                "attributes": {"number": number, "name": name},
            }
        ]
    }


def sample(name: str = "one", **different: Any) -> Sample:
    usual = {
        "format": PayloadFormat.JSON,
        "payload": {"Customer": {"id": 7, "name": "A"}},
        "expected": contact(),
    }
    return Sample(name, **(usual | different))


async def test_a_sample_passes_when_it_comes_out_as_expected(mapper: Mapper) -> None:
    [result] = await run_samples(mapper, CONFIGURATION, [sample()], Budget(30))

    assert (result.status, result.differences) == (SampleStatus.PASSED, ())


async def test_a_sample_fails_with_the_place_of_the_difference(mapper: Mapper) -> None:
    wrong = sample(expected=contact("B"))

    [result, other] = await run_samples(mapper, CONFIGURATION, [wrong, sample("two")], Budget(30))

    assert result.status is SampleStatus.FAILED
    assert [str(d) for d in result.differences] == [
        'entity_updates[0].attributes.name: expected "B", got "A"'
    ]
    nothing: list[Any] = []
    assert result.actual == {
        **contact("A"),
        "meter_readings_updates": nothing,
        "prune_scopes": nothing,
        "meter_reading_prune_scopes": nothing,
    }
    assert other.status is SampleStatus.PASSED


async def test_xml_and_text_are_mapped_as_an_event_would_be(mapper: Mapper) -> None:
    text = '{"Customer": {"id": 7, "name": "A"}}'
    xml = "<Customer><id>7</id><name>A</name></Customer>"
    samples = [sample(payload=text), sample(format=PayloadFormat.XML, payload=xml)]

    results = await run_samples(mapper, CONFIGURATION, samples, Budget(30))

    assert [result.status for result in results] == [SampleStatus.PASSED] * 2


async def test_every_digit_counts(mapper: Mapper) -> None:
    number = 12345678901234567890
    exact = sample(payload={"Customer": {"id": number, "name": "A"}}, expected=contact("A", number))
    off = sample(payload=exact.payload, expected=contact("A", number + 1))

    results = await run_samples(mapper, CONFIGURATION, [exact, off], Budget(30))

    assert [result.status for result in results] == [SampleStatus.PASSED, SampleStatus.FAILED]


async def test_a_mapping_may_be_expected_to_fail(mapper: Mapper) -> None:
    without = {"payload": {"Customer": {"name": "A"}}}
    expected = sample(**without, expected={"error": "MISSING_UNIQUE_IDENTIFIERS"})
    surprised = sample(**without)

    first, second = await run_samples(mapper, CONFIGURATION, [expected, surprised], Budget(30))

    assert first.status is SampleStatus.PASSED
    assert second.status is SampleStatus.FAILED
    assert [d.path for d in second.differences] == ["error"]
    assert second.message


async def test_an_event_that_removes_needs_no_more_than_what_identifies(mapper: Mapper) -> None:
    expected = contact()
    del expected["entity_updates"][0]["attributes"]["name"]
    expected["entity_updates"][0]["mode"] = "delete"
    removing = sample(event_type=EventType.DELETE, expected=expected)

    [result] = await run_samples(mapper, CONFIGURATION, [removing], Budget(30))

    assert result.differences == ()


async def test_what_does_not_fit_into_the_time_is_not_run(mapper: Mapper) -> None:
    moments = iter([0.0, 1.0, 3.0, 4.0])
    budget = Budget(2.0, lambda: next(moments))
    samples = [sample("one"), sample("two"), sample("three")]

    results = await run_samples(mapper, CONFIGURATION, samples, budget)

    assert [result.status.value for result in results] == ["passed", "not_run", "not_run"]


def test_a_broken_sample_is_one_warning_with_its_first_differences() -> None:
    found = tuple(Difference(f"entity_updates[{n}]", 1, 2) for n in range(5))
    results = [
        SampleResult("fine", SampleStatus.PASSED),
        SampleResult("two words", SampleStatus.FAILED, {}, found),
        SampleResult("late", SampleStatus.NOT_RUN),
    ]

    broken, left = sample_warnings(results)

    assert broken.path == 'samples["two words"]'
    assert "entity_updates[0]: expected 1, got 2" in broken.message
    assert "and 2 more" in broken.message
    assert left.path == "samples"
    assert left.message.startswith("Samples that were not run: 1.")


def test_the_reason_of_an_error_is_part_of_the_warning() -> None:
    result = SampleResult(
        "x",
        SampleStatus.FAILED,
        {},
        (Difference("error", ABSENT, "MALFORMED_PAYLOAD"),),
        "Line 1 is broken.",
    )

    [warning] = sample_warnings([result])

    assert warning.message.endswith("Line 1 is broken.")
