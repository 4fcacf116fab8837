"""Runs samples in the sandbox, against a configuration that need not be stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tieline.integrations.samples.comparison import ABSENT, Difference, differences
from tieline.integrations.samples.models import Sample, SampleResult, SampleStatus
from tieline.mapping.errors import MappingError
from tieline.mapping.mapper import Mapper
from tieline.monitoring.models import EventType

UPDATES = ("entity_updates", "meter_readings_updates")
SCOPES = ("prune_scopes", "meter_reading_prune_scopes")


class Budget:
    """Seconds that several runs share."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def used_up(self) -> bool:
        """Whether nothing more should be begun."""
        return self._clock() >= self._end


async def run_samples(
    mapper: Mapper, configuration_json: bytes, samples: Sequence[Sample], budget: Budget
) -> list[SampleResult]:
    """What comes of each sample, in order; those that the budget does not allow are not run.

    They are mapped one after the other, so that events which are waiting are mapped in between.
    """
    results: list[SampleResult] = []
    for sample in samples:
        if budget.used_up:
            results.append(SampleResult(sample.name, SampleStatus.NOT_RUN))
        else:
            results.append(await _run(mapper, configuration_json, sample))
    return results


async def present_result(
    mapper: Mapper, configuration_json: bytes, sample: Sample
) -> Mapping[str, Any]:
    """What the configuration makes of the sample's payload. Raises `MappingError`."""
    simulated = await mapper.simulate(
        configuration_json,
        sample.payload_bytes(),
        sample.format,
        removing=sample.event_type is EventType.DELETE,
    )
    return {key: simulated.get(key, []) for key in (*UPDATES, *SCOPES)}


async def _run(mapper: Mapper, configuration_json: bytes, sample: Sample) -> SampleResult:
    actual: Mapping[str, Any]
    message = None
    try:
        actual = await present_result(mapper, configuration_json, sample)
    except MappingError as error:
        actual, message = {"error": error.code}, error.message
    found = tuple(compare(sample.expected, actual))
    status = SampleStatus.FAILED if found else SampleStatus.PASSED
    return SampleResult(sample.name, status, actual, found, message)


def compare(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Difference]:
    """The differences between what was expected and what came. Pure.

    A list of updates that is left out is expected to be empty. Scopes that are left out are not
    looked at: the references do not know them, so that expectations from elsewhere lack them.
    """
    wanted, got = expected.get("error", ABSENT), actual.get("error", ABSENT)
    if wanted is not ABSENT or got is not ABSENT:
        # Beside an error there are no updates: to list them all as missing would hide it.
        return list(differences(wanted, got, "error"))
    return [
        difference
        for key in (*UPDATES, *(key for key in SCOPES if key in expected))
        for difference in differences(expected.get(key, []), actual.get(key, []), key)
    ]
